"""Cells on a device: by torch and by kernels, with few waits, and in pieces where memory does not do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gscli.errors import EngineUnavailable, InputError  # noqa: E402
from gscli.grids import located  # noqa: E402
from gscli.grids.voxel_grid import VoxelGrid  # noqa: E402
from gscli.kernels import extent, launches, rung_counts, torch_cells  # noqa: E402
from gscli.runtime.libraries import Trouble  # noqa: E402
from gscli.training import GridSampler, collate  # noqa: E402
from tests.counting_gpu import INTERPRETED, WHERE, counting_gpu, documented  # noqa: E402

MANY = 20_000  # points, of which a part is looked at first
ON_CPU = torch.device("cpu")


@pytest.fixture(params=["triton", "torch"])
def made_by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Makes a test run twice: with Triton's kernels, interpreted, and as where there are none."""
    if request.param == "torch":
        monkeypatch.setattr(launches, "trouble", lambda device: Trouble("is not here", "install it"))
    elif not INTERPRETED:
        pytest.skip("nothing is interpreted, and no GPU here")
    monkeypatch.setattr(rung_counts, "_MANY", MANY - 1)
    return str(request.param)


def points(count: int, kind: str = "cluster") -> Any:
    rng = np.random.default_rng(count)
    xyz = rng.normal(size=(count, 3)) * (1.0, 2.0, 0.2)
    if kind == "scattered":
        xyz[:9] *= 1e12
    return xyz.astype(np.float32)


def same(found: VoxelGrid, expected: VoxelGrid) -> None:
    assert (found.voxel_size, found.origin, found.why, found.rows) == (
        *(expected.voxel_size, expected.origin, expected.why, expected.rows),
    )
    for name in ("order", "offsets", "cells"):
        array = getattr(found, name)
        assert array.device in (WHERE, ON_CPU)
        array = array.cpu().numpy()
        assert array.dtype == getattr(expected, name).dtype
        assert array.tolist() == getattr(expected, name).tolist(), name


SIZED, CHOSEN = (
    "a grid of a given cell size",
    "a grid whose cell size is chosen, 20,000 points in cells of about 18",
)
ASKED: dict[str, tuple[dict[str, Any], Any]] = {  # with a row of the documentation, or waits and launches
    "a size": ({"voxel_size": 0.3}, SIZED),
    "a corner": ({"voxel_size": 0.3, "origin": (0.1, -2.0, 0.3)}, SIZED),
    "scenes": ({"voxel_size": 0.3, "offset": [7, 7, 200, MANY]}, "a grid of a batch of scenes"),
    "a size to be chosen": ({"points_per_cell": 18}, CHOSEN),
    "a number of cells": ({"cells": 300, "origin": "min"}, {"triton": (8, 56), "torch": (8, 292)}),
}


