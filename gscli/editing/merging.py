"""Two scenes in one: the rows of the second behind those of the first, in columns that hold both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..errors import WriteRefused
from ..kernels.structured import blocks
from ..neighbors import knn
from ..scratch import Scratch
from .degrees import wider

Array = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Joint:
    """The columns of two scenes in one.

    Attributes:
        kind: the type of its rows.
        columns: of either scene, for each column of it the own one; without one it is zero.
    """

    kind: np.dtype[Any]
    columns: tuple[dict[str, str], dict[str, str]]

    @classmethod
    def of(cls, one: GaussianCloud, other: GaussianCloud, name: str, *, allow_lossy: bool) -> Joint:
        """That of two scenes: the columns of the first, in its order, in types that hold both.

        Harmonics go up to the higher degree; those that a scene lacks are zero, as are normals of Gaussians.

        Args:
            name: of the second. allow_lossy: whether what only one of them has may be left out.

        Raises:
            WriteRefused: it would be, and may not.
        """
        scenes = one, other
        degrees = [fields.sh_degree(scene.fields) for scene in scenes]
        known = [degree for degree in degrees if degree is not None]
        names, columns = list(one.fields), tuple({each: each for each in scene.fields} for scene in scenes)
        zero: set[str] = set()
        if len(known) == 2:
            columns = tuple(
                wider(own, degree, max(known)) for own, degree in zip(columns, known, strict=True)
            )
            names, zero = _widened(names, max(known)), set(fields.sh_rest(max(known)))
        if all(fields.is_gaussian(scene.fields) for scene in scenes):
            zero |= set(fields.NORMAL)
        kinds = {
            each: _common(
                [
                    scene.rows.dtype[own[each]]
                    for scene, own in zip(scenes, columns, strict=True)
                    if each in own
                ],
                each in zero,
            )
            for each in dict.fromkeys([*names, *columns[1]])
        }
        lost = [f"column {each}" for each, kind in kinds.items() if kind is None]
        lost += [
            what for scene in scenes if scene.header.attached for what in scene.header.attached.describe()
        ]
        if lost and not allow_lossy:
            more = f" and {len(lost) - 6} more" if len(lost) > 6 else ""
            raise WriteRefused(
                f"cannot be merged without losing {', '.join(lost[:6])}{more}",
                path=name,
                remedy="add `allow_lossy=True` to leave out what not both scenes have",
            )
        kept = {each: kind for each, kind in kinds.items() if kind is not None}
        own = ({each: column for each, column in side.items() if each in kept} for side in columns)
        return cls(np.dtype(list(kept.items())), (next(own), next(own)))

    def put(self, side: int, rows: Array, kept: Mask | None, held: Scratch) -> None:
        """Append rows of the first scene (0) or the second (1), those that are kept, as rows of both."""
        columns = self.columns[side]
        alike = rows.dtype == self.kind and all(name == own for name, own in columns.items())
        for start, block in blocks(rows):
            part = block if kept is None else block[kept[start : start + len(block)]]
            if not alike:
                out = np.zeros(len(part), self.kind)
                for name, own in columns.items():
                    out[name] = part[own]
                part = out
            held.put(part)


def near(xyz: Array, others: Array, distance: float) -> Mask:
    """(M,) which of (3, M) positions are no farther than a distance from any of (3, N).

    Raises:
        InputError: positions that are not finite.
    """
    if not xyz.shape[1] or not others.shape[1]:
        return np.zeros(others.shape[1], bool)
    wide = np.result_type(xyz, others)
    targets, queries = (np.ascontiguousarray(each.T, wide) for each in (xyz, others))
    found, _ = knn(targets, 1, queries=queries)
    within: Mask = found[:, 0] <= distance
    return within


def _common(kinds: list[np.dtype[Any]], zero: bool) -> np.dtype[Any] | None:
    """The type that holds what columns of some types hold; None where there is none, or no second column."""
    if len(kinds) == 1:
        return kinds[0] if zero else None
    one, other = (kind.newbyteorder("=") for kind in kinds)
    if one == other:
        return kinds[0]
    if one.shape or other.shape or not {one.kind, other.kind} <= set("fiub"):
        return None
    both = np.promote_types(one, other)
    rounds = both.kind == "f" and any(kind.kind in "iu" and kind.itemsize == 8 for kind in (one, other))
    return None if rounds else both


def _widened(names: list[str], degree: int) -> list[str]:
    """Columns with harmonics up to a degree where harmonics are, or else behind the constant ones."""
    rest = [name for name in names if name.startswith("f_rest_")]
    at = names.index(rest[0]) if rest else max(map(names.index, fields.SH_DC)) + 1
    before, after = names[:at], [name for name in names[at:] if name not in rest]
    return [*before, *fields.sh_rest(degree), *after]
