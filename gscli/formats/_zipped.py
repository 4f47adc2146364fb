"""Scenes in a zip: the one member that is a scene, or the one that is named, unpacked to a temporary file.

Formats that are zips themselves go first. A member is read alone, as stdin is, without others; and nothing
is written under a name that a file gives.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from os.path import basename, dirname
from pathlib import Path
from stat import S_ISLNK

from ..containers import zip as zips
from ..containers.spool import spooled
from ..containers.zip_names import is_hidden, readable
from ..errors import GscliError, InputError
from . import _gsplat
from ._format import FOLDER_HEAD, HEAD_BYTES, PART, Format, bare, by_suffix, called_like, head_of
from ._identify import claiming, of_head, told

MOST, LEAST = 1 << 20, 1 << 10  # bytes of members that are looked at for the scene, and what one counts for
_LISTED, _LENGTH = 4, 100  # members that an error names, and characters of each
_UNIX = 3  # the system whose file modes a member may have


@dataclass(frozen=True)
class Opened:
    """A scene that can be read any number of times.

    Attributes:
        path: the file or folder.
        form: what it is.
        part: which model of several; None where none is named.
        note: where it was found, if that has to be told.
    """

    path: Path
    form: Format
    part: str | None = None
    note: str | None = None


@contextmanager
def opened(path: Path, called: str, part: str | None) -> Iterator[Opened | None]:
    """The scene in a zip; None for all else, and for formats that are zips unless `part` names a member.

    Args:
        path: a file that can be read any number of times, or a folder.
        called: how it was named.
        part: a member, which may be followed by what it does not tell, its format or which of its models; or
            the format of the only member.

    Raises:
        InputError: missing, unreadable or damaged; or a zip that holds no scene, or several.
    """
    archive = archive_at(path, called, part)
    if archive is None:
        yield None
        return
    name, rest, note = archive.chosen(part)
    place = f"{called}{PART}{name}"
    head = archive.head(name)
    form_told = told(head, name, rest)
    if form_told is None and head.startswith((zips.MAGIC, zips.EMPTY)) and claiming(head, name) is None:
        raise InputError("is a zip within a zip", path=place, remedy="unpack the outer one first")
    form = form_told or of_head(head, place)
    if archive.is_page(name, form):
        if not form.sniff(zips.starting_with(basename(name))):
            what = f"leads to the files beside it ({form.name})"
            raise InputError(what, path=place, remedy="unpack the zip first")
        form = replace(form, read=partial(form.read, page=archive.names[name]))
        yield Opened(path, form, rest, note)  # what it leads to is read of the zip
        return
    if _gsplat.has_siblings(basename(name), archive.beside(name)):
        raise InputError("is one rank of a model", path=place, remedy="unpack the zip to read all of them")
    with spooled(archive.pieces(name), path) as spool:
        unpacked = Path(f"/dev/fd/{spool.fileno()}")
        try:
            yield Opened(unpacked, form, None if form_told else rest, note)
        except GscliError as error:
            if archive.names_another(name, error.what):
                error.remedy = "it is read alone: unpack the zip first"
            error.path = place
            raise


def archive_at(path: Path, called: str, part: str | None) -> _Archive | None:
    """The zip to look for a scene in, if it is one."""
    if os.path.isdir(path):
        return None
    head = head_of(path)
    if not head.startswith((zips.MAGIC, zips.EMPTY)):
        return None
    owner = claiming(head, called)
    if owner is None:
        return _Archive(path, called)
    if "part" in owner.takes or (part is None and owner.name in called_like(called)):
        return None
    archive = _Archive(path, called)
    if part is None or bare(part):
        return None if archive.is_all(owner) else archive
    return archive if part in archive.names else None


class _Archive:
    """The members of a zip, by names that can be read.

    Attributes:
        names: those under which the zip has them.
    """

    def __init__(self, path: Path, called: str) -> None:
        self._zip, self._path, self._called = zips.Zip(path, "a zip"), path, called
        self.names = {readable(name, info.flag_bits): name for name, info in self._zip.members.items()}
        if len(self.names) < len(self._zip.members):
            raise InputError("holds two members of one name", path=path, remedy="it is damaged")

    def chosen(self, part: str | None) -> tuple[str, str | None, str | None]:
        """A member, what is left of `part`, and what has to be told of the choice."""
        if part is None or (part not in self.names and bare(part)):
            return self._only(part)
        name, rest = part, None
        if name not in self.names:
            name, _, rest = part.rpartition(PART)
        if name not in self.names or name.endswith("/"):
            remedy = f"it holds {_listed(self._visible()) or 'no files'}"
            raise InputError(f"has no member {part}", path=self._path, remedy=remedy)
        if self._is_link(name):
            what = f"its member {name} is a symbolic link"
            raise InputError(what, path=self._path, remedy="name the one that it leads to")
        return name, rest, None

    def head(self, name: str) -> bytes:
        """The first bytes of a member."""
        return self._zip.head(self.names[name], HEAD_BYTES)

    def pieces(self, name: str) -> Iterator[bytes]:
        """The bytes of a member."""
        return self._zip.pieces(self.names[name])

    def beside(self, name: str) -> list[str]:
        """What the other members in the folder of one are called there, sorted."""
        folder = dirname(name)
        return sorted(basename(other) for other in self.names if other != name and dirname(other) == folder)

    def is_page(self, name: str, form: Format) -> bool:
        """Whether a member is the page of a folder that says which of its files are what, as of SOG."""
        held = "\n".join([basename(name), *self.beside(name)])
        return name.endswith(".json") and form.sniff(FOLDER_HEAD + held.encode())

    def is_all(self, owner: Format) -> bool:
        """Whether a format that knows the first member by its name knows all of them, or what one holds."""
        visible = self._visible()
        own = [name for name in visible if owner.sniff(zips.starting_with(basename(name)))]
        if len(own) == len(visible):
            return True
        own.sort(key=lambda name: not name.endswith(".json"))
        return any(owner.sniff(self.head(name)) for name in own[: MOST // HEAD_BYTES])

    def names_another(self, name: str, text: str) -> bool:
        """Whether a text names a file beside a member."""
        return not {*re.findall(r"[^\s,:;()]+", text)}.isdisjoint(self.beside(name))

    def _only(self, form: str | None) -> tuple[str, str | None, str | None]:
        """The only member that is a scene, or the only one at all where its format is told."""
        visible = self._visible()
        found = visible if form is not None or len(visible) == 1 else self._scenes(visible)
        if len(found) == 1:
            note = f"of the {len(visible):,} files in the zip, {found[0]} is read"
            return found[0], form, note if len(visible) > 1 else None
        if not visible:
            raise InputError("holds no files", path=self._path, remedy="check that its writer finished")
        kind, ending = ("scenes", "") if form is None else ("files", PART + form)
        some = _listed(found or visible)
        what = f"holds {len(found):,} {kind} ({some})" if found else f"holds no scene, but {some}"
        remedy = f"name one, as in {self._called}{PART}{_short((found or visible)[0])}{ending}"
        raise InputError(what, path=self._path, remedy=remedy)

    def _visible(self) -> list[str]:
        """The members that are files which somebody put there."""
        return [name for name in self.names if not is_hidden(name) and not self._is_link(name)]

    def _scenes(self, visible: Sequence[str]) -> list[str]:
        """Those that are scenes by what they hold, and the bare by their names; or else those that may be.

        One that is not looked at, or cannot be, is what it is called.
        """
        named = {name: by_suffix(f"/{basename(name)}") for name in visible}
        found: dict[bool | None, list[str]] = {True: [], None: [], False: []}
        errors: dict[str, InputError] = {}
        left = MOST
        for name in sorted(visible, key=lambda name: named[name] is None):
            called = named[name]
            form = None if called is None else called[1]
            head = b""
            if left > 0:
                try:
                    head = self.head(name)
                except InputError as error:
                    errors[name] = error
                else:
                    known = form is not None and form.bare and bool(head)
                    form = form if known else claiming(head, name) if head else None
                left -= max(len(head), LEAST)
            found[False if form is None else form.is_cloud(head)].append(name)
        scenes = found[True] or found[None]
        if scenes and errors.keys() >= {*scenes}:
            raise errors[scenes[0]]
        return scenes

    def _is_link(self, name: str) -> bool:
        info = self._zip.members[self.names[name]]
        return info.create_system == _UNIX and S_ISLNK(info.external_attr >> 16)


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(map(_short, names[:_LISTED])) + (f" and {more:,} more" if more > 0 else "")


def _short(name: str) -> str:
    return name if len(name) <= _LENGTH else f"{name[: _LENGTH - 3]}..."
