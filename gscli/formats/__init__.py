"""File formats. The directory is the registry: ``formats/ply.py`` *is* the PLY format.

A format module defines ``FORMAT``, a `Format`; its types say what it is made of. Modules import their
libraries inside the functions that need them. A scene is read from a `Source` and written to a `Target`,
each looked up once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from .. import arguments
from ..cloud import GaussianCloud, Index
from ..errors import UsageError
from ..in_memory import Points, as_cloud
from ..progress import nothing
from ._decoded import Decoded as Decoded
from ._format import FOLDER as FOLDER
from ._format import FOLDER_HEAD as FOLDER_HEAD
from ._format import FORMATS as FORMATS
from ._format import HEAD_BYTES as HEAD_BYTES
from ._format import PART as PART
from ._format import Format as Format
from ._format import Loss as Loss
from ._format import Writer as Writer
from ._format import by_suffix as by_suffix
from ._format import head_of as head_of
from ._identify import identify as identify
from ._memory import Memory as Memory
from ._memory import destination as destination
from ._memory import refuse_idle as refuse_idle
from ._outputs import check_outputs as check_outputs
from ._source import Source as Source
from ._source import read_all as read_all
from ._target import Target as Target
from ._write import Edit as Edit


def read(
    path: str | os.PathLike[str],
    *,
    only: Sequence[str] | None = None,
    trust_pickle: bool = False,
    axes: str | None = None,
) -> GaussianCloud:
    """Read a scene of any known format, in a zip too; ``-`` is stdin, ``FILE::PART`` one model or member.

    ``FILE::FORMAT``, or ``-::FORMAT``, is of a format that nothing in it tells: ``kitti``, ``nuscenes`` or
    ``splat``. Of a zip with several scenes ``FILE::MEMBER`` is one, and may be followed by another
    ``::PART``.

    Args:
        path: the file, folder or pipe.
        only: columns that will do. Formats that can leave the others unread do so; the rest give all.
        trust_pickle: unpickle with the full power of pickle, which runs whatever code the file holds.
        axes: those that the file is in if it does not say, by the name of `gscli.files.axes.NAMES`: ``rub``
            is right-up-back, ``rdf`` right-down-front, in which every cloud is.

    Raises:
        InputError: missing, unreadable, malformed, or of no known format.
        UsageError: `trust_pickle` for a format that is no pickle, a part of one that has none, or `axes` for
            one that is always right-down-front.
        EngineUnavailable: the format needs a package that is not installed.
    """
    arguments.require_paths(path=path)
    return Source.of(path).read(only=only, trust_pickle=trust_pickle, axes=axes)


def write(
    path: str | os.PathLike[str],
    points: Points,
    *,
    overwrite: bool = False,
    index: Index | None = None,
    allow_lossy: bool = False,
    made_by: str | None = None,
    axes: str | None = None,
    quality: str | None = None,
    advance: Callable[[int], object] = nothing,
) -> None:
    """Write a cloud in the format of the path's suffix.

    Args:
        path: the file or folder to write; ``-`` is stdout, as PLY, and ``FILE::kitti`` as of `read`.
        points: a cloud, or what `gscli.in_memory.as_cloud` makes one of.
        overwrite: whether an existing file may be replaced.
        index: write these rows, in this order, instead of all: as of `GaussianCloud.take`.
        allow_lossy: whether what the format cannot hold may be lost.
        made_by: one more comment line, which says how the cloud was made. It is no part of what must not
            be lost: a format without comments goes without.
        axes: those that the file is to be in, as of `read`; by default those of the file that the cloud was
            read from, or else the format's own.
        quality: of formats that let one choose (SPZ) ``full`` or ``compact``, in fewer bits; by default full.
        advance: told how many rows each finished part had.

    Raises:
        WriteRefused: the file exists and `overwrite` is false, or the format would lose something
            and `allow_lossy` is false.
        UsageError: `axes` for a format that is always right-down-front, or `quality` for one that has one;
            rows that are not there.
        EngineUnavailable: the format needs a package that is not installed.
    """
    arguments.require_paths(path=path)
    arguments.require_flags(overwrite=overwrite, allow_lossy=allow_lossy)
    cloud = as_cloud(points)
    like = cloud.header.format
    target = Target.of(
        path, like=like, overwrite=overwrite, allow_lossy=allow_lossy, axes=axes, quality=quality
    )
    if axes is not None and not target.format.framed:
        what = f"is always right-down-front ({target.format.name})"
        raise UsageError(what, path=path, remedy="drop `axes`")
    rows = None if index is None else cloud.row_numbers(index)
    target.write(cloud, index=rows, made_by=made_by, advance=advance)
