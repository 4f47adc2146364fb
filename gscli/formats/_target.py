"""Where scenes are written: which file, in which format, and what may be lost or replaced there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from .. import files
from ..cloud import GaussianCloud
from ..containers import zip as zips
from ..errors import UsageError, WriteRefused, did_you_mean, naming
from ..files import axes as frames
from ..files import qualities
from ..progress import nothing
from ..scratch import folder_for
from ._decoded import Decoded
from ._format import FORMATS, PART, Format, Loss, Writer, by_suffix, head_of, told
from ._rows import row_numbers
from ._write import Edit


@dataclass(frozen=True)
class Target:
    """Where a scene is written, looked up once and handed on.

    Attributes:
        path: the file, folder or pipe; ``-`` for stdout.
        format: what it will hold. writer: how that is written.
        overwrite: whether what is there may be replaced.
        allow_lossy: whether what the format cannot hold may be lost.
        axes: those that it is written in; None for those that the cloud's file is in, or the format's.
    """

    path: str
    format: Format
    writer: Writer
    overwrite: bool = False
    allow_lossy: bool = False
    axes: str | None = None

    @classmethod
    def of(
        cls,
        path: str | os.PathLike[str],
        *,
        like: str | None = None,
        overwrite: bool = False,
        allow_lossy: bool = False,
        axes: str | None = None,
        quality: str | None = None,
    ) -> Target:
        """The target that a path names: its suffix or ``::FORMAT`` asks for the format; a stream is PLY.

        Args:
            path: where to write.
            like: a format of folders that a name without suffix is written in; see
                `Source.folder_format`.
            axes: see `Target`; of no effect on formats that are not `Format.framed`.
            quality: by the name of `gscli.files.qualities.NAMES`; None for the format's own.

        Raises:
            UsageError: no suffix of a format that gscli writes, or a quality of one that has none.
            EngineUnavailable: the format needs a package that is not installed.
        """
        named = told(os.fspath(path))
        path, form = (path, _format_of(path, like)) if named is None else named
        assert form.writer is not None
        form.require(path)
        frames.require(axes)
        writer = form.writer if quality is None else _of_quality(path, form, quality)
        return cls(os.fspath(path), form, writer, overwrite, allow_lossy, axes)

    def at(self, path: str | os.PathLike[str]) -> Target:
        """The same elsewhere."""
        return replace(self, path=os.fspath(path))

    def refuse_existing(self, sources: Sequence[Path] = ()) -> None:
        """Refuse to replace what is there without leave.

        Args:
            sources: what is read, and may be written back.

        Raises:
            WriteRefused: it would be.
        """
        self.writer.refuse_existing(self.path, overwrite=self.overwrite, sources=sources)

    def losses(self, cloud: GaussianCloud) -> list[Loss]:
        """What writing a cloud here would lose; empty if nothing."""
        lost = self.writer.unsupported(cloud)
        attached = cloud.header.attached
        if attached is not None and self.format.name != cloud.header.format:
            lost = [*lost, *(Loss(what) for what in attached.describe())]
        return lost

    def refuse_losses(self, cloud: GaussianCloud) -> None:
        """Refuse to lose what writing a cloud here would, unless that is allowed.

        Raises:
            WriteRefused: it would lose something.
        """
        lost = self.losses(cloud)
        if lost and not self.allow_lossy:
            folder = self.format.folder
            raise WriteRefused(
                f"{'as a scene folder, ' * folder}would lose {'; '.join(map(str, lost))}",
                path=self.path,
                remedy=f"add `allow_lossy=True`, or {'name a .ply in it' if folder else 'write .ply'}",
            )

    def write(
        self,
        cloud: GaussianCloud,
        *,
        index: npt.NDArray[Any] | None = None,
        made_by: str | None = None,
        advance: Callable[[int], object] = nothing,
        edit: Edit | None = None,
    ) -> None:
        """Write a cloud, or its rows at `index`; arguments and errors as of `gscli.formats.write`.

        Args:
            edit: what becomes of the rows; where the format is not streamed they are edited in memory.
        """
        self.refuse_losses(cloud)
        if made_by is not None:
            cloud = cloud.with_comment(made_by)
        axes = self.axes or (cloud.header.axes if cloud.header.format == self.format.name else None)
        cloud = replace(cloud, header=replace(cloud.header, axes=axes))
        if edit is None:
            with naming(files.display_output(self.path)):
                self.writer.write(self.path, cloud, overwrite=self.overwrite, index=index, advance=advance)
        elif self.writer.stream is not None:
            cloud = edit.told(cloud)
            self.writer.stream(
                self.path, cloud, overwrite=self.overwrite, index=index, advance=advance, edit=edit
            )
        else:
            count = len(cloud)
            self.writer.write(self.path, edit.of(cloud, index), overwrite=self.overwrite)
            advance(count)

    @property
    def streams(self) -> bool:
        """Whether rows go through a few megabytes."""
        return self.writer.streams

    def references_rows(self, cloud: GaussianCloud) -> list[str]:
        """What `write` copies as it is, and numbers rows."""
        return self.writer.references_rows(cloud) if self.format.name == cloud.header.format else []

    @property
    def takes_blocks(self) -> bool:
        """Whether `write_blocks` writes here: a file by its name, of which nothing is left where it fails."""
        named = files.descriptor(self.path) is None and folder_for(self.path) is not None
        return self.writer.blocks is not None and named

    def write_blocks(self, decoded: Decoded, advance: Callable[[int], object] = nothing) -> None:
        """Write rows as they are decoded; the rest as of `write`."""
        assert self.writer.blocks is not None
        self.refuse_losses(decoded.like)

        def told() -> Iterator[npt.NDArray[Any]]:
            for block in decoded.blocks():
                yield block
                advance(len(block))

        with naming(files.display_output(self.path)):
            self.writer.blocks(self.path, decoded.like, len(decoded), told(), overwrite=self.overwrite)

    def rows_of(
        self, cloud: GaussianCloud, index: npt.NDArray[Any], edit: Edit | None = None
    ) -> npt.NDArray[Any]:
        """The rows that `write` puts into the file, in its order: numbers, or `index` where it keeps that."""
        if self.writer.order is None:
            return index
        if edit is None:
            return self.writer.order(cloud, index)
        return row_numbers(index)[self.writer.order(edit.of(cloud, index), None)]


def _of_quality(path: str | os.PathLike[str], form: Format, quality: str) -> Writer:
    """A format's writer of a quality."""
    qualities.require(quality)
    assert form.writer is not None
    if quality not in form.writer.qualities:
        raise UsageError(f"has one quality ({form.name})", path=path, remedy="drop `quality`")
    return form.writer.qualities[quality]


