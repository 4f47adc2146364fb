"""What a format module says of itself, ``FORMAT``. One module: the record, and how one is found by a name."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from .. import files
from ..cloud import GaussianCloud
from ..errors import EngineUnavailable, installing
from ..files import render_modes, writing
from ..registry import Registry
from ..runtime import libraries
from ._decoded import Decoded
from ._write import Stream, Write, WriteBlocks

HEAD_BYTES = 1 << 16  # how much of a file's start `Format.sniff` is given
FOLDER_HEAD = b"\0folder\n"  # what the head of a folder starts with; its entries' names follow, one a line
FOLDER = "/"  # the suffix of a folder
PART = files.PART


@dataclass(frozen=True)
class Loss:
    """One thing that a format cannot hold of a cloud; `str` of it is for people.

    Attributes:
        what: what it is, in a few words.
        columns: the columns that are left out; empty where something else is lost.
        detail: more about it, such as how much precision is left.
        rounds: whether it changes values that are kept.
    """

    what: str
    columns: tuple[str, ...] = ()
    _: KW_ONLY
    detail: str = ""
    rounds: bool = False

    @classmethod
    def column(cls, cloud: GaussianCloud, name: str) -> Loss:
        """A whole column."""
        return cls(f"column {name}", (name,), detail=str(cloud.rows.dtype[name]))

    @classmethod
    def comments(cls, cloud: GaussianCloud, modes: Sequence[str | None] = ()) -> list[Loss]:
        """All comments, those that tell how to render the cloud by that; nothing where there are none.

        Args:
            cloud: what is to be written.
            modes: the render modes that are kept all the same, None for the usual one.
        """
        lines = cloud.header.comments
        telling = [line for line in lines if render_modes.tells(line)]
        mode, count = render_modes.told(telling), len(lines) - len(telling)
        lost = [cls("the render mode", detail=mode or "default")] if telling and mode not in modes else []
        return [*lost, cls(f"{count} comment{'s' * (count > 1)}")] if count else lost

    def __str__(self) -> str:
        return f"{self.what} ({self.detail})" if self.detail else self.what


class RefuseExisting(Protocol):
    """Raise `WriteRefused` where what is at a path may not be replaced by what is read from `sources`."""

    def __call__(
        self, path: str | os.PathLike[str], *, overwrite: bool, sources: Sequence[Path] = ()
    ) -> None: ...


def refuse_existing_file(
    path: str | os.PathLike[str], *, overwrite: bool, sources: Sequence[Path] = ()
) -> None:
    """Refuse to replace a file unless `overwrite`, and a folder always."""
    writing.refuse_existing(path, overwrite=overwrite)


def no_references(cloud: GaussianCloud) -> list[str]:
    """Nothing that is written numbers rows."""
    return []


@dataclass(frozen=True)
class Writer:
    """How a format is written.

    Attributes:
        write: writes a cloud. unsupported: what writing a cloud would lose.
        lossy: whether `write` rounds whatever Gaussians it is given.
        stream: `write` once more, where it holds a few megabytes of rows at a time.
        blocks: writes rows that come a block at a time.
        order: the rows (of those at an index, None for all) in the order of `write`, where it sorts them.
        references_rows: what `write` copies that numbers rows, such as a mesh's faces.
        refuse_existing: refuses what `write` does not replace.
        qualities: the format's writers by the name of `gscli.files.qualities.NAMES`, where one can choose.
    """

    write: Write
    unsupported: Callable[[GaussianCloud], list[Loss]]
    _: KW_ONLY
    lossy: bool = False
    stream: Stream | None = None
    blocks: WriteBlocks | None = None
    order: Callable[[GaussianCloud, npt.NDArray[Any] | None], npt.NDArray[np.int64]] | None = None
    references_rows: Callable[[GaussianCloud], list[str]] = no_references
    refuse_existing: RefuseExisting = refuse_existing_file
    qualities: Mapping[str, Writer] = field(default_factory=dict)

    @property
    def streams(self) -> bool:
        """Whether rows go through a few megabytes."""
        return self.stream is not None


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        name: that of its module.
        description: one line for people.
        suffixes: the file name endings it is written under, in lower case, the usual one first; `FOLDER` for
            a folder. One of several parts, such as ``.compressed.ply``, is the name with dots.
        sniff: whether the first bytes of a file (see `HEAD_BYTES`, `FOLDER_HEAD`) are its and no other's.
        read: reads the file at a path; it takes those keyword arguments that `takes` names.
        writer: how it is written; None where it is read only.
        takes: ``part`` (which model of several), ``only`` (columns that will do), ``trust_pickle`` and
            ``axes`` (those of files that do not say, and may be in others than right-down-front),
            see `gscli.formats.read`.
        requires: the packages it needs beyond the core, as they are imported, all in an extra.
        optional: those that only some of its files need.
        bare: whether nothing in its files tells what they are, so that ``FILE::NAME`` may.
        is_cloud: whether what starts so is a cloud, of formats that hold more; None if nothing tells.
        names_parts: whether its files call their parts as they like, by the name of a format, too.
        decoded: `read` without `part`, of rows decoded a block at a time that have no 64-bit integers.
    """

    name: str
    description: str
    suffixes: tuple[str, ...]
    sniff: Callable[[bytes], bool]
    read: Callable[..., GaussianCloud]
    writer: Writer | None = None
    _: KW_ONLY
    takes: frozenset[Literal["part", "only", "trust_pickle", "axes"]] = frozenset()
    requires: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    bare: bool = False
    is_cloud: Callable[[bytes], bool | None] = lambda head: True
    names_parts: bool = False
    decoded: Callable[..., Decoded] | None = None

    @property
    def framed(self) -> bool:
        """Whether its files may be in other axes than right-down-front."""
        return "axes" in self.takes

    @property
    def folder(self) -> bool:
        """Whether it is written as a folder."""
        return FOLDER in self.suffixes

    @property
    def missing(self) -> tuple[str, ...]:
        """Packages that it or some of its files need and that are not installed here."""
        return lacking((*self.requires, *self.optional))

    @property
    def install(self) -> str:
        """The command that installs what is missing; empty where nothing is."""
        return installing(*self.missing) if self.missing else ""

    def require(self, path: str | os.PathLike[str]) -> None:
        """Refuse, with the install command, a file that cannot be read or written here.

        Raises:
            EngineUnavailable: a package is missing or broken.
        """
        if missing := lacking(self.requires):
            what = f"needs {' and '.join(missing)}, not installed here"
            raise EngineUnavailable(what, path=path, remedy=installing(*missing))
        for package in self.requires:
            libraries.require(package, f"the format {self.name}", path=path)


