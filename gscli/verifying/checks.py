"""What one draw is asked: does it hold the rows of its scene that it claims to hold?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..cloud import GaussianCloud
from ..grids.voxel_grid import VoxelGrid
from ..kernels import rowsets
from ..kernels.structured import take_rows
from ..progress import nothing
from ..resampling import compensating
from ..resampling.result import Compensated
from .claims import Claim, refusing
from .expected import Expected, expected, values

SHOWN = 5  # violations of one kind that are spelled out


@dataclass(frozen=True)
class Check:
    """One question about one draw, or about all of them together.

    Attributes:
        name: ``columns``, ``subset``, ``duplicates``, ``cells``, ``rows``, ``report``, ``comment``
            or ``statistics``; of a simplified scene ``count``, ``columns``, ``untouched``, ``merged``
            or ``map``; of a folder of levels ``files``, ``counts`` or ``scene``.
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


@dataclass(frozen=True)
class Checked:
    """What `check_draw` found.

    Attributes:
        rows: which rows of the scene the draw kept.
        forced_cells: as of the draw that its seed makes.
        notes: what was not compared, one line each.
        compensated: what its rows stand for, where its method compensates.
    """

    checks: tuple[Check, ...]
    rows: npt.NDArray[np.int64]
    forced_cells: int
    notes: tuple[str, ...]
    compensated: Compensated | None = None


def check_draw(
    cloud: GaussianCloud,
    drawn: GaussianCloud,
    claim: Claim,
    grid: VoxelGrid,
    path: str,
    advance: Callable[[int], object] = nothing,
) -> Checked:
    """Every check of one draw but those of what is said of it.

    Of equal rows those are meant that the seed draws; which of the others, is not known and left out.
    `advance` is told of as many rows as the scene and the draw have together.
    """
    with refusing(path):
        keys = grid.pick_keys(cloud, claim.method.pick)
        counts = grid.wanted(claim.method, seed=claim.seed, epoch=claim.epoch)
        again = grid.draw(claim.method, seed=claim.seed, epoch=claim.epoch, keys=keys, counts=counts)
        made_up = compensating.of(grid, claim.method, again)
    left = len(cloud) + len(drawn)

    def made(rows: int) -> None:
        nonlocal left
        told = min(rows, left)
        left -= told
        advance(told)

    edit = None if made_up is None else made_up.edit
    wanted = expected(cloud, again.rows, drawn, path, made, edit=edit)
    columns = different_columns(drawn, wanted)
    if columns is not None:
        no_rows = np.empty(0, np.int64)
        about = again.forced_cells, wanted.notes, None if made_up is None else made_up.found
        return Checked((columns,), no_rows, *about)
    rows, held = values(drawn.rows, wanted.table.dtype, made)
    found, unsure = np.full(len(rows), rowsets.ABSENT, np.int64), np.zeros(len(rows), bool)
    whole = rows if held.all() else take_rows(rows, np.flatnonzero(held))
    found[held] = rowsets.match(whole, wanted.table, likely=wanted.sequence)
    unsure[held] = rowsets.ambiguous(whole, wanted.table, wanted.sequence, found[held])
    advance(left)
    source = found.copy()
    source[found >= 0] = wanted.numbers[found[found >= 0]]
    certain = source[(source >= 0) & ~unsure]
    # Equal rows share a cell of a lattice, but not of a mapping.
    kept, loose = (certain, int(unsure.sum())) if grid.voxel_size is None else (source[source >= 0], 0)
    raised = "" if edit is None else f" with the {claim.method.compensate} that it is to have in its cell"
    checks = (
        Check("columns", 0),
        _listed("subset", source == rowsets.ABSENT, f"row {{}} is no row of the scene{raised}"),
        _listed("duplicates", source == rowsets.SURPLUS, "row {} occurs more often than in the scene"),
        _cells(grid, kept, counts[0], loose),
        _reproduced(rows, held, source, wanted),
    )
    return Checked(
        checks, certain, again.forced_cells, wanted.notes, None if made_up is None else made_up.found
    )


def different_columns(drawn: GaussianCloud, wanted: Expected) -> Check | None:
    """The check of columns where they are not those wanted; None where they are."""
    if set(drawn.fields) == set(wanted.fields):
        return None
    missing = [name for name in wanted.fields if name not in drawn.fields]
    added = [name for name in drawn.fields if name not in wanted.fields]
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


def _reproduced(
    rows: npt.NDArray[Any], held: npt.NDArray[np.bool_], source: npt.NDArray[Any], wanted: Expected
) -> Check:
    """Drawn again with the same seed, the rows have the same values in the same order."""
    examples = []
    if len(rows) != len(wanted.sequence):
        examples.append(f"its seed draws {len(wanted.sequence):,} rows, not {len(rows):,}")
    both = min(len(rows), len(wanted.sequence))
    step = 1 << 16
    wrong: list[int] = []
    total = abs(len(rows) - len(wanted.sequence))
    for start in range(0, both, step):
        part = slice(start, min(start + step, both))
        other = rowsets.differing(rows[part], take_rows(wanted.table, wanted.sequence[part]))
        at = np.union1d(other, np.flatnonzero(~held[part])) + start
        total += len(at)
        wrong += at[: SHOWN - len(wrong)].tolist() if len(wrong) < SHOWN else []
    for row in wrong:
        strange = "no row of the scene" if source[row] == rowsets.ABSENT else "a row used before"
        here = f"row {source[row]} of the scene" if source[row] >= 0 else strange
        again = wanted.numbers[wanted.sequence[row]]
        examples.append(f"row {row} is {here}, its seed draws row {again}")
    return Check("rows", total, tuple(examples[:SHOWN]))
