"""E57 (ASTM E2807): the scans of a survey, each where its pose has it; read only.

Libraries that write it give every scan a random number, so no two files would be the same. Points that the
file calls invalid are left out, as they have no position; colours come to bytes by the limits that it states.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud, Header
from ..containers import e57
from ..containers.bytes import malformed, require_columns
from ..containers.e57_xml import Element
from ..errors import InputError, UsageError
from ..kernels.structured import release_pages
from ..results.shown import counted
from ._decoded import fill
from ._e57_scan import WHICH, Scan
from ._format import PART, Format

Array = npt.NDArray[Any]
_SHOWN = 8  # names in a note


def sniff(head: bytes) -> bool:
    return head.startswith(e57.MAGIC)


def read(path: Path, *, part: str | None = None) -> GaussianCloud:
    """Read an E57 file.

    Args:
        path: the file.
        part: the name or the number, from 0 on, of one of its scans; all by default.

    Raises:
        InputError: damaged, cut short, or without points.
        UsageError: it has no such scan, or several.
    """
    with malformed(path, "E57"):
        document = e57.opened(path)
        found = document.root.child("data3D")
        scans = [Scan.of(number, each) for number, each in enumerate(found.children if found else [])]
        if not scans:
            left = _beside(document.root)
            raise InputError(f"holds no scans{': ' * bool(left)}{', '.join(left)}", path=path)
        chosen = _chosen(path, scans, part)
        held = [scan for scan in chosen if scan.count]
        kind, dropped = _row_type(path, held or chosen[:1], len(chosen) > 1)
        wanted = [scan.wanted(set(kind.names or ())) for scan in held]
        with e57.points(document, wanted, [scan.count for scan in held]) as stored:
            rows, start = np.zeros(sum(map(len, stored)), kind), 0
            for scan, points in zip(held, stored, strict=True):
                _fill(scan, points, rows[start : start + len(points)])
                start += len(points)
        coloured = held if fields.RGB[0] in (kind.names or ()) else []
        notes = [*_told(scans, chosen, coloured), *_left(document.root, held, len(rows), dropped)]
        return GaussianCloud(rows, Header("e57", notes=tuple(notes)))


def _chosen(path: Path, scans: list[Scan], part: str | None) -> list[Scan]:
    """All scans, or the one of a name or a number; a name goes first."""
    if part is None:
        return scans
    named = [scan for scan in scans if scan.name == part]
    if len(named) > 1:
        numbers = " or ".join(f"{PART}{scan.number}" for scan in named[:_SHOWN])
        raise UsageError(f"has {len(named)} scans called {part}", path=path, remedy=f"name one as {numbers}")
    if not named and part.isdecimal() and len(part) < 10:
        named = scans[int(part) :][:1]
    if not named:
        there = f"scans 0 to {len(scans) - 1}" if len(scans) > 1 else "one scan, 0"
        raise UsageError(f"has {there} ({_names(scans)}), and none called {part}", path=path)
    return named


def _row_type(path: Path, scans: list[Scan], several: bool) -> tuple[np.dtype[Any], list[str]]:
    """The columns that all scans have, in types that hold the values of all, and the names of the others."""
    kinds: dict[str, list[np.dtype[Any]]] = {}
    for scan in scans:
        for field, column in scan.columns.items():
            kinds.setdefault(column, []).append(scan.fields[field].kind)
    exact = all(scan.exact for scan in scans)
    columns = dict.fromkeys(fields.POSITION, np.dtype(np.float32 if exact else np.float64))
    alike = {name for name, each in kinds.items() if len(each) == len(scans)}
    if alike >= set(fields.NORMAL):
        normal = np.result_type(np.float32, *(kind for name in fields.NORMAL for kind in kinds[name]))
        columns |= dict.fromkeys(fields.NORMAL, normal)
    for name in (name for name in kinds if name in alike and name not in columns):
        if name in fields.RGB:
            columns[name] = np.dtype(np.uint16 if all(scan.wide for scan in scans) else np.uint8)
        elif len({kind.kind == "f" for kind in kinds[name]}) == 1:
            columns[name] = np.result_type(*kinds[name])
    dropped = [name for name in kinds if name not in columns]
    if several:
        columns[WHICH] = np.dtype(np.uint16 if scans[-1].number < 1 << 16 else np.uint32)
    require_columns(path, len(columns))
    return np.dtype([*columns.items()]), dropped


def _fill(scan: Scan, stored: Array, rows: Array) -> None:
    """Put the points of a scan into zeroed rows."""

    def decode(part: slice) -> None:
        scan.fill(stored[part], rows[part])
        release_pages(stored[part])

    fill(len(rows), decode)
    if WHICH in (rows.dtype.names or ()):
        rows[WHICH] = scan.number


def _told(scans: Sequence[Scan], chosen: Sequence[Scan], coloured: Sequence[Scan]) -> list[str]:
    """Which scans are read, and how colours come to bytes."""
    notes = []
    if len(scans) > 1:
        which = f"{len(scans)} scans" if len(chosen) > 1 else f"scan {chosen[0].number} of {len(scans)}"
        notes.append(f"{which} ({_names(scans)}); one is FILE{PART}NUMBER or FILE{PART}NAME")
    ranges = {limits for scan in coloured for limits in scan.colours.values()}
    if ranges - {(0.0, 255.0)} and not all(scan.wide for scan in coloured):
        said = ", ".join(f"{low:g} .. {high:g}" for low, high in sorted(ranges)[:_SHOWN])
        notes.append(f"colours of {said} are brought to bytes")
    return notes


def _names(scans: Sequence[Scan]) -> str:
    return _listed([scan.name or str(scan.number) for scan in scans])


def _listed(names: Sequence[str]) -> str:
    """The first of some names, each as far as a line holds it."""
    return ", ".join([*(f"{name:.40}" for name in names[:_SHOWN]), *["..."] * (len(names) > _SHOWN)])


def _left(root: Element, scans: Sequence[Scan], count: int, dropped: Sequence[str]) -> list[str]:
    """What is left out."""
    left = []
    if without := sum(scan.count for scan in scans) - count:
        left.append(f"{counted(without, 'point')} without a position")
    if fields_left := sorted({name for scan in scans for name in scan.left}):
        left.append(f"fields that are no numbers ({_listed(fields_left)})")
    if dropped:
        left.append(f"columns that not all scans have alike ({_listed(dropped)})")
    left += _beside(root)
    return [f"left out: {', '.join(left)}"] if left else []


def _beside(root: Element) -> list[str]:
    """What a file holds beside its scans."""
    pictures, system = root.child("images2D"), root.child("coordinateMetadata")
    left = [counted(len(pictures.children), "picture")] if pictures and pictures.children else []
    return [*left, *["the name of its coordinate system"] * bool(system and system.text.strip())]


FORMAT = Format(
    "e57",
    "E57: scans of a survey, each moved by its pose, one as FILE::0 or by its name",
    (".e57",),
    sniff,
    read,
    takes=frozenset({"part"}),
    requires=("pye57",),
    names_parts=True,
)
