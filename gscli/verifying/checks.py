"""What one draw is asked: does it hold the rows of its scene that it claims to hold?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..cloud import GaussianCloud
from ..grids.voxel_grid import VoxelGrid
from ..kernels import rowsets
from ..kernels.structured import take_rows
from .claims import Claim, refusing

SHOWN = 5  # violations of one kind that are spelled out


@dataclass(frozen=True)
class Check:
    """One question about one draw, or about all of them together.

    Attributes:
        name: ``columns``, ``subset``, ``duplicates``, ``cells``, ``report``, ``rows`` or ``statistics``.
        violations: how many there are.
        examples: the first of them, in words.
    """

    name: str
    violations: int
    examples: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return self.violations == 0

    def to_dict(self) -> dict[str, Any]:
        """Its part of the JSON document."""
        return {
            "name": self.name,
            "passed": self.passed,
            "violations": self.violations,
            "examples": list(self.examples),
        }


def check_draw(
    cloud: GaussianCloud, drawn: GaussianCloud, claim: Claim, grid: VoxelGrid, path: str
) -> tuple[tuple[Check, ...], npt.NDArray[Any]]:
    """Every check of one draw, and which rows of the scene it kept.

    Of equal rows those are meant that the seed draws; which of the others, is not known and left out.
    """
    rows = drawn.rows
    if rows.dtype != cloud.rows.dtype:
        ours, theirs = (d.newbyteorder("=") for d in (rows.dtype, cloud.rows.dtype))
        if ours != theirs:
            return (_columns(drawn, cloud),), np.empty(0, np.int64)
        rows = rows.astype(cloud.rows.dtype)
    with refusing(path):
        keys = grid.pick_keys(cloud, claim.method.pick)
        counts = grid.wanted(claim.method, seed=claim.seed, epoch=claim.epoch)
        again = grid.draw(claim.method, seed=claim.seed, epoch=claim.epoch, keys=keys, counts=counts)
    source = rowsets.match(rows, cloud.rows, likely=again.rows)
    unsure = rowsets.ambiguous(rows, cloud.rows, again.rows, source)
    certain = source[(source >= 0) & ~unsure]
    # Equal rows share a cell of a lattice, but not of a mapping.
    kept, loose = (certain, int(unsure.sum())) if grid.voxel_size is None else (source[source >= 0], 0)
    checks = [
        Check("columns", 0),
        _listed("subset", source == rowsets.ABSENT, "row {} is no row of the scene"),
        _listed("duplicates", source == rowsets.SURPLUS, "row {} occurs more often than in the scene"),
        _cells(grid, kept, counts[0], loose),
    ]
    if claim.said_by == "report":
        checks.append(_report(claim, len(rows), len(cloud), grid, again.forced_cells))
    checks.append(_reproduced(cloud, rows, source, again.rows))
    return tuple(checks), certain


def _columns(drawn: GaussianCloud, cloud: GaussianCloud) -> Check:
    missing = [name for name in cloud.fields if name not in drawn.fields]
    added = [name for name in drawn.fields if name not in cloud.fields]
    example = "its columns have another order or other types than the scene's"
    if missing or added:
        example = "; ".join(
            f"{verb} {', '.join(names[:8])}" for verb, names in (("lacks", missing), ("adds", added)) if names
        )
    return Check("columns", 1, (example,))


def _listed(name: str, wrong: npt.NDArray[Any], text: str) -> Check:
    at = np.flatnonzero(wrong)
    return Check(name, len(at), tuple(text.format(int(row)) for row in at[:SHOWN]))


def _cells(grid: VoxelGrid, kept: npt.NDArray[Any], wanted: npt.NDArray[Any], loose: int) -> Check:
    """Each cell has as many as wanted, or may have with `loose` rows whose cells are not known."""
    chosen = np.zeros(grid.rows, bool)
    chosen[kept] = True
    taken = np.add.reduceat(chosen[grid.order], grid.offsets[:-1], dtype=np.int64) if len(grid) else wanted
    wrong = np.flatnonzero((taken > wanted) | (taken + loose < wanted))
    names = [",".join(map(str, grid.cells[c].reshape(-1).tolist())) for c in wrong[:SHOWN]]
    examples = [
        f"cell {name} keeps {taken[c]} of {grid.counts[c]} rows, not {wanted[c]}"
        for name, c in zip(names, wrong[:SHOWN], strict=True)
    ]
    outside = int(np.count_nonzero(chosen)) - int(taken.sum())
    if outside:
        examples.insert(0, f"{outside} rows of the scene that are in no cell are kept")
    return Check("cells", len(wrong) + outside, tuple(examples))


def _report(claim: Claim, rows: int, points: int, grid: VoxelGrid, forced_cells: int) -> Check:
    facts = (
        ("points in the scene", claim.source_points, points),
        ("cells", claim.cells, len(grid)),
        ("points kept", claim.points, rows),
        ("the kept share", claim.fraction, rows / points if points else 0.0),
        ("forced cells", claim.forced_cells, forced_cells),
    )
    wrong = [f"the report says {said} {what}, there are {true}" for what, said, true in facts if said != true]
    return Check("report", len(wrong), tuple(wrong))


def _reproduced(
    cloud: GaussianCloud, rows: npt.NDArray[Any], source: npt.NDArray[Any], again: npt.NDArray[Any]
) -> Check:
    """Drawn again with the same seed, the rows have the same bytes in the same order."""
    examples = []
    if len(rows) != len(again):
        examples.append(f"its seed draws {len(again):,} rows, not {len(rows):,}")
    both = min(len(rows), len(again))
    step = 1 << 16
    wrong: list[int] = []
    total = abs(len(rows) - len(again))
    for start in range(0, both, step):
        part = slice(start, min(start + step, both))
        at = rowsets.differing(rows[part], take_rows(cloud.rows, again[part])) + start
        total += len(at)
        wrong += at[: SHOWN - len(wrong)].tolist() if len(wrong) < SHOWN else []
    for row in wrong:
        strange = "no row of the scene" if source[row] == rowsets.ABSENT else "a row used before"
        here = f"row {source[row]} of the scene" if source[row] >= 0 else strange
        examples.append(f"row {row} is {here}, its seed draws row {again[row]}")
    return Check("rows", total, tuple(examples[:SHOWN]))
