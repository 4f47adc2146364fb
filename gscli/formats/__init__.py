"""File formats. The directory is the registry: ``formats/ply.py`` *is* the PLY format.

A format module defines

* ``DESCRIPTION``: one line for people;
* ``SUFFIXES``: the file name endings it is written under, first the usual one; ``/`` is a folder;
* ``sniff(head) -> bool``: whether the first bytes of a file are its (see `head_of`) and no other's;
* ``read(path) -> GaussianCloud``;

and, where it can be written,

* ``write(path, cloud, *, overwrite, index=None, advance=nothing)``: atomically; `index` selects rows
  in order, `advance` is told of rows done;
* ``unsupported(cloud) -> list[str]``: what writing that cloud would lose.

It may also define

* ``OPTIONS``: which of ``part``, ``only`` and ``trust_pickle`` its ``read`` takes (see `read`);
* ``refuse_existing(path, *, overwrite)``: what ``write`` refuses to replace, where it writes folders;
* ``LOSSY``: True where ``write`` rounds whatever it is given;
* ``STREAMS``: True where ``write`` holds a few megabytes of rows at a time and takes `index` as a mask;
* ``order(cloud, index) -> index``: the order in which ``write`` puts rows, if it sorts them;
* ``references_rows(cloud) -> list[str]``: what ``write`` copies that numbers rows, such as a mesh's faces;
* ``REQUIRES``: the packages it needs beyond the core, as they are imported, all in the ``formats`` extra;
  ``OPTIONAL``: those that only some of its files need.

Modules import their libraries inside the functions that need them.
"""

from __future__ import annotations

import os
import pkgutil
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy.typing as npt

from .. import files
from ..cloud import GaussianCloud
from ..errors import EngineUnavailable, GscliError, InputError, UsageError, WriteRefused, installing
from ..progress import nothing

HEAD_BYTES = 1 << 16
FOLDER_HEAD = b"\0folder\n"  # what the head of a folder starts with
PART = "::"  # FILE::PART is one model of a file with several