FORMATS = Registry(__package__, Format)


def lacking(packages: Sequence[str]) -> tuple[str, ...]:
    """Those of some packages that are not installed here."""
    return tuple(package for package in packages if find_spec(package) is None)


def by_suffix(path: str | os.PathLike[str], *, written: bool = False) -> tuple[str, Format] | None:
    """The longest ending of a path that is a format's suffix, and that format; None where there is none.

    Args:
        path: need not be there.
        written: ask only for formats that are written.
    """
    for name in called_like(path):  # spares the others' import
        form, suffix = FORMATS.get(name), "." + name.replace("_", ".")
        if _has(form, suffix, written):
            return suffix, form
    lower = os.fspath(path).lower()
    found = [(suffix, form) for form in FORMATS for suffix in form.suffixes if _has(form, suffix, written)]
    return max(((s, f) for s, f in found if lower.endswith(s)), key=lambda pair: len(pair[0]), default=None)


def bare(name: str | None) -> Format | None:
    """The format of a name, if that is one whose files do not tell what they are."""
    form = FORMATS.get(name) if name is not None and name in FORMATS else None
    return form if form is not None and form.bare else None


def told(path: str) -> tuple[str, Format] | None:
    """The file and the format that ``FILE::FORMAT`` names; None for another path, or one that is there."""
    file, separator, name = path.rpartition(PART)
    form = bare(name) if separator and file and not os.path.lexists(path) else None
    return None if form is None else (file, form)


def called_like(path: str | os.PathLike[str]) -> list[str]:
    """The formats that are called like an ending of a path, the longest first: what it is likely to be.

    >>> called_like("a/scene.e0.compressed.ply")
    ['compressed_ply', 'ply']
    """
    parts = os.path.basename(os.fspath(path).lower()).split(".")
    endings = ("_".join(parts[first:]) for first in range(1, len(parts)))
    return [name for name in endings if name in FORMATS]


def _has(form: Format, suffix: str, written: bool) -> bool:
    return suffix in form.suffixes and not (written and form.writer is None)


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
