"""Scenes to be read: which file, which model in it, and what it is."""

from __future__ import annotations

import os
from codecs import BOM_UTF8
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .. import arguments, files
from ..cloud import GaussianCloud
from ..errors import GscliError, InputError, UsageError
from ..files import axes as frames
from ._format import FOLDER, FOLDER_HEAD, FORMATS, PART, Format, bare, by_suffix, called_like, head_of


@dataclass(frozen=True)
class Source:
    """A scene to be read, looked up once and handed on.

    Attributes:
        name: what messages and reports call it; ``<stdin>`` for stdin.
        path: the file, folder or pipe; ``-`` for stdin.
        part: which model of several, or the format that the file does not tell; None where none is named.
    """

    name: str
    path: Path
    part: str | None = None

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> Source:
        """The source that a path names: ``-`` is stdin, ``FILE::PART`` one model of a file with several.

        A file that is really called so goes first.

        >>> Source.of("run/ckpt.pth::gs1")
        Source(name='run/ckpt.pth::gs1', path=PosixPath('run/ckpt.pth'), part='gs1')
        """
        text = os.fspath(path)
        file, separator, part = text.rpartition(PART)
        if not separator or not file or not part or os.path.lexists(text):
            return cls(files.display(text), Path(text))
        return cls(text, Path(file), part)

    def at(self, level: int | None) -> Source:
        """One level of detail of it; None for what it is.

        Raises:
            UsageError: no number of a level, or beside a part.
        """
        if level is None:
            return self
        if not arguments.is_whole(level) or level < 0:
            raise UsageError(f"`level` must be a whole number from 0 on, not {arguments.told(level)}")
        if self.part is not None:
            raise UsageError(f"`level` has no effect beside {PART}{self.part}", remedy="drop one")
        return Source(f"{self.name}{PART}{level}", self.path, str(level))

    @property
    def standard(self) -> bool:
        """Whether it is stdin."""
        return files.is_standard(self.path)

    @cached_property
    def told(self) -> Format | None:
        """The format as ``FILE::FORMAT`` tells it; None where the file does."""
        return bare(self.part)

    @cached_property
    def format(self) -> Format:
        """The format that it holds; not to be asked of stdin and pipes, which can be read once.

        Raises:
            InputError: see `identify`.
        """
        return self.told or identify(self.path)

    @cached_property
    def folder_format(self) -> str | None:
        """The name of its format where it is a folder and is also written as one; None for all else.

        Raises:
            InputError: a folder of no known format.
        """
        if self.standard or not os.path.isdir(self.path):
            return None
        return self.format.name if self.format.folder and self.format.writer is not None else None

    @property
    def suffix(self) -> str:
        """What the name of an output of one's own choice ends in: a folder stays one, all else is PLY."""
        return ".ply" if self.folder_format is None else FOLDER

    @cached_property
    def stem(self) -> str:
        """Its name without folder and suffix: ``scene`` of ``in/scene.compressed.ply``."""
        if self.standard:
            return "stdin"
        name = self.path.name
        found = by_suffix(name)
        ending = found[0] if found else "" if os.path.isdir(self.path) else self.path.suffix
        return (name[: len(name) - len(ending)] or name) + (
            f".{self.part}" if self.part and self.told is None else ""
        )

    @property
    def bytes(self) -> int | None:
        """The size of the file; None for stdin, pipes and folders."""
        return files.size_of(self.path)

    def read(
        self,
        *,
        only: Sequence[str] | None = None,
        trust_pickle: bool = False,
        axes: str | None = None,
        axes_of: Sequence[Format] = (),
    ) -> GaussianCloud:
        """Read the scene; arguments and errors as of `gscli.formats.read`, and of `read_all`."""
        return read_all([self], only=only, trust_pickle=trust_pickle, axes=axes, axes_of=axes_of)[0]


def read_all(
    sources: Sequence[Source],
    *,
    only: Sequence[str] | None = None,
    trust_pickle: bool = False,
    axes: str | None = None,
    axes_of: Sequence[Format] = (),
) -> list[GaussianCloud]:
    """Read several scenes as `gscli.formats.read` does; with `trust_pickle`, at least one is a pickle.

    Args:
        sources, only, trust_pickle, axes: see there.
        axes_of: formats that the caller writes in `axes`: one of them or of the sources has to be framed.
    """
    frames.require(axes)
    clouds, forms = [], []
    for source in sources:
        with files.rereadable(source.path) as opened:
            try:
                form = source.told or (source.format if opened == source.path else identify(opened))
                clouds.append(
                    _read(form, opened, None if source.told else source.part, only, trust_pickle, axes)
                )
            except GscliError as error:
                if opened != source.path:
                    error.path = source.name
                raise
        forms.append(form)
    if axes is not None and not any(form.framed for form in (*forms, *axes_of)):
        what = f"is always right-down-front ({clouds[0].header.format})"
        raise UsageError(what, path=sources[0].name, remedy="drop `axes`")
    if trust_pickle and not any("trust_pickle" in form.takes for form in forms):
        what = f"is no pickle ({clouds[0].header.format})"
        raise UsageError(what, path=sources[0].name, remedy="drop `trust_pickle`")
    return clouds


def _read(
    form: Format,
    path: Path,
    part: str | None,
    only: Sequence[str] | None,
    trust_pickle: bool,
    axes: str | None,
) -> GaussianCloud:
    form.require(path)
    if part is not None and "part" not in form.takes:
        raise UsageError(f"holds one model ({form.name}), so {PART}{part} selects nothing", path=path)
    wanted: dict[str, Any] = {"part": part, "only": only, "trust_pickle": trust_pickle, "axes": axes}
    return form.read(path, **{name: value for name, value in wanted.items() if name in form.takes})


def identify(path: Path) -> Format:
    """The format that a file or folder holds: content decides, then the suffix.

    Raises:
        InputError: missing, unreadable, empty, or no format that gscli reads.
    """
    head = head_of(path)
    if not head:
        raise InputError("is empty", path=path, remedy="check that its writer finished")
    head = head.removeprefix(BOM_UTF8)
    # No two formats claim one file: to ask those called like its ending first spares the others' import.
    likely = called_like(path)
    for name in [*likely, *(name for name in FORMATS.names() if name not in likely)]:
        if FORMATS.get(name).sniff(head):
            return FORMATS.get(name)
    found = by_suffix(f"/{path.name}")  # a suffix may be a whole name
    if found is not None and not head.startswith(FOLDER_HEAD):
        return found[1]
    remedy = "`gscli formats` lists what can be read; a .splat is known by its name alone"
    if path.suffix.lower() == ".bin":
        remedy = f"if it is a scan, name its format: {path.name}{PART}kitti or {path.name}{PART}nuscenes"
    raise InputError("is of no format that gscli reads", path=path, remedy=remedy)