@cache
def names() -> tuple[str, ...]:
    """Names of all formats, found in the directory without importing any."""
    return tuple(sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")))


def module(name: str) -> ModuleType:
    return import_module(f"{__name__}.{name}")


def lacking(packages: Sequence[str]) -> tuple[str, ...]:
    """Those of some packages that are not installed here."""
    return tuple(package for package in packages if find_spec(package) is None)


def require(name: str, path: str | os.PathLike[str]) -> None:
    """Refuse, with the install command, a format whose packages are not here.

    Raises:
        EngineUnavailable: a package is missing.
    """
    missing = lacking(getattr(module(name), "REQUIRES", ()))
    if missing:
        raise EngineUnavailable(
            f"needs {' and '.join(missing)}, not installed here",
            path=path,
            remedy=installing(*missing),
        )


def head_of(path: Path) -> bytes:
    """The first 64 KiB of a file; of a folder, `FOLDER_HEAD` and its entries' names, one a line."""
    files.require_readable(path)
    if path.is_dir():
        return FOLDER_HEAD + "\n".join(sorted(os.listdir(path))).encode("utf-8", "surrogateescape")
    try:
        with path.open("rb") as stream:
            return stream.read(HEAD_BYTES)
    except OSError as error:
        raise files.unreadable(path, error) from None


def identify(path: Path) -> str:
    """The name of the format that `path` holds: content decides, then the suffix.

    Raises:
        InputError: missing, unreadable, empty, or no format that gscli reads.
    """
    head = head_of(path)
    if not head:
        raise InputError("is empty", path=path, remedy="check that its writer finished")
    # No two formats claim one file: to ask the one called like the suffix first spares the others' import.
    likely_first = sorted(names(), key=lambda name: name != path.suffix[1:].lower())
    for name in likely_first:
        if module(name).sniff(head):
            return name
    if not head.startswith(FOLDER_HEAD):
        for name in likely_first:
            if path.name.lower().endswith(tuple(module(name).SUFFIXES)):
                return name
    raise InputError(
        "is of no format that gscli reads", path=path, remedy="`gscli formats` lists what can be read"
    )


def locate(path: str | os.PathLike[str]) -> tuple[Path, str | None]:
    """Split ``FILE::PART``; a file that is really called so goes first.

    >>> locate("run/ckpt.pth::gs1")
    (PosixPath('run/ckpt.pth'), 'gs1')
    """
    text = os.fspath(path)
    file, separator, part = text.rpartition(PART)
    if not separator or not file or not part or os.path.lexists(text):
        return Path(text), None
    return Path(file), part


def read(
    path: str | os.PathLike[str], *, only: Sequence[str] | None = None, trust_pickle: bool = False
) -> GaussianCloud:
    """Read a scene of any known format; ``-`` is stdin, ``FILE::PART`` one model of several.

    Args:
        path: the file, folder or pipe.
        only: columns that will do. Formats that can leave the others unread do so; the rest give all.
        trust_pickle: unpickle with the full power of pickle, which runs whatever code the file holds.

    Raises:
        InputError: missing, unreadable, malformed, or of no known format.
        UsageError: `trust_pickle` for a format that is no pickle, or a part of one that has none.
        EngineUnavailable: the format needs a package that is not installed.
    """
    return read_all([path], only=only, trust_pickle=trust_pickle)[0]


def read_all(
    paths: Sequence[str | os.PathLike[str]],
    *,
    only: Sequence[str] | None = None,
    trust_pickle: bool = False,
) -> list[GaussianCloud]:
    """Read several scenes as `read` does; with `trust_pickle`, at least one has to be a pickle."""
    clouds = []
    for path in paths:
        source, part = (Path(files.STANDARD), None) if files.is_standard(path) else locate(path)
        with files.rereadable(source) as opened:
            try:
                clouds.append(_read(opened, part, only, trust_pickle))
            except GscliError as error:
                if opened != source:
                    error.path = files.display(source)
                raise
    kinds = [cloud.header.format for cloud in clouds]
    if trust_pickle and not any("trust_pickle" in _options(kind) for kind in kinds):
        name = files.display(paths[0])
        raise UsageError(f"is no pickle ({kinds[0]})", path=name, remedy="drop --trust-pickle")
    return clouds


def _options(name: str) -> frozenset[str]:
    return frozenset(getattr(module(name), "OPTIONS", ()))


def _read(source: Path, part: str | None, only: Sequence[str] | None, trust_pickle: bool) -> GaussianCloud:
    name = identify(source)
    require(name, source)
    taken = _options(name)
    if part is not None and "part" not in taken:
        raise UsageError(f"holds one model ({name}), so {PART}{part} selects nothing", path=source)
    given = {"part": part, "only": only, "trust_pickle": trust_pickle}
    cloud: GaussianCloud = module(name).read(source, **{k: v for k, v in given.items() if k in taken})
    return cloud


def stem(path: str | os.PathLike[str]) -> str:
    """A scene's name without folder and suffix: ``scene`` of ``in/scene.compressed.ply``."""
    file, part = locate(path)
    known = [s for n in names() for s in module(n).SUFFIXES if file.name.lower().endswith(s)]
    ending = max(known, key=len, default="" if file.is_dir() else file.suffix)
    return (file.name[: len(file.name) - len(ending)] or file.name) + (f".{part}" if part else "")


def format_for_writing(path: str | os.PathLike[str], like: str | None = None) -> str:
    """The format that an output's suffix asks for; a stream is PLY, a name without suffix is as `like`."""
    if files.descriptor(path) is not None:
        return "ply"
    lower = os.fspath(path).lower()
    bare, _, only = os.path.basename(lower).rpartition(".")
    if "." not in bare and only in names() and hasattr(module(only), "write"):
        return only  # nothing longer can match: spare the others' import
    matches = [
        (len(suffix), name)
        for name in names()
        if hasattr(module(name), "write")
        for suffix in module(name).SUFFIXES
        if lower.endswith(suffix)
    ]
    if matches:
        return max(matches)[1]
    folders = [name for name in names() if "/" in module(name).SUFFIXES and hasattr(module(name), "write")]
    target = Path(path)
    if like in folders and not target.suffix and not target.is_file():
        return str(like)
    if target.is_dir() and folders:
        return folders[0]
    if target.exists() and not target.is_file():  # a pipe or device
        return "ply"
    raise UsageError("has no suffix of a format that gscli writes", path=path, remedy="end it in .ply")


def folder_format(source: str | os.PathLike[str]) -> str | None:
    """The format of a source that is a folder, if it is also written as one; None for all else."""
    if files.is_standard(source) or not os.path.isdir(locate(source)[0]):
        return None
    name = identify(locate(source)[0])
    return name if "/" in module(name).SUFFIXES and hasattr(module(name), "write") else None


def suffix_like(source: str | os.PathLike[str]) -> str:
    """What the name of an output of one's own choice ends in: a scene folder stays one, all else is PLY."""
    return ".ply" if folder_format(source) is None else "/"


def check_outputs(
    scenes: Sequence[str | os.PathLike[str]],
    others: Sequence[str | os.PathLike[str]] = (),
    *,
    sources: Sequence[str | os.PathLike[str]],
    like: str | None = None,
    overwrite: bool,
    will_be_made: Sequence[str | os.PathLike[str]] = (),
) -> None:
    """Refuse outputs that would fail later; see `files.check_outputs`.

    Args:
        scenes: what `write` is going to write; like: the source's `folder_format`.
        others: other files that are going to be written; none may be one of the `sources`, which a
            scene may replace.
    """
    read = [locate(source)[0] for source in sources if not files.is_standard(source)]
    files.check_outputs(others, overwrite=True, will_be_made=will_be_made, sources=read)
    folders = []
    for path in scenes:
        found = module(format_for_writing(path, like))
        if hasattr(found, "refuse_existing"):
            found.refuse_existing(path, overwrite=overwrite)
            folders.append(path)
    files.check_outputs([*others, *scenes], overwrite=overwrite, will_be_made=will_be_made, folders=folders)


def losses(path: str | os.PathLike[str], cloud: GaussianCloud) -> list[str]:
    """What writing `cloud` to `path` would lose; empty if nothing.

    Raises:
        UsageError: `path` has no suffix of a format that gscli writes.
    """
    name = format_for_writing(path, cloud.header.format)
    lost: list[str] = module(name).unsupported(cloud)
    attached = cloud.header.attached
    if attached is not None and name != cloud.header.format:
        lost = [*lost, *attached.describe()]
    return lost


def write(
    path: str | os.PathLike[str],
    cloud: GaussianCloud,
    *,
    overwrite: bool = False,
    index: npt.NDArray[Any] | None = None,
    allow_lossy: bool = False,
    made_by: str | None = None,
    advance: Callable[[int], object] = nothing,
) -> None:
    """Write a cloud, or its rows at `index`, in the format of the path's suffix; ``-`` is stdout.

    Args:
        made_by: one more comment line, which says how the cloud was made. It is no part of what must not
            be lost: a format without comments goes without.

    Raises:
        WriteRefused: the file exists and `overwrite` is false, or the format would lose something
            and `allow_lossy` is false.
        EngineUnavailable: the format needs a package that is not installed.
    """
    name = format_for_writing(path, cloud.header.format)
    require(name, path)
    lost = losses(path, cloud)
    if lost and not allow_lossy:
        folder = "/" in module(name).SUFFIXES
        raise WriteRefused(
            f"{'as a scene folder, ' * folder}would lose {'; '.join(lost)}",
            path=path,
            remedy=f"add --allow-lossy, or {'name a .ply in it' if folder else 'write .ply'}",
        )
    if made_by is not None:
        cloud = cloud.with_comment(made_by)
    module(name).write(path, cloud, overwrite=overwrite, index=index, advance=advance)
