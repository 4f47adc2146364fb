"""The actions of an edit: what each is called, how its value is written, and what it comes to.

One module: an action is a few lines, and all of them are one list.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import arguments, fields, files, given
from ..errors import UsageError, did_you_mean
from ..files import upwards
from ..given import Held, Opened
from ..kernels.kd_tree import SEVERAL
from ..motions import transform
from ..motions.motion import Motion
from . import cleaning
from .expression import Condition

Array = npt.NDArray[Any]

DEDUPE = "dedupe"  # what says more of a merge
SHARE = 0.01  # of all points that a group has at least that is no floater


@dataclass(frozen=True)
class Keep:
    """Keep the rows where something holds.

    Attributes:
        name, value: of the action, as a report has it.
        asks: the quantities that it is about, see `gscli.editing.quantities`.
        holds: (N,) bool of their (N,) float64 by name, and of N.
    """

    name: str
    value: Any
    asks: tuple[str, ...]
    holds: Callable[[Mapping[str, Array], int], npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class Move:
    """Move all rows.

    Attributes:
        up: what is up afterwards, one of `gscli.files.upwards.WAYS`; None where that is as it may be.
    """

    name: str
    value: Any
    motion: Motion
    up: str | None = None


@dataclass(frozen=True)
class Upright:
    """Find which way is up, and turn all rows until it is another, one of `gscli.files.upwards.WAYS`."""

    name: str
    value: str
    other: str

    def move(self, way: str) -> Move:
        """The turn, given which way is up."""
        return _upright(self.name, way, self.other)


@dataclass(frozen=True)
class Degree:
    """Leave harmonics beyond a degree out."""

    name: str
    value: int


@dataclass(frozen=True)
class Apart:
    """Drop rows that stand apart.

    Attributes:
        found: which of (3, N) positions do, and how to tell of it; see `gscli.editing.cleaning`.
    """

    name: str
    value: Any
    found: Callable[[Array], tuple[npt.NDArray[np.bool_], str]]


@dataclass(frozen=True)
class Merge:
    """Put the rows of another scene behind those that are left.

    Attributes:
        value: its path, or ``<memory>``. scene: it.
        dedupe: rows of it no farther than this from one that is there are left out.
    """

    name: str
    value: str
    scene: Opened
    dedupe: float | None = None


Action = Keep | Move | Upright | Degree | Apart | Merge


def actions(asked: Sequence[tuple[str, Any]]) -> list[Action]:
    """The actions of names and values, see `gscli.edit.edit`.

    Raises:
        UsageError: a name that is none, or a value that it cannot have; or there are no actions.
        InputError: a file that cannot be read.
    """
    found: list[Action] = []
    for pair in asked if isinstance(asked, (tuple, list)) else (asked,):
        if not isinstance(pair, (tuple, list)) or len(pair) != 2 or not isinstance(pair[0], str):
            what = f"`actions` must be pairs of a name and a value, not {arguments.told(pair)}"
            raise UsageError(what, remedy="write them as [('scale', 2)]")
        name, value = pair[0].replace("-", "_"), pair[1]
        if name not in _KNOWN and name != DEDUPE:
            raise UsageError(f"no action {pair[0]!r}", remedy=did_you_mean(name, [*_KNOWN, DEDUPE]))
        if name == DEDUPE:
            found[-1:] = [_dedupe(name, value, found[-1] if found else None)]
        else:
            found.append(_KNOWN[name](name, value))
    if not found:
        raise UsageError("no action is given", remedy="give one, such as `crop_box`")
    return found


def pairs(action: Action) -> list[list[Any]]:
    """An action as it would be asked for, in JSON's own types."""
    found = [[action.name, action.value]]
    if isinstance(action, Merge) and action.dedupe is not None:
        found.append([DEDUPE, action.dedupe])
    return found


def _crop_box(name: str, value: Any) -> Keep:
    ends = _numbers(name, value, 6, "x0,y0,z0,x1,y1,z1", endless=True)
    low, high = ends[:3], ends[3:]
    if any(a > b for a, b in zip(low, high, strict=True)):
        remedy = "give the lowest corner first, then the highest"
        raise UsageError(f"`{name}` {_told(ends)} has a corner below its first", remedy=remedy)

    def inside(columns: Mapping[str, Array], count: int) -> npt.NDArray[np.bool_]:
        found = np.ones(count, bool)
        for axis, a, b in zip(fields.POSITION, low, high, strict=True):
            found &= (columns[axis] >= a) & (columns[axis] <= b)
        return found

    return Keep(name, list(ends), fields.POSITION, inside)


def _crop_sphere(name: str, value: Any) -> Keep:
    x, y, z, radius = _numbers(name, value, 4, "x,y,z,r")
    if radius <= 0:
        raise UsageError(f"`{name}` has a radius of {radius:g}", remedy="give a positive one last")

    def inside(columns: Mapping[str, Array], count: int) -> npt.NDArray[np.bool_]:
        dx, dy, dz = (columns[axis] - at for axis, at in zip(fields.POSITION, (x, y, z), strict=True))
        with np.errstate(over="ignore"):
            found: npt.NDArray[np.bool_] = (dx * dx + dy * dy) + dz * dz <= radius * radius
        return found

    return Keep(name, [x, y, z, radius], fields.POSITION, inside)


def _where(name: str, value: Any) -> Keep:
    condition = Condition.of(value)
    return Keep(name, condition.text, condition.names, condition.holds)