def _format_of(path: str | os.PathLike[str], like: str | None) -> Format:
    if files.descriptor(path) is not None:
        return FORMATS.get("ply")
    if (archive := _archive_of(os.fspath(path))) is not None:
        what = f"would be a file beside {os.path.basename(archive)}, no member of it"
        raise UsageError(what, path=path, remedy="zips are only read; write a file beside it")
    found = by_suffix(path, written=True)
    if found is not None:
        return found[1]
    place = os.fspath(path)
    folders = {form.name: form for form in FORMATS if form.folder and form.writer is not None}
    if like in folders and not os.path.splitext(place)[1] and not os.path.isfile(place):
        return folders[like]
    if os.path.isdir(place) and folders:
        return next(iter(folders.values()))
    if os.path.exists(place) and not os.path.isfile(place):  # a pipe or device
        return FORMATS.get("ply")
    what, remedy = "has no suffix of a format that gscli writes", "end it in .ply"
    if (found := by_suffix(path)) is not None:
        raise UsageError(f"{what}: {found[1].name} is only read", path=path, remedy=remedy)
    written = [suffix for form in FORMATS if form.writer is not None for suffix in form.suffixes]
    raise UsageError(what, path=path, remedy=did_you_mean(os.path.splitext(place)[1], written, remedy))


def _archive_of(path: str) -> str | None:
    """The zip that is there, of which a path names a member; None for another path, or one that is there."""
    archive, separator, _ = path.partition(PART)
    if not separator or os.path.lexists(path) or not os.path.isfile(archive):
        return None
    return archive if head_of(Path(archive)).startswith((zips.MAGIC, zips.EMPTY)) else None
