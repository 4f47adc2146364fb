"""Points are grouped by the lattice cell they are in, whatever their coordinates."""

import itertools
import math

import numpy as np
import pytest

from gscli.errors import InputError, UsageError
from gscli.grids import located
from gscli.grids.voxel_grid import VoxelGrid
from gscli.kernels import cell_keys, cells, occupancy, parallel

pytestmark = pytest.mark.usefixtures("kernels")


def grouped_one_by_one(xyz, size, origin=(0.0, 0.0, 0.0)):
    """The slow twin: one point at a time into a dictionary, with Python's own float arithmetic."""
    found = {}
    for row, point in enumerate(xyz):
        cell = tuple(math.floor((float(x) - o) / size) for x, o in zip(point, origin, strict=True))
        found.setdefault(cell, []).append(row)
    return dict(sorted(found.items()))


def as_dictionary(grid):
    rows = np.split(grid.order, grid.offsets[1:-1])
    return {tuple(c): r.tolist() for c, r in zip(grid.cells.tolist(), rows, strict=True)}


def scene(n, kind="cluster", dtype=np.float32):
    rng = np.random.default_rng(n)
    xyz = rng.normal(size=(n, 3)) * (1.0, 2.0, 0.2)
    if kind == "cauchy":
        xyz = rng.standard_cauchy((n, 3))
    if kind == "far":
        xyz += 5e6
    if kind == "flyaway" and n:
        xyz[n // 2] = (1e9, -1e9, 1e9)
    if kind == "strays" and n:
        xyz[n // 3] = (2e4, -1e4, 0)
        xyz[n // 2] = (1e6, -1e6, 1e6)
    if kind == "scattered":
        xyz *= 1e6
    if kind == "lattice":
        xyz = np.round(xyz, 1)
    return xyz.astype(dtype)


@pytest.mark.parametrize("kind", ["cluster", "cauchy", "far", "flyaway", "strays", "scattered", "lattice"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [1, 2, 1000, 3001])
def test_grid_equals_the_slow_twin(n, kind, dtype):
    xyz = scene(n, kind, dtype)
    for size, origin in [(0.1, (0, 0, 0)), (0.037, (0.5, -3.0, 1e3)), (1000.0, (0, 0, 0))]:
        grid = VoxelGrid.from_points(xyz, voxel_size=size, origin=origin)
        assert as_dictionary(grid) == grouped_one_by_one(xyz, size, origin)
        assert list(as_dictionary(grid)) == sorted(as_dictionary(grid))


@pytest.mark.parametrize(
    "n", [parallel.BLOCK - 1, parallel.BLOCK, parallel.BLOCK + 1, 3 * parallel.BLOCK + 7]
)
@pytest.mark.parametrize("threads", ["1", "2", "5"])
def test_block_boundaries_and_threads_change_nothing(n, threads, monkeypatch):
    monkeypatch.setenv("GSCLI_THREADS", threads)
    xyz = scene(n)
    grid = VoxelGrid.from_points(xyz, voxel_size=0.2)
    index = np.floor(xyz.astype(np.float64) / 0.2).astype(np.int64)
    order = np.lexsort((np.arange(n), index[:, 2], index[:, 1], index[:, 0]))
    assert (grid.order == order).all()
    assert (grid.cells == np.unique(index, axis=0)).all()


def test_negative_coordinates_are_floored_not_truncated():
    grid = VoxelGrid.from_points(np.array([[-0.01, 0.0, 0.0], [0.01, 0.0, 0.0]]), voxel_size=1.0)
    assert grid.cells.tolist() == [[-1, 0, 0], [0, 0, 0]]


def test_cells_are_computed_in_float64():
    """In float32 a cell of 0.05 at 5e5 misplaces more than half of all points."""
    xyz = (np.random.default_rng(0).random((2000, 3)) * 10 + 5e5).astype(np.float32)
    grid = VoxelGrid.from_points(xyz, voxel_size=0.05)
    assert as_dictionary(grid) == grouped_one_by_one(xyz, 0.05)
    in_float32 = np.floor(xyz / np.float32(0.05)).astype(np.int64)
    misplaced = (in_float32 != np.floor(xyz.astype(np.float64) / 0.05)).any(1)
    assert misplaced.mean() > 0.5  # so that this test can tell the two apart


def test_division_is_division_not_a_product_with_the_reciprocal():
    """On coordinates rounded to 0.01 the two differ for some points, and floor shows it."""
    x = np.arange(100_000) * 0.01
    grid = VoxelGrid.from_points(np.stack([x, 0 * x, 0 * x], 1), voxel_size=0.05)
    in_cell = np.empty(len(x), np.int64)
    in_cell[grid.order] = np.repeat(grid.cells[:, 0], grid.counts)
    assert (in_cell == np.floor(x / 0.05)).all()
    assert (in_cell != np.floor(x * (1 / 0.05))).any()  # so that this test can tell the two apart


def test_all_extreme_corners_at_once_never_overflow():
    corners = np.array(list(itertools.product((-4e9, 4e9), repeat=3)) * 3)
    grid = VoxelGrid.from_points(corners, voxel_size=1e-6)
    assert as_dictionary(grid) == grouped_one_by_one(corners, 1e-6)


@pytest.mark.parametrize("size", [1e-300, 5e-324, 1e-7])
def test_a_size_whose_cells_float64_cannot_tell_apart_is_refused(size):
    with pytest.raises(UsageError, match="2\\^53"):
        VoxelGrid.from_points(np.array([[1e10, 0, 0], [0, 0, 0]]), voxel_size=size)


def test_ids_with_gaps_and_rows_without_an_id():
    grid = VoxelGrid.from_ids(np.array([7, -1, 3, 7, -1, 1_000_000_000_000, 3]))
    assert grid.cells.tolist() == [3, 7, 1_000_000_000_000]
    assert grid.order.tolist() == [2, 6, 0, 3, 5]
    assert grid.offsets.tolist() == [0, 2, 4, 5]


@pytest.mark.parametrize("bad", [np.int64(-2), np.int8(-128), np.uint64(2**63), np.uint64(2**64 - 1)])
def test_ids_that_are_no_cells_are_refused_not_left_out(bad):
    with pytest.raises(InputError, match=str(bad)):
        VoxelGrid.from_ids(np.array([0, bad, 1], bad.dtype))
    if bad.dtype.kind == "i":
        torch = pytest.importorskip("torch")
        with pytest.raises(InputError, match=str(bad)):
            VoxelGrid.from_ids(torch.from_numpy(np.array([0, bad, 1], bad.dtype)))


def test_no_rows_no_cells():
    for grid in (VoxelGrid.from_points(np.empty((0, 3))), VoxelGrid.from_ids(np.empty(0, np.int64))):
        assert len(grid) == 0
        assert grid.points == 0


@pytest.mark.parametrize("kind", ["cluster", "cauchy", "far", "flyaway", "strays", "scattered", "lattice"])
def test_torch_groups_alike(kind):
    torch = pytest.importorskip("torch")
    xyz = scene(20_001, kind, np.float64)
    ours = VoxelGrid.from_points(xyz, voxel_size=0.05)
    for theirs in (
        VoxelGrid.from_points(xyz, voxel_size=0.05, device=torch.device("cpu")),
        VoxelGrid.from_points(torch.from_numpy(xyz), voxel_size=0.05),
    ):
        for name in ("order", "offsets", "cells"):
            assert (getattr(theirs, name).numpy() == getattr(ours, name)).all(), name
    ids = np.random.default_rng(1).integers(-1, 300, 5000)
    ours, theirs = VoxelGrid.from_ids(ids), VoxelGrid.from_ids(torch.from_numpy(ids))
    for name in ("order", "offsets", "cells"):
        assert (getattr(theirs, name).numpy() == getattr(ours, name)).all(), name


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("kind", ["cluster", "cauchy", "far", "flyaway", "strays", "scattered", "lattice"])
def test_torch_chooses_the_same_cells(kind, dtype, monkeypatch):
    torch = pytest.importorskip("torch")
    if dtype is np.float32:  # as on a GPU; else cells are counted by NumPy, as on a CPU
        monkeypatch.setattr(located, "within_reach", lambda tensor: False)
    xyz = scene(20_001, kind, dtype)
    rough = np.repeat(xyz, 15, axis=0) + np.random.default_rng(0).normal(0, 0.01, (300_015, 3)).astype(dtype)
    bad = xyz.copy()
    bad[[7, 9000], 1] = np.nan, np.inf
    asked = [
        (xyz, {}),
        (xyz, {"points_per_cell": 3.5, "origin": "min"}),
        (xyz[:50], {"cells": 7}),
        (
            rough,
            {"cells": "1%", "origin": (0.1, -2.0, 0.3)},
        ),  # so many that a part of them is looked at first
        (bad, {"drop_invalid": True}),
        (bad, {"drop_invalid": True, "voxel_size": 0.5}),
        (xyz[:1], {}),
        (xyz[:0], {}),
        (np.zeros_like(xyz[:9]), {}),
    ]
    for points, options in asked:
        ours, theirs = (VoxelGrid.from_points(p, **options) for p in (points, torch.from_numpy(points)))
        assert (ours.voxel_size, ours.origin, ours.why, ours.rows) == (
            *(theirs.voxel_size, theirs.origin, theirs.why, theirs.rows),
        )
        for name in ("order", "offsets", "cells"):
            expected, found = getattr(ours, name), getattr(theirs, name).numpy()
            assert found.dtype == expected.dtype
            assert (found == expected).all(), (name, options)
    said = "2 of 20,001 points have a NaN or infinite position, the first in row 7"
    for points in (bad, torch.from_numpy(bad)):
        with pytest.raises(InputError, match=said):
            VoxelGrid.from_points(points)


def test_a_tensor_is_gridded_where_it_is(monkeypatch):
    """To the CPU go corners and some of the points, whatever their number."""
    torch = pytest.importorskip("torch")
    xyz = torch.from_numpy(scene(100_000, "cluster", np.float32))
    fetched = []
    cpu = torch.Tensor.cpu
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: fetched.append(tensor.numel()) or cpu(tensor))
    monkeypatch.setattr(located, "within_reach", lambda tensor: False)
    monkeypatch.setattr(cells, "cell_groups", None)
    monkeypatch.setattr(occupancy, "marked_in", None)
    grid = VoxelGrid.from_points(xyz)
    assert len(grid) > 100
    assert sum(fetched) <= 6 + 3 * 2 * 4096


@pytest.mark.parametrize("wrong", ["zeros(3)", "zeros(3, 2)", "zeros(3, 3, dtype=torch.complex64)"])
def test_a_tensor_that_holds_no_positions_is_a_usage_error(wrong):
    torch = pytest.importorskip("torch")
    with pytest.raises(UsageError, match=r"xyz must be \(N, 3\) numbers, not "):
        VoxelGrid.from_points(eval(f"torch.{wrong}", {"torch": torch}))


@pytest.mark.parametrize("reach", [2.0**15, 2.0**17, 2.0**18, 2.0**21, 2.0**25, 2.0**40])
def test_boxes_that_pack_plainly_without_gaps_and_not_at_all_agree(reach):
    """Up to a box size 64 bits hold row and cell; then gaps are left out; then cells are numbered."""
    rng = np.random.default_rng(3)
    near = rng.integers(0, 50, (4000, 3)).astype(np.float64)
    flyaways = np.array([[reach, reach, reach], [-reach, 3, reach / 3]])
    scattered = np.round(rng.uniform(-reach, reach, (4000, 3)))
    for xyz in (np.vstack([near, flyaways]), scattered):
        grid = VoxelGrid.from_points(xyz, voxel_size=1.0)
        assert as_dictionary(grid) == grouped_one_by_one(xyz, 1.0)


@pytest.mark.parametrize(
    "n", [0, 1, 2, 3, parallel.BLOCK * 2 - 1, parallel.BLOCK * 2, parallel.BLOCK * 5 + 3]
)
@pytest.mark.parametrize("distinct", [1, 7, 2**60])
def test_parallel_sort_sorts(n, distinct, monkeypatch):
    monkeypatch.setenv("GSCLI_THREADS", "3")
    values = np.random.default_rng(n).integers(0, distinct, n).astype(np.uint64)
    assert (parallel.sort(values.copy()) == np.sort(values)).all()


def test_the_lattice_box_is_exact_at_cell_walls():
    low, high = np.array([0.3, -0.1, 0.0]), np.array([0.9, 0.2, 0.1])
    span = cell_keys.lattice_span(low, high, 0.1, np.zeros(3))
    assert span.low == tuple(math.floor(v / 0.1) for v in low)
    assert span.number == tuple(
        math.floor(b / 0.1) - math.floor(a / 0.1) + 1 for a, b in zip(low, high, strict=True)
    )
