"""What a folder of levels is asked: is each level what lod.json says, and made of the scene as it says?"""

from __future__ import annotations

import os
import re
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..cameras import Camera
from ..cloud import GaussianCloud
from ..containers.bytes import MAX_JSON, parsed, read_small
from ..errors import GscliError, InputError, UsageError
from ..formats import FORMATS, Source
from ..kernels import rowsets
from ..kernels.structured import take_rows
from ..progress import Timings, Track
from ..rasterizers import ON_CPU, ON_GPU
from ..rendering.views import MOST
from ..results.shown import counted
from ..simplifying.levels import INDEX, OURS, SCHEMA
from ..simplifying.merged import BLIND, GROWTHS
from . import merged, simplifications
from .checks import SHOWN, Check, different_columns
from .expected import expected, values
from .simplifications import Simplification

_FILE = re.compile(r"[0-9]+(\.[a-z]+)+|[0-9]+_[0-9]+/meta\.json")  # what a level may be called


@dataclass(frozen=True)
class Listed:
    """What lod.json says of a folder.

    Attributes:
        format: the name of that of its files. source_points: rows of the scene.
        views, cameras, rasterizer: as of `gscli.verifying.simplifications.Simplification`.
        points, files, growths: of each level, the finest first; growths are None where none grew.
    """

    format: str
    source_points: int
    views: int
    cameras: str | None
    points: tuple[int, ...]
    files: tuple[tuple[str, ...], ...]
    growths: tuple[float | None, ...]
    rasterizer: str
    said_by: str = INDEX

    def __str__(self) -> str:
        return f"lod, {counted(len(self.points), 'level')}"

    def to_dict(self) -> dict[str, Any]:
        """Its part of the JSON document."""
        return {"method": "lod", "levels": list(self.points), "said_by": self.said_by}

    def level(self, number: int) -> Simplification:
        """How one of the levels after the first was made."""
        growth = self.growths[number]
        target = str(self.points[number])
        about = (self.views, self.cameras, BLIND if growth is None else growth, self.rasterizer)
        return Simplification(f"target={target}", target, *about, said_by=INDEX)


@dataclass(frozen=True)
class Checked:
    """What `check` found: of the folder, and of each level after the first whose rows were compared."""

    draws: tuple[tuple[str, Listed | Simplification, tuple[Check, ...]], ...]
    notes: tuple[str, ...]


def is_folder(path: Path) -> bool:
    """Whether a path is a folder that has a lod.json."""
    return os.path.isfile(path / INDEX)


def check(
    cloud: GaussianCloud,
    source: str,
    path: str,
    *,
    cameras: Sequence[Camera] | None,
    timings: Timings,
    track: Track,
) -> Checked:
    """The checks of a folder of levels, and of each of them.

    Args:
        cloud: the scene, at `source`. path: the folder.
        cameras: those of the file that it was looked at from, if it was.

    Raises:
        InputError: a lod.json that cannot be understood, a file that cannot be read, or a scene that cannot
            be merged. UsageError, EngineUnavailable: as `gscli.verifying.merged.check` does.
    """
    said = _read(path)
    absent = _files(said, path)
    if not absent.passed:
        return Checked(((path, said, (absent,)),), ())
    with timings.stage("read", track):
        levels = [_level(said, number, path) for number in range(len(said.points))]
    counts = _counts(said, [len(each) for each in levels], len(cloud))
    if not counts.passed:
        return Checked(((path, said, (absent, counts)),), ())
    if (form := FORMATS.get(said.format)).name == "sog":
        note = f"{path} is in a format that rounds file by file ({form.name}): its rows are not compared"
        return Checked(((path, said, (absent, counts)),), (note,))
    with timings.stage("check", track):
        finest, notes = _scene(cloud, levels[0], os.path.join(path, said.files[0][0]))
    found: list[tuple[str, Listed | Simplification, tuple[Check, ...]]] = []
    made = None
    for number in range(1, len(levels)):
        one, place = said.level(number), os.path.join(path, said.files[number][0])
        if made is None:
            made = merged.merged_again(
                cloud,
                one,
                source,
                place,
                cameras=cameras,
                least=min(said.points),
                timings=timings,
                track=track,
            )
        given = (cloud, levels[number], one, source, place)
        tested, more, _ = merged.check(
            *given, rows=None, cameras=cameras, again=made, timings=timings, track=track
        )
        comment = _comment(levels[number], one, place)
        found.append((place, one, (*tested, *comment)))
        notes += [note for note in more if note not in notes]
    return Checked(((path, said, (absent, counts, finest)), *found), tuple(notes))


