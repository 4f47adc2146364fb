"""The cell size that is chosen is the round one whose cells hold most nearly as many points as asked for."""

import math
from functools import cache

import numpy as np
import pytest

from gscli import _core
from gscli.cloud import GaussianCloud
from gscli.grids.budget import Budget
from gscli.grids.tiled_grid import TiledGrid
from gscli.grids.voxel_grid import VoxelGrid
from gscli.kernels import cell_names, ladder, occupancy
from gscli.kernels.cell_keys import lattice_span

ORIGIN = np.zeros(3)


def donut(n, rng):
    a, b = rng.uniform(0, 2 * math.pi, (2, n))
    ring = 1 + 0.3 * np.cos(b)
    return 0.1 * np.stack([ring * np.cos(a), ring * np.sin(a), 0.3 * np.sin(b)], 1)


def cluster(n, rng):
    return rng.normal(size=(n, 3)) * (1.0, 2.0, 0.2)


def cable(n, rng):
    return np.stack([rng.uniform(0, 100, n), 0 * np.arange(n), 0 * np.arange(n)], 1) + rng.normal(
        scale=0.001, size=(n, 3)
    )


CLOUDS = {
    "cluster": cluster,
    "donuts far apart": lambda n, rng: np.concatenate(
        [donut(n // 6, rng) + 30.0 * np.array(at) for at in np.ndindex(3, 2, 1)]
    ),
    "cable": cable,
    "donut in a cloud": lambda n, rng: np.concatenate(
        [donut(n // 2, rng), rng.normal(size=(n // 2, 3)) * 1000]
    ),
    "clusters of 20": lambda n, rng: (
        np.repeat(rng.uniform(-50, 50, (n // 20, 3)), 20, 0) + rng.normal(scale=1e-4, size=(n // 20 * 20, 3))
    ),
    "clusters on round numbers": lambda n, rng: (
        np.repeat(np.round(rng.uniform(-50, 50, (n // 40, 3))), 40, 0)
        + rng.normal(scale=1e-3, size=(n // 40 * 40, 3))
    ),
    "clusters of clusters": lambda n, rng: (
        rng.normal(size=(10, 1, 1, 3)) * 100
        + rng.normal(size=(1, 20, 1, 3))
        + rng.normal(scale=0.001, size=(10, 20, n // 200, 3))
    ).reshape(-1, 3),
    "30 points in each place": lambda n, rng: np.repeat(cluster(n // 30, rng), 30, 0),
    "20 points in each place": lambda n, rng: np.repeat(cluster(n // 20, rng), 20, 0),
    "floor on a round number": lambda n, rng: cluster(n, rng) * (2, 2, 0.05) + (0, 0, -1),
    "plane": lambda n, rng: cluster(n, rng) * (1, 1, 0),
    "line": lambda n, rng: np.repeat(rng.uniform(0, 10, (n, 1)), 3, 1),
    "coordinates of one digit": lambda n, rng: np.round(cluster(n, rng), 1).astype(np.float32),
    "far from the origin": lambda n, rng: cluster(n, rng) * 10 + (5e5, 5.2e6, 120.0),
    "far from the origin, in float32": lambda n, rng: (cluster(n, rng) * 10 + 5e6).astype(np.float32),
    "flyaways": lambda n, rng: np.concatenate([cluster(n - 2, rng), [[1e9, -1e9, 1e9], [1e5, 0, 0]]]),
    "heavy tails": lambda n, rng: rng.standard_cauchy((n, 3)),
    "two points": lambda n, rng: np.array([[0.0, 0, 0], [1, 0, 0]]),
    "one point": lambda n, rng: np.array([[0.3, -2, 7]]),
    "one place": lambda n, rng: np.full((500, 3), 7.25),
}


@cache
def counted(name, n):
    """A cloud and, by the slow twin, how many of its cells are occupied at every size that could matter."""
    xyz = CLOUDS[name](n, np.random.default_rng(n))
    high = math.ceil(20 * math.log10(np.abs(xyz).max())) + 3
    found, places = {}, occupied(xyz, None)
    for i in range(high, high - 400, -1):
        found[i] = occupied(xyz, ladder.rung(i))
        if all(found.get(j) == places for j in range(i, i + 4)):
            break
    return xyz, found


def occupied(xyz, size):
    cell = xyz if size is None else np.floor(xyz.astype(np.float64) / size)
    cell = cell[np.lexsort(cell.T)]
    return 1 + int((cell[1:] != cell[:-1]).any(1).sum())


@pytest.mark.parametrize("aim", [1, 3, 20, 100, 1e4])
@pytest.mark.parametrize("name", CLOUDS)
def test_no_other_round_size_is_nearer(name, aim):
    xyz, found = counted(name, 6000)
    grid = VoxelGrid.from_points(xyz, points_per_cell=aim)
    off = {i: abs(math.log(len(xyz) / cells / aim)) for i, cells in found.items()}
    assert abs(math.log(len(xyz) / len(grid) / aim)) <= min(off.values()) + 1e-12
    assert grid.why == f"the round size nearest to {aim:g} points a cell"


@pytest.mark.parametrize("name", ["floor on a round number", "donuts far apart", "cable", "clusters of 20"])
@pytest.mark.once
def test_no_other_round_size_is_nearer_for_many_points(name):
    """From 2^18 points on most sizes are ruled out by a part of them."""
    xyz = CLOUDS[name](300_000, np.random.default_rng(1))
    grid = VoxelGrid.from_points(xyz)
    i = next(i for i in range(-200, 200) if ladder.rung(i) == grid.voxel_size)
    off = [abs(math.log(len(xyz) / occupied(xyz, ladder.rung(j)) / 20)) for j in range(i - 9, i + 10)]
    assert off[9] == min(off)


@pytest.mark.parametrize("aim", [1, 20, 1e4])
@pytest.mark.parametrize("name", CLOUDS)
def test_tiles_get_the_same_size(tmp_path, name, aim):
    xyz, _ = counted(name, 6000)
    rows = np.zeros(len(xyz), [(axis, xyz.dtype) for axis in "xyz"])
    for axis, column in zip("xyz", xyz.T, strict=True):
        rows[axis] = column
    whole = VoxelGrid.from_points(xyz, points_per_cell=aim)
    tiled = TiledGrid.from_cloud(
        GaussianCloud(rows), Budget(2_000_000, 1_500_000), tmp_path, points_per_cell=aim
    )
    assert (tiled.voxel_size, tiled.why, len(tiled)) == (whole.voxel_size, whole.why, len(whole))
    tiled.close()


def test_tiles_of_many_points_get_the_same_size(tmp_path):
    xyz = CLOUDS["floor on a round number"](300_000, np.random.default_rng(1)).astype(np.float32)
    rows = np.zeros(len(xyz), [(axis, "<f4") for axis in "xyz"])
    for axis, column in zip("xyz", xyz.T, strict=True):
        rows[axis] = column
    tiled = TiledGrid.from_cloud(GaussianCloud(rows), Budget(9_000_000, 8_000_000), tmp_path)
    assert tiled.voxel_size == VoxelGrid.from_points(xyz).voxel_size
    tiled.close()


def test_clouds_of_fewer_points_than_asked_for_get_cells_of_their_own_size():
    for xyz in (np.array([[1.0, 2, 3], [-1, -2, -3]]), np.array([[1.0, 2, 3], [1.5, 2, 3]])):
        assert 0.5 <= VoxelGrid.from_points(xyz).voxel_size <= 6.3


def test_of_equally_near_sizes_the_largest_is_taken():
    xyz, found = counted("20 points in each place", 6000)
    equal = [i for i, cells in found.items() if cells * 20 == len(xyz)]
    assert len(equal) > 3
    assert VoxelGrid.from_points(xyz).voxel_size == ladder.rung(max(equal))


def test_the_chosen_size_does_not_depend_on_threads(monkeypatch):
    xyz = np.random.default_rng(0).normal(size=(300_000, 3)) * (1.0, 2.0, 0.2)
    sizes = set()
    for threads in ("1", "2", "7"):
        monkeypatch.setenv("GSCLI_THREADS", threads)
        sizes.add(VoxelGrid.from_points(xyz).voxel_size)
    assert len(sizes) == 1


@pytest.mark.parametrize(
    "xyz",
    [
        np.zeros((1, 3)),
        np.full((500, 3), 7.25),
        np.array([[0.0, 0, 0], [1, 0, 0]]),
        np.full((9, 3), -1e30),
        np.array([[1e308] * 3, [-1e308] * 3]),
        np.array([[1e-310] * 3, [0.0] * 3]),
    ],
)
def test_a_size_is_found_for_degenerate_clouds(xyz):
    grid = VoxelGrid.from_points(xyz)
    assert grid.voxel_size > 0
    assert grid.points == len(xyz)


def test_a_size_that_a_flyaway_made_larger_says_so():
    """A cell number of a point at 1e18 would not fit at the size that the others want."""
    xyz = np.random.default_rng(0).normal(size=(2000, 3))
    assert "nearest to 20 points" in VoxelGrid.from_points(xyz).why
    xyz[5] = 1e18
    grid = VoxelGrid.from_points(xyz)
    assert grid.points / len(grid) > 100
    assert "so far out" in grid.why
    assert "nearest" not in grid.why


def names(xyz, size, origin=ORIGIN):
    return cell_names.CellNames(size, origin, lattice_span(xyz.min(1), xyz.max(1), size, origin))


@pytest.mark.parametrize("origin", [ORIGIN, np.array([0.1, -2.0, 0.3])])
@pytest.mark.parametrize("name", ["cluster", "far from the origin", "flyaways", "coordinates of one digit"])
def test_points_have_one_word_just_where_they_are_in_one_cell(name, origin):
    xyz = counted(name, 6000)[0].T
    words = names(xyz, 0.07, origin)(xyz)
    cell = np.floor((xyz.T.astype(np.float64) - origin) / 0.07)
    both = np.unique(np.column_stack([cell, words.astype(np.float64)]), axis=0)
    assert len(both) == len(np.unique(cell, axis=0)) == len(np.unique(words))


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e-12, 0.1, 0.25, 3.0])
def test_compiled_words_and_marks_are_those_of_numpy(size, dtype, monkeypatch):
    rng = np.random.default_rng(1)
    xyz = np.concatenate([rng.normal(size=(700, 3)), rng.integers(-9, 9, (500, 3)) / 4, -np.zeros((1, 3))])
    xyz = (xyz * [1, 1e-3, 40]).T.astype(dtype).copy()
    for origin in (ORIGIN, np.array([0.1, -2.0, 0.3])):
        name, slots = names(xyz, size, origin), [np.zeros(1 << 12, bool) for _ in range(2)]
        words = []
        for compiled, table in zip((True, False), slots, strict=True):
            monkeypatch.setattr(_core, "available", lambda compiled=compiled: compiled)
            words.append(name(xyz))
            name.mark(xyz, 52, table)
        assert (words[0] == words[1]).all()
        assert (slots[0] == slots[1]).all()
        assert slots[0].any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e-12, 0.1, 0.25, 3.0])
def test_torch_has_the_words_of_numpy_and_counts_as_many(size, dtype):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    xyz = np.concatenate([rng.normal(size=(700, 3)), rng.integers(-9, 9, (500, 3)) / 4, -np.zeros((1, 3))])
    xyz = (xyz * [1, 1e-3, 40]).T.astype(dtype).copy()
    ours, theirs = occupancy.in_memory(xyz), occupancy.in_memory(torch.from_numpy(xyz))
    for origin in (ORIGIN, np.array([0.1, -2.0, 0.3])):
        name = names(xyz, size, origin)
        for naming in (name, cell_names.name_positions):
            assert naming(torch.from_numpy(xyz)).numpy().view(np.uint64).tolist() == naming(xyz).tolist()
            assert theirs.distinct([naming]) == ours.distinct([naming]) > [0]
        for slots, every in ((1 << 16, 1), (1 << 8, 1), (1 << 10, 3)):
            both = [name, names(xyz, 7 * size, origin)]
            assert theirs.marked(both, slots, every) == ours.marked(both, slots, every)


@pytest.mark.parametrize("slots", [1 << 12, 1 << 16, 1 << 20])
@pytest.mark.parametrize("size", [0.01, 0.07, 0.3, 2.0])
def test_a_rough_count_bounds_the_exact_one(size, slots):
    xyz = cluster(30_000, np.random.default_rng(3)).T.copy()
    points, name = occupancy.in_memory(xyz), names(xyz, size)
    exact = occupied(xyz.T, size)
    assert points.distinct([name]) == [exact]
    ((least, most),) = occupancy.roughly_distinct(points, [name], slots)
    assert least <= exact <= most
    assert most - least < 0.05 * exact + 8 or slots < exact * 8
    assert occupancy.roughly_distinct(points, [name], slots, every=8)[0][0] <= exact


@pytest.mark.parametrize("aim", [1.0, 1e9, 1e300])
def test_an_occupancy_that_cannot_be_had_gives_the_nearest_that_can(aim):
    grid = VoxelGrid.from_points(np.random.default_rng(0).normal(size=(2000, 3)), points_per_cell=aim)
    assert len(grid) > 1900 or aim > 1
    assert len(grid) < 50 or aim < 1e9
