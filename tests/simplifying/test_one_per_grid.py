"""Scenes whose cells become one Gaussian each: ``simplify --method one-per-grid``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from gscli import fields, formats, simplify
from gscli.cloud import GaussianCloud
from gscli.errors import GscliError, UsageError
from gscli.grids.voxel_grid import VoxelGrid
from gscli.kernels import ladder
from gscli.simplify import Simplified
from gscli.simplifying.cells import CellsAsked
from gscli.verify import verify
from tests.drawn import cloud

Array = npt.NDArray[Any]
SIZE = 0.4


def run(folder: Path, given: GaussianCloud, **more: Any) -> tuple[Simplified, GaussianCloud, Array]:
    """What is said and written of a scene, and the new row of each of its rows."""
    formats.write(folder / "scene.ply", given, overwrite=True)
    settings = {"method": "one-per-grid", "views": 0, "index": folder / "rows.npy", "overwrite": True, **more}
    result = simplify(folder / "scene.ply", folder / "out.ply", **settings)
    return result, formats.read(folder / "out.ply"), np.load(folder / "rows.npy")


def numbers(given: GaussianCloud, origin: Any = (0, 0, 0)) -> Array:
    """(N,) of each row the number of its cell, in any order."""
    cells = np.floor((given.xyz.astype(np.float64) - origin) / SIZE).astype(int)
    return np.unique(cells, axis=0, return_inverse=True)[1].ravel()


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("origin", [None, (0.1, -0.2, 0.3)])
def test_all_of_a_cell_become_one(tmp_path: Path, origin: Any) -> None:
    given = cloud(300, 1).with_columns(id=np.arange(300, dtype=np.int32))
    result, out, rows = run(tmp_path, given, voxel_size=SIZE, origin=origin)
    cells = numbers(given, origin or (0, 0, 0))
    assert len(out) == result.kept == cells.max() + 1
    assert len(set(zip(cells.tolist(), rows.tolist(), strict=True))) == len(out)
    assert result.cells is not None
    assert (result.cells.cells, result.cells.voxel_size) == (len(out), SIZE)
    alone = np.flatnonzero(np.bincount(rows)[rows] == 1)
    assert 5 < len(alone) < len(out)
    assert out.rows[rows[alone]].tobytes() == given.rows[alone].tobytes()


@pytest.mark.usefixtures("kernels")
def test_how_densely_a_cell_is_filled_changes_nothing_but_its_opacity(tmp_path: Path) -> None:
    given = cloud(200, 1, opacity=np.full(200, -7, np.float32))
    _, once, _ = run(tmp_path, given, voxel_size=SIZE)
    several = given[np.repeat(np.arange(200), 3)]
    _, thrice, _ = run(tmp_path, several, voxel_size=SIZE)
    assert len(once) == len(thrice)

    def by_place(made: GaussianCloud) -> GaussianCloud:
        return made[np.argsort(numbers(made), kind="stable")]

    one, other = by_place(once), by_place(thrice)
    assert (other[fields.OPACITY] > one[fields.OPACITY] + 1).all()
    for names in (fields.POSITION, [name for name in one.fields if name.startswith("f_")]):
        np.testing.assert_allclose(other.columns(names), one.columns(names), atol=1e-5)
    lengths = [np.sort(made.columns(fields.SCALE), axis=0) for made in (one, other)]
    np.testing.assert_allclose(*lengths, atol=1e-3)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("target", [1, 2, 40, "30%", 299, 300])
def test_a_target_is_met_exactly(tmp_path: Path, target: int | str) -> None:
    given = cloud(300)
    result, out, rows = run(tmp_path, given, target=target)
    assert len(out) == (90 if target == "30%" else target)
    assert sorted(set(rows.tolist())) == list(range(len(out)))
    assert result.cells is not None
    assert result.cells.cells >= len(out)
    assert "a round size for" in result.cells.why
    checked = verify(tmp_path / "scene.ply", tmp_path / "out.ply", rows=tmp_path / "rows.npy")
    assert [check.name for check in checked.draws[0][2]][-1] == "cells"
    checked.require()
    verify(tmp_path / "scene.ply", tmp_path / "out.ply").require()


@pytest.mark.usefixtures("kernels")
def test_more_than_there_are_places_for_takes_pairs_alone(tmp_path: Path) -> None:
    given = cloud(20)[np.repeat(np.arange(20), 5)]
    result, out, _ = run(tmp_path, given, target=60)
    assert len(out) == 60
    assert result.cells is not None
    assert "pairs alone" in result.cells.why
    verify(tmp_path / "scene.ply", tmp_path / "out.ply", rows=tmp_path / "rows.npy").require()


@pytest.mark.parametrize("origin", [None, (0.1, -0.2, 0.3)])
def test_cells_are_of_the_round_size_with_the_fewest_that_are_enough(origin: Any) -> None:
    given = cloud(300)
    finest_first = [ladder.rung(step) for step in range(-60, 21)]
    there_are = [len(VoxelGrid.from_points(given.xyz, voxel_size=s, origin=origin)) for s in finest_first]
    for count in range(1, 250, 3):
        grid = CellsAsked(None, None, origin).grid(given, count)
        assert grid.origin == (origin or (0, 0, 0))
        assert len(grid) == min(cells for cells in there_are if cells >= count)


@pytest.mark.usefixtures("kernels")
def test_cells_that_so_many_points_lie_in(tmp_path: Path) -> None:
    given = cloud(300)
    for several in (1.5, 12):
        result, out, _ = run(tmp_path, given, points_per_cell=several)
        assert len(out) == len(VoxelGrid.from_points(given.xyz, points_per_cell=several))
        assert f"{several:g} points a cell" in str(result.to_dict()["cells"])


@pytest.mark.usefixtures("kernels")
def test_pairs_of_what_cells_become_weigh_as_much_as_all_in_them(tmp_path: Path) -> None:
    given = cloud(300, opacity=np.full(300, -7, np.float32))
    result, _, rows = run(tmp_path, given, target=40)
    assert result.cells is not None
    assert result.cells.cells > 40
    _, of_cells, new = run(tmp_path, given, voxel_size=result.cells.voxel_size)
    _, _, pairs = run(tmp_path, of_cells, method="pairs", target=40)
    assert len(set(zip(rows.tolist(), pairs[new].tolist(), strict=True))) == 40


@pytest.mark.usefixtures("kernels")
def test_points_too_far_out_for_finer_cells_leave_pairs_alone(tmp_path: Path) -> None:
    given = cloud(300)
    given = given.with_columns(x=np.where(np.arange(300) == 7, np.float32(1e18), given["x"]))
    result, out, _ = run(tmp_path, given, target=150)
    assert len(out) == 150
    assert result.cells is not None
    assert "pairs alone" in result.cells.why


@pytest.mark.usefixtures("kernels")
def test_what_is_said_of_cells_is_held_to_it(tmp_path: Path) -> None:
    _, _, rows = run(tmp_path, cloud(200), voxel_size=SIZE)

    def missed(**more: Any) -> set[str]:
        ((_, _, found),) = verify(tmp_path / "scene.ply", tmp_path / "out.ply", **more).draws
        return {check.name for check in found if not check.passed}

    assert missed() == missed(rows=tmp_path / "rows.npy") == set()
    first, second = np.flatnonzero(np.bincount(rows) > 2)[:2]
    for which in (0, -1):
        moved = rows.copy()
        moved[np.flatnonzero(rows == first)[which]] = second
        np.save(tmp_path / "moved.npy", moved)
        assert missed(rows=tmp_path / "moved.npy") >= {"merged", "cells"}
    text = (tmp_path / "out.ply").read_bytes()
    (tmp_path / "out.ply").write_bytes(text.replace(b"voxel_size=0.4 ", b"voxel_size=0.5 "))
    assert missed() == {"count"}
    for wrong in (b"voxel_size=-1 ", b"voxel_size=nan ", b"voxel_size=x "):
        (tmp_path / "out.ply").write_bytes(text.replace(b"voxel_size=0.4 ", wrong))
        with pytest.raises(GscliError, match=r"out\.ply: its provenance comment cannot be understood"):
            missed()
    (tmp_path / "out.ply").write_bytes(text.replace(b"voxel_size=0.4 ", b"voxel_size=1e-300 "))
    with pytest.raises(GscliError, match=r"out\.ply"):
        missed()


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize(
    "asked", [{}, {"points_per_cell": 3, "origin": "min"}, {"target": "20%"}, {"voxel_size": 0.3}]
)
def test_every_figure_of_a_report_is_held_to_it(tmp_path: Path, asked: dict[str, Any]) -> None:
    result, _, _ = run(tmp_path, cloud(300), **asked)
    report = tmp_path / "report.json"

    def missed(told: dict[str, Any]) -> set[str]:
        report.write_text(json.dumps(told))
        ((_, _, found),) = verify(tmp_path / "scene.ply", tmp_path / "out.ply", expect=report).draws
        return {check.name for check in found if not check.passed}

    told = json.loads(json.dumps(result.to_dict()))
    assert missed(told) == set()
    for name, wrong in (
        ("cells", 7),
        ("why", "as it fell"),
        ("occupancy", {"mean": 1, "median": 1, "max": 1}),
    ):
        assert missed({**told, "cells": {**told["cells"], name: wrong}}) == {"report"}
    assert "comment" in missed({**told, "cells": {**told["cells"], "voxel_size": 9.0}})


@pytest.mark.compiled
def test_it_is_looked_at_and_judged_as_pairs_are(tmp_path: Path) -> None:
    result, out, _ = run(tmp_path, cloud(400), voxel_size=SIZE, views=4)
    assert result.looks is not None
    assert result.looked is not None
    assert result.looked.views == 4
    assert result.to_dict()["cells"]["cells"] == len(out)
    verify(tmp_path / "scene.ply", tmp_path / "out.ply", rows=tmp_path / "rows.npy").require()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"method": "one-per-cell", "target": 5}, "did you mean one-per-grid"),
        ({"method": "pairs", "target": 5, "voxel_size": 1.0}, "voxel_size has no effect with method='pairs'"),
        ({"method": "pairs", "origin": "min", "target": 5}, "origin has no effect with method='pairs'"),
        ({"min_psnr": 30}, "min_psnr has no effect with method='one-per-grid'"),
        ({"target": 5, "voxel_size": 1.0}, "voxel_size has no effect beside target"),
        ({"target": 5, "points_per_cell": 2}, "points_per_cell has no effect beside target"),
        ({"voxel_size": 1.0, "points_per_cell": 2}, "points_per_cell has no effect beside voxel_size"),
        ({"voxel_size": 0}, "voxel_size must be a positive number"),
        ({"voxel_size": 1e-300}, "small"),
        ({"origin": "max"}, "neither X,Y,Z nor min"),
        ({"target": 0}, "leaves nothing"),
        ({"target": 10}, "exceeds the 9 points"),
    ],
)
def test_options_that_make_no_sense_are_refused(tmp_path: Path, options: dict[str, Any], why: str) -> None:
    with pytest.raises(UsageError, match=why):
        run(tmp_path, cloud(9), **options)
    assert not (tmp_path / "out.ply").exists()