def _read(path: str) -> Listed:
    """What lod.json says, as far as it matters here."""
    place = os.path.join(path, INDEX)
    try:
        index = parsed(read_small(place, MAX_JSON))
        if index["schema"] != SCHEMA:
            raise ValueError(f"schema {reprlib.repr(index['schema'])}")
        levels, seen, cameras = index["levels"], index["look"], index["options"]["cameras"]
        found = Listed(
            format=str(index["format"]),
            source_points=index["input"]["points"],
            views=0 if seen is None else seen["views"],
            cameras=None if cameras is None else Path(cameras).name,
            points=tuple(each["points"] for each in levels),
            files=tuple(tuple(each["files"]) for each in levels),
            growths=tuple(each["growth"] for each in levels),
            rasterizer=ON_CPU if seen is None else seen.get("rasterizer", ON_CPU),  # all there was once
        )
        if FORMATS.get(found.format).writer is None:
            raise ValueError(f"format {found.format}")
        if [each["level"] for each in levels] != list(range(len(levels))) or not levels:
            raise ValueError("levels that are not numbered from 0 on")
        whole = (found.source_points, found.views, *found.points)
        if any(type(number) is not int or number < 0 for number in whole) or found.views > MOST:
            raise ValueError("numbers that none of it can have")
        if found.rasterizer not in (ON_CPU, ON_GPU):
            raise ValueError(f"rasterizer {reprlib.repr(found.rasterizer)}")
        if any(growth not in (None, *GROWTHS) for growth in found.growths):
            raise ValueError("a growth that no run has")
        names = [name for each in found.files for name in each]
        if not all(found.files) or len(set(names)) < len(names):
            raise ValueError("levels without a file of their own")
        if odd := [name for name in names if not isinstance(name, str) or not _FILE.fullmatch(name)]:
            raise ValueError(f"a file called {reprlib.repr(odd[0])}")
        return found
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, UsageError) as error:
        raise InputError(f"cannot be understood ({error})", path=place) from None


def _files(said: Listed, path: str) -> Check:
    """Whether each file is there, and no other level."""
    names = [name for each in said.files for name in each]
    examples = [f"lacks {name}" for name in names if not os.path.isfile(os.path.join(path, name))]
    known = {name.split("/")[0] for name in names} | {INDEX}
    if said.format == "sog":
        known.add("lod-meta.json")
    others = [name for name in sorted(os.listdir(path)) if OURS.fullmatch(name) and name not in known]
    examples += [f"holds {name}, which {INDEX} does not name" for name in others]
    return Check("files", len(examples), tuple(examples[:SHOWN]))


def _level(said: Listed, number: int, path: str) -> GaussianCloud:
    if said.format == "sog":
        return Source.of(f"{path}::{number}").read()
    return Source.of(os.path.join(path, said.files[number][0])).read()


def _counts(said: Listed, found: Sequence[int], total: int) -> Check:
    """Whether each level has as many rows as is said, fewer than the one before it."""
    examples = []
    if said.source_points != total:
        examples.append(f"is of {said.source_points:,} points by {INDEX}, and the scene has {total:,}")
    wanted = (total, *said.points[1:])
    for number, (rows, points) in enumerate(zip(found, wanted, strict=True)):
        if rows != points or points != said.points[number]:
            examples.append(f"level {number} has {rows:,} rows, not {points:,}")
        elif number and not 0 < points < said.points[number - 1]:
            examples.append(
                f"level {number} has {points:,} rows, and the one before {said.points[number - 1]:,}"
            )
    return Check("counts", len(examples), tuple(examples[:SHOWN]))


def _scene(cloud: GaussianCloud, finest: GaussianCloud, path: str) -> tuple[Check, list[str]]:
    """Whether the finest level is the scene itself."""
    held = expected(cloud, np.arange(len(cloud)), finest, path)
    if (columns := different_columns(finest, held)) is not None:
        return Check("scene", 1, (f"level 0 {columns.examples[0]}",)), list(held.notes)
    rows, whole = values(finest.rows, held.table.dtype)
    wrong = rowsets.differing(rows, take_rows(held.table, held.sequence))
    wrong = np.union1d(wrong, np.flatnonzero(~whole))
    examples = [f"row {row} of level 0 is not that of the scene" for row in wrong[:SHOWN].tolist()]
    return Check("scene", len(wrong), tuple(examples)), list(held.notes)


def _comment(drawn: GaussianCloud, said: Simplification, path: str) -> list[Check]:
    """Whether the comment in a level, if it has one, says what lod.json says."""
    try:
        comment = simplifications.claim(drawn, path)
    except GscliError as error:
        return [Check("comment", 1, (str(error.what),))]
    if comment is None:
        return []
    same = str(comment) == str(said)
    return [Check("comment", int(not same), () if same else (f"says {comment}, and {INDEX} {said}",))]