def _rotate(name: str, value: Any) -> Move:
    x, y, z = _numbers(name, value, 3, "x,y,z in degrees")
    return Move(name, [x, y, z], Motion.turn((x, y, z)))


def _scale(name: str, value: Any) -> Move:
    (factor,) = _numbers(name, value, 1, "one positive factor")
    if factor <= 0:
        remedy = "`transform` takes a matrix that mirrors"
        raise UsageError(f"`{name}` must be one positive factor, not {factor:g}", remedy=remedy)
    return Move(name, factor, Motion.scaling(factor))


def _translate(name: str, value: Any) -> Move:
    x, y, z = _numbers(name, value, 3, "x,y,z in scene units")
    return Move(name, [x, y, z], Motion.shifting((x, y, z)))


def _transform(name: str, value: Any) -> Move:
    found = transform.Transform.of(value)
    told = found.path if isinstance(value, (str, os.PathLike)) else found.matrix.tolist()
    return Move(name, told, Motion.of_matrix(found.matrix))


def _upright(name: str, one: str, other: str) -> Move:
    motion = Motion.least_turn(upwards.WAYS[one], upwards.WAYS[other])
    return Move(name, f"{one}:{other}", motion, up=other)


def _up(name: str, value: Any) -> Move | Upright:
    one, colon, other = str(value).partition(":") if isinstance(value, str) else ("", "", "")
    if not colon or one not in upwards.NAMES or other not in upwards.WAYS:
        ways = ", ".join(upwards.WAYS)
        remedy = f"of {ways}, or {upwards.AUTO} first"
        raise UsageError(
            f"`{name}` must say what is up and what is to be, as y:z, not {arguments.told(value)}",
            remedy=remedy,
        )
    return Upright(name, value, other) if one == upwards.AUTO else _upright(name, one, other)


def _sh_degree(name: str, value: Any) -> Degree:
    text = str(value)
    if isinstance(value, bool) or not (
        text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= fields.MAX_SH_DEGREE
    ):
        raise UsageError(
            f"`{name}` must be a degree from 0 to {fields.MAX_SH_DEGREE}, not {arguments.told(value)}"
        )
    return Degree(name, int(text))


def _drop_floaters(name: str, value: Any) -> Apart:
    given = SHARE if value is None or value is True else value
    if isinstance(given, str) and given.partition(",")[0].endswith("%"):
        given = given.replace("%", "e-2", 1)
    wanted = "a share of all points such as 1%, and the size of cells if it is not to be chosen"
    share, size = (*_numbers(name, given, (1, 2), wanted), None)[:2]
    if share is None or not 0 < share < 1 or (size is not None and size <= 0):
        raise UsageError(f"`{name}` must be {wanted}, not {arguments.told(value)}")
    return Apart(name, [share, size], lambda xyz: cleaning.floaters(xyz, share, size))


def _drop_outliers(name: str, value: Any) -> Apart:
    k, deviations = _numbers(name, value, 2, "K,S: neighbours, and standard deviations above the mean")
    if not (k.is_integer() and 1 <= k <= SEVERAL) or deviations < 0:
        remedy = f"give 1 to {SEVERAL} neighbours and no negative number of deviations, as 8,2"
        raise UsageError(f"`{name}` cannot be {_told([k, deviations])}", remedy=remedy)
    return Apart(name, [int(k), deviations], lambda xyz: cleaning.outliers(xyz, int(k), deviations))


def _merge(name: str, value: Any) -> Merge:
    (scene,) = given.opened(value, roles=(name,))
    return Merge(name, files.MEMORY if isinstance(scene, Held) else os.fspath(value), scene)


def _dedupe(name: str, value: Any, last: Action | None) -> Merge:
    (distance,) = _numbers(name, value, 1, "one distance in scene units")
    if not isinstance(last, Merge) or last.dedupe is not None:
        raise UsageError(f"`{name}` is about a `merge` and follows it", remedy="give it right behind one")
    if distance < 0:
        raise UsageError(f"`{name}` must be a distance, not {distance:g}")
    return replace(last, dedupe=distance)


_KNOWN: dict[str, Callable[[str, Any], Action]] = {
    "crop_box": _crop_box,
    "crop_sphere": _crop_sphere,
    "where": _where,
    "rotate": _rotate,
    "scale": _scale,
    "translate": _translate,
    "transform": _transform,
    "up": _up,
    "sh_degree": _sh_degree,
    "drop_floaters": _drop_floaters,
    "drop_outliers": _drop_outliers,
    "merge": _merge,
}


def _numbers(
    name: str, value: Any, count: int | tuple[int, ...], wanted: str, *, endless: bool = False
) -> list[float]:
    """So many numbers, from text as on a command line or from as many numbers."""
    given = value.split(",") if isinstance(value, str) else value
    if arguments.is_number(given):
        given = [given]
    try:
        if not isinstance(given, (str, Sequence, np.ndarray)) or any(
            isinstance(each, bool) for each in given
        ):
            raise TypeError
        found = [float(each) for each in given]
    except (TypeError, ValueError, OverflowError):
        found = []
    usable = all(not math.isnan(each) if endless else math.isfinite(each) for each in found)
    if len(found) not in (count if isinstance(count, tuple) else (count,)) or not usable:
        raise UsageError(f"`{name}` must be {wanted}, not {arguments.told(value)}")
    return found


def _told(numbers: Sequence[float]) -> str:
    return ",".join(f"{number:g}" for number in numbers)
