"""Scenes to be read: which file, which model in it, and what it is."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from .. import arguments, files
from ..cloud import GaussianCloud
from ..errors import GscliError, UsageError
from ..files import axes as frames
from ..files import changes
from ..scratch import Scratch
from . import _zipped
from ._decoded import Decoded
from ._format import FOLDER, PART, Format, bare, by_suffix, head_of
from ._identify import identify, of_head, told
from ._zipped import Opened


class _Level(str):
    """A part that was asked for as a level."""


@dataclass(frozen=True)
class Source:
    """A scene to be read, looked up once and handed on.

    Attributes:
        name: what messages and reports call it; ``<stdin>`` for stdin.
        path: the file, folder or pipe; ``-`` for stdin.
        part: which model of several, member of a zip or part of that, or the format that the file does not
            tell; None where none is named.
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
        ends = [found.start() for found in re.finditer(PART, text)]
        ends = [end for end in ends if end and end + len(PART) < len(text)]
        if not ends or os.path.lexists(text):
            return cls(files.display(text), Path(text))
        there = (end for end in ends if os.path.lexists(text[:end]) or files.is_standard(text[:end]))
        end = next(there, ends[0])
        return cls(f"{files.display(text[:end])}{text[end:]}", Path(text[:end]), text[end + len(PART) :])

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
        return Source(f"{self.name}{PART}{level}", self.path, _Level(level))

    @property
    def standard(self) -> bool:
        """Whether it is stdin."""
        return files.is_standard(self.path)

    @cached_property
    def told(self) -> Format | None:
        """The format as ``FILE::FORMAT`` tells it; None where the file does, if it can be read twice."""
        form = bare(self.part)
        if form is None or self.standard or not os.path.isfile(self.path):
            return form
        return told(head_of(self.path), os.fspath(self.path), self.part)

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
        """Its name without folder and suffix: ``scene`` of ``in/scene.compressed.ply``.

        A part follows it, and is a name without folders too: ``a.b_c`` of ``a.zip::b/c.ply``.
        """
        if self.standard:
            return "stdin"
        stem = _without_suffix(self.path.name, "" if os.path.isdir(self.path) else self.path.suffix)
        if self.part is None or self.told is not None:
            return stem
        return f"{stem}.{_without_suffix(self.part, '').replace('/', '_')}"

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

    def decoded(self, *, axes: str | None = None) -> Decoded | None:
        """The scene with its rows still to be decoded, if it is a file that can be read so.

        Args:
            axes: as of `gscli.formats.read`.

        Raises:
            InputError: as of `gscli.formats.read`.
        """
        if self.standard or self.part is not None or not os.path.isfile(self.path):
            return None
        if _zipped.archive_at(self.path, os.fspath(self.path), None) is not None:
            return None
        self.format.require(self.path)
        if self.format.decoded is None or (axes is not None and not self.format.framed):
            return None
        return self.format.decoded(self.path, **({"axes": axes} if self.format.framed else {}))


def read_all(
    sources: Sequence[Source],
    *,
    only: Sequence[str] | None = None,
    trust_pickle: bool = False,
    axes: str | None = None,
    axes_of: Sequence[Format] = (),
    room: Callable[[], Scratch] | None = None,
) -> list[GaussianCloud]:
    """Read several scenes as `gscli.formats.read` does; with `trust_pickle`, at least one is a pickle.

    Args:
        sources, only, trust_pickle, axes: see there.
        axes_of: formats that the caller writes in `axes`: one of them or of the sources has to be framed.
        room: where rows go that have to be decoded, see `Decoded.kept`; None for into memory.
    """
    frames.require(axes)
    clouds, forms = [], []
    for source in sources:
        with _opened(source) as found:
            clouds.append(_read(found, only, trust_pickle, axes, room))
            forms.append(found.form)
    if axes is not None and not any(form.framed for form in (*forms, *axes_of)):
        what = f"is always right-down-front ({clouds[0].header.format})"
        raise UsageError(what, path=sources[0].name, remedy="drop `axes`")
    if trust_pickle and not any("trust_pickle" in form.takes for form in forms):
        what = f"is no pickle ({clouds[0].header.format})"
        raise UsageError(what, path=sources[0].name, remedy="drop `trust_pickle`")
    return clouds


@contextmanager
def _opened(source: Source) -> Iterator[Opened]:
    """What is read of a source; errors call it by its name.

    Raises:
        InputError: see `identify`, and of a zip that holds no scene or several.
    """
    with files.rereadable(source.path) as path:
        try:
            called = "/dev/stdin" if source.standard else os.fspath(source.path)
            with _zipped.opened(path, called, source.part) as within:
                if within is not None:
                    yield within
                    return
            if path == source.path:
                by_name, form = source.told, source.format
            else:
                head = head_of(path)
                by_name = told(head, called, source.part)
                form = by_name or of_head(head, called)
            yield Opened(path, form, source.part if by_name is None else None)
        except GscliError as error:
            if path != source.path:
                error.path = source.name
            raise


def _read(
    found: Opened,
    only: Sequence[str] | None,
    trust_pickle: bool,
    axes: str | None,
    room: Callable[[], Scratch] | None,
) -> GaussianCloud:
    path, form, part = found.path, found.form, found.part
    form.require(path)
    if part is not None and "part" not in form.takes:
        asked = f"`level={part}`" if isinstance(part, _Level) else f"{PART}{part}"
        raise UsageError(f"holds one model ({form.name}), so {asked} selects nothing", path=path)
    wanted: dict[str, Any] = {"part": part, "only": only, "trust_pickle": trust_pickle, "axes": axes}
    given = {name: value for name, value in wanted.items() if name in form.takes}
    with changes.held_still(path):
        if room is not None and part is None and form.decoded is not None:
            cloud = form.decoded(path, **given).kept(room)
        else:
            cloud = form.read(path, **given)
    if found.note is None:
        return cloud
    return replace(cloud, header=replace(cloud.header, notes=(*cloud.header.notes, found.note)))


def _without_suffix(name: str, otherwise: str) -> str:
    """A name without its ending, if that is a format's suffix or else what is given."""
    found = by_suffix(name)
    ending = found[0] if found else otherwise
    return name[: len(name) - len(ending)] or name