@pytest.mark.parametrize("name", ASKED)
def test_a_grid_waits_for_little(name: str, made_by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU that is not there, the second of two."""
    options, row = ASKED[name]
    waits, launched = documented(row, made_by) if isinstance(row, str) else row[made_by]
    xyz = points(MANY)
    expected = VoxelGrid.from_points(xyz, **options)
    with counting_gpu(monkeypatch) as gpu:
        there = torch.from_numpy(xyz).to(WHERE)
        launches.trouble(WHERE)
        gpu.clear()
        found = VoxelGrid.from_points(there, **options)
        assert gpu.waits.total() <= waits, gpu.waits
        assert gpu.launches.total() <= launched, gpu.launches
        same(found, expected)


@pytest.mark.parametrize("offset", [None, [0, 7, 7, MANY]])
def test_a_grid_by_ids_waits_once(offset: Any, made_by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the number of its cells, with which all else is told that the CPU has to know of ids."""
    ids = np.random.default_rng(0).integers(-1, 900, MANY)
    expected = VoxelGrid.from_ids(ids, offset=offset)
    waits, launched = documented("a grid by given ids" + (", of a batch of scenes" if offset else ""))
    with counting_gpu(monkeypatch) as gpu:
        there = torch.from_numpy(ids).to(WHERE)
        gpu.clear()
        found = VoxelGrid.from_ids(there, offset=offset)
        assert gpu.waits.total() <= waits == 1, gpu.waits
        assert gpu.launches.total() <= launched, gpu.launches
        same(found, expected)


@pytest.mark.parametrize("ids", [[], [-1], [-1, -1, -1], [0], [5, 5, 5], [2**62, -1, 0]])
@pytest.mark.parametrize("scenes", [1, 3])
def test_few_ids_are_grouped_as_numpy_groups_them(ids: list[int], scenes: int) -> None:
    given, offset = np.array(ids * scenes, np.int64), None
    if scenes > 1:
        offset = [len(ids) * (scene + 1) for scene in range(scenes)]
    same(VoxelGrid.from_ids(torch.from_numpy(given), offset=offset), VoxelGrid.from_ids(given, offset=offset))


@pytest.mark.parametrize("lowest", [-2, -(2**62)])
def test_ids_that_mean_nothing_are_refused_on_a_device(lowest: int) -> None:
    with pytest.raises(InputError, match=f"^a row has the cell id {lowest}; ids are -1"):
        VoxelGrid.from_ids(torch.tensor([3, lowest, -1]))


def test_ids_beyond_int64_are_no_missing_cells() -> None:
    given = np.array([2**63 + 5, 7, 2**64 - 1], np.uint64)
    for ids in (given, torch.from_numpy(given)):
        with pytest.raises(InputError, match=f"^a row has the cell id {2**64 - 1}; ids are -1"):
            VoxelGrid.from_ids(ids)
    same(VoxelGrid.from_ids(torch.from_numpy(given[1:2])), VoxelGrid.from_ids(given[1:2]))


@pytest.mark.parametrize("by_ids", [False, True])
def test_an_iteration_that_makes_its_grid_waits_for_sizes_alone(
    by_ids: bool, made_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For corners of points, the number of cells, the sizes of cells, and the sizes of all scenarios."""
    row = f"{'ids' if by_ids else 'points'} to a grid, a sampler, three scenarios and their batch"
    (waits,) = documented(row, made_by)
    with counting_gpu(monkeypatch) as gpu:
        coord = torch.from_numpy(points(200)).to(WHERE)
        ids = torch.arange(200).to(WHERE) // 9
        launches.trouble(WHERE)
        gpu.clear()
        sampler = GridSampler.from_ids(ids) if by_ids else GridSampler.from_points(coord, voxel_size=0.5)
        batch = collate(sampler.scenarios(epoch=0), coord=coord)
        assert gpu.waits.total() <= waits, gpu.waits
        assert batch["coord"].device == batch["offset"].device == WHERE


@pytest.mark.parametrize("on_ids", [True, False])
@pytest.mark.parametrize("offset", [None, [0, 150, 300]])
def test_ids_and_scattered_points_are_grouped_alike(
    on_ids: bool, offset: Any, made_by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    given = rng.integers(-1, 40, 300) if on_ids else points(300, "scattered")
    make = VoxelGrid.from_ids if on_ids else VoxelGrid.from_points
    options = {} if on_ids else {"voxel_size": 1e-3}
    expected = make(given, offset=offset, **options)
    with counting_gpu(monkeypatch) as gpu:
        there = torch.from_numpy(given).to(WHERE)
        gpu.clear()
        found = make(there, offset=offset, **options)
        assert gpu.waits.total() <= (1 if on_ids else 2), gpu.waits
        same(found, expected)


def scarce(monkeypatch: pytest.MonkeyPatch, where: Any, name: str, most: int, size: Any = None) -> list[int]:
    """Have a step find no memory for more than so much, by its arguments; what it is asked for is listed."""
    call, asked = getattr(where, name), []

    def step(*arguments: Any, **options: Any) -> Any:
        asked.append(size(*arguments) if size else max(arguments[0].shape))
        if asked[-1] > most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return call(*arguments, **options)

    monkeypatch.setattr(where, name, step)
    return asked


def test_cells_are_numbered_by_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    xyz = points(30_000)
    expected = VoxelGrid.from_points(xyz, voxel_size=0.3)
    monkeypatch.setattr(torch_cells, "PIECE", 32_000)
    asked = scarce(monkeypatch, torch_cells, "_index", 9_000)
    same(VoxelGrid.from_points(torch.from_numpy(xyz), voxel_size=0.3), expected)
    assert asked[:-1] == [30_000, 16_000, 8_000, 8_000, 8_000, 6_000]


def test_corners_and_what_is_finite_are_found_by_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    xyz = points(30_000)
    xyz[20_000] = np.nan
    expected = VoxelGrid.from_points(xyz, voxel_size=0.3, drop_invalid=True)
    monkeypatch.setattr(extent, "PIECE", 32_000)
    bounds = scarce(monkeypatch, torch, "aminmax", 9_000)
    finite = scarce(monkeypatch, torch.Tensor, "isfinite", 17_000)
    same(VoxelGrid.from_points(torch.from_numpy(xyz), voxel_size=0.3, drop_invalid=True), expected)
    assert bounds == [30_000, 16_000, 8_000, 8_000, 8_000, 6_000, 29_999, 16_000, 8_000, 8_000, 8_000, 5_999]
    assert finite == [30_000, 16_000, 14_000]


@pytest.mark.parametrize("step", ["tables", "words"])
def test_sizes_are_counted_by_halves(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    xyz = points(30_000)
    expected = VoxelGrid.from_points(xyz)
    monkeypatch.setattr(located, "within_reach", lambda tensor: False)
    if step == "tables":
        asked = scarce(monkeypatch, torch_cells, "_marked", 9, lambda xyz, names, slots: len(names))
    else:
        monkeypatch.setattr(torch_cells, "PIECE", 40 * 32_000)
        asked = scarce(monkeypatch, torch_cells, "_mark", 17_000)
    same(VoxelGrid.from_points(torch.from_numpy(xyz)), expected)
    assert asked[:3] == {"tables": [33, 16, 8], "words": [30_000, 19_393, 9_696]}[step]


@pytest.mark.parametrize("on_ids", [True, False])
def test_without_memory_to_sort_a_line_says_so(on_ids: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    scarce(monkeypatch, torch, "sort", 9_000)
    said = "^the GPU has not enough memory to cut 30,000 points into cells; free some of it, or use device="
    ids, xyz = torch.arange(30_000) // 20, torch.from_numpy(points(30_000))
    with pytest.raises(EngineUnavailable, match=said):
        VoxelGrid.from_ids(ids) if on_ids else VoxelGrid.from_points(xyz, voxel_size=0.3)


def test_an_error_that_is_not_of_memory_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr(torch_cells, "_index", broken)
    with pytest.raises(RuntimeError, match="something else"):
        VoxelGrid.from_points(torch.from_numpy(points(30)), voxel_size=0.3)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("options", [{"voxel_size": 0.05}, {}])
def test_a_grid_joins_the_stream_that_is_current(options: dict[str, Any]) -> None:
    xyz = points(400_000)
    expected = VoxelGrid.from_points(xyz, **options)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        found = VoxelGrid.from_points(torch.from_numpy(xyz).cuda(), **options)
    stream.synchronize()
    same(found.to(ON_CPU), expected)
