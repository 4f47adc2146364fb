"""Scenarios drawn together: by torch, and by kernels on a GPU or in tests/test_interpreted.py."""

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gscli.grids.methods import method  # noqa: E402
from gscli.grids.voxel_grid import VoxelGrid  # noqa: E402
from gscli.kernels import fused_draws, hashing, launches  # noqa: E402
from gscli.runtime.libraries import Trouble  # noqa: E402
from gscli.training import GridSampler, collate  # noqa: E402
from tests.counting_gpu import INTERPRETED, WHERE, counting_gpu, documented  # noqa: E402

GPU = torch.cuda.is_available()
DEVICE = torch.device("cuda" if GPU else "cpu")
POINTS = 200_000 if GPU else 60

METHODS = {
    "dense": method("dense"),
    "half": method("half"),
    "single": method("single"),
    "of one ratio": method("half", ratio=(0.5, 0.5)),
    "without a minimum": method("half", min_per_cell=0),
    "with a larger minimum": method("half", ratio=(0.1, 0.15), min_per_cell=4),
    "at most three": method("k-per-grid", k=3),
    "of an exact share": method("half", target="30%"),
    "one of an exact number": method("single", target=20),
}

RUNS = launches.trouble(DEVICE) is None
pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("drawn_by")]


@pytest.fixture(params=["kernels", "torch"])
def drawn_by(request, monkeypatch):
    """Makes a test run twice: with Triton's kernels, and as where there are none."""
    if request.param == "torch":
        monkeypatch.setattr(launches, "trouble", lambda device: Trouble("is not here", "install it"))
    elif not RUNS:
        pytest.skip("no GPU here and nothing interpreted")
    return request.param


def grids(name):
    """The same grid on the CPU and on the device."""
    rng = np.random.default_rng(0)
    if name == "lattice":
        grid = VoxelGrid.from_points(rng.normal(size=(POINTS, 3)), points_per_cell=8)
    elif name == "cells of all sizes":
        sizes = np.array([1, 31, 32, 33, 40] * 2 if not GPU else [1, 32, 33, 256, 257, 4096, 4097, 70_000])
        ids = np.repeat(rng.permutation(len(sizes)) * 10**12, sizes)
        grid = VoxelGrid.from_ids(rng.permutation(np.append(ids, [-1] * 5)))
    elif name == "a batch":
        offset = [POINTS // 3, POINTS // 3, POINTS]
        grid = VoxelGrid.from_points(
            rng.normal(size=(POINTS, 3)), voxel_size=0.5 if GPU else 1.5, offset=offset
        )
    elif name == "a batch with ids":
        offset = [POINTS // 2, POINTS]
        grid = VoxelGrid.from_ids(rng.integers(-1, POINTS // 9, POINTS), offset=offset)
    else:
        grid = VoxelGrid.from_ids(np.full(7, -1))
    return grid, grid.to(DEVICE)


@pytest.fixture(params=["lattice", "cells of all sizes", "a batch", "a batch with ids"])
def pair(request, monkeypatch):
    if not GPU:
        monkeypatch.setattr(fused_draws, "TILES", ((8, 1), (32, 1)))  # and cells beyond them
    return grids(request.param)


def same(found, expected):
    assert found.rows.device.type == found.cells.device.type == DEVICE.type
    assert found.rows.dtype == found.cells.dtype == torch.int64
    assert found.rows.tolist() == expected.rows.tolist()
    assert found.cells.tolist() == expected.cells.tolist()
    assert found.forced_cells == expected.forced_cells
    assert found.offset.tolist() == expected.offset.tolist()


@pytest.mark.parametrize("name", METHODS)
def test_a_draw_is_that_of_the_cpu(pair, name):
    here, there = (GridSampler(grid, seed=2**64 - 1) for grid in pair)
    for epoch in (0, 5) if GPU else (5,):
        drawn = (sampler.scenarios(METHODS[name], epoch=epoch) for sampler in (there, here))
        for found, expected in zip(*(views.values() for views in drawn), strict=True):
            same(found, expected)


@pytest.fixture
def gpu(drawn_by, monkeypatch):
    """One that is not there, with tiles that the cells here need."""
    if drawn_by == "kernels" and not INTERPRETED:
        pytest.skip("a GPU here, and nothing interpreted")
    monkeypatch.setattr(fused_draws, "TILES", ((8, 1), (32, 1)))
    with counting_gpu(monkeypatch) as found:
        yield found


@pytest.mark.parametrize("name", ["lattice", "a batch"])
def test_scenarios_of_one_call_are_drawn_with_one_wait(name, drawn_by, gpu):
    here, _ = grids(name)
    expected = GridSampler(here, seed=3).scenarios(epoch=1)
    sampler = GridSampler(here.to(WHERE), seed=3)
    sampler.scenarios(epoch=0)  # what is the same for all draws is made at the first
    gpu.clear()
    views = sampler.scenarios(epoch=1)
    of = "" if name == "lattice" else " of a batch of scenes"
    waits, launched = documented(f"three scenarios{of}, drawn, after a sampler's first call", drawn_by)
    assert gpu.waits.total() == waits == 1, gpu.waits
    assert gpu.launches.total() <= launched, gpu.launches
    for view, wanted in zip(views.values(), expected.values(), strict=True):
        assert view.rows.device == view.cells.device == view.offset.device == WHERE
        assert view.rows.tolist() == wanted.rows.tolist()
        assert view.cells.tolist() == wanted.cells.tolist()
        assert view.offset.tolist() == wanted.offset.tolist()


@pytest.mark.parametrize("name", ["of an exact share", "one of an exact number", "at most three"])
def test_counts_that_the_cpu_has_a_part_in_need_no_other_wait(name, gpu):
    here, _ = grids("lattice")
    sampler = GridSampler(here.to(WHERE), seed=3)
    sampler.scenarios(METHODS[name], epoch=0)
    gpu.clear()
    sampler.scenarios(METHODS[name], epoch=1)
    assert gpu.waits.total() == 1, gpu.waits


def test_a_sampler_made_anew_waits_once_more_at_most(drawn_by, gpu):
    there = grids("lattice")[0].to(WHERE)
    gpu.clear()
    GridSampler(there, seed=3).scenarios(epoch=1)
    assert gpu.waits.total() <= (2 if drawn_by == "kernels" else 1), gpu.waits


def test_of_equal_keys_the_lower_row_stays():
    """Two random keys are equal once in billions of pairs: here are cells of such pairs."""
    how, seed, rows = method("k-per-grid", k=1), 7, 200_000
    keys = hashing.row_keys(np.arange(rows, dtype=np.uint64), hashing.stream(seed, 0, how.name, hashing.KEY))
    order = np.argsort(keys, kind="stable")
    first = np.flatnonzero(keys[order][1:] == keys[order][:-1])
    assert len(first) > 1
    ids = np.full(rows, -1)
    ids[order[first]] = ids[order[first + 1]] = np.arange(len(first))
    grid = VoxelGrid.from_ids(ids)
    (found,) = GridSampler(grid.to(DEVICE), seed=seed).scenarios(how, epoch=0).values()
    assert found.rows.tolist() == sorted(np.minimum(order[first], order[first + 1]).tolist())


def test_a_scene_without_points_in_cells_has_empty_scenarios():
    _, there = grids("nothing")
    for view in GridSampler(there).scenarios(epoch=0).values():
        assert len(view.rows) == 0


@pytest.mark.parametrize("rank", [0, 2])
def test_a_rank_draws_what_it_draws_on_the_cpu(rank):
    here, there = (GridSampler(grid, seed=3, rank=rank, world_size=3) for grid in grids("lattice"))
    expected = here.scenarios(epoch=4)
    for name, found in there.scenarios(epoch=4).items():
        same(found, expected[name])


def test_scenarios_are_collated_and_a_sampler_passes_through_a_pickle():
    _, there = grids("lattice")
    sampler = GridSampler(there, seed=1)
    views = sampler.scenarios(epoch=0)
    batch = collate(views, index=torch.arange(there.rows, device=DEVICE))
    assert batch["index"].tolist() == [row for view in views.values() for row in view.rows.tolist()]
    again = pickle.loads(pickle.dumps(sampler)).scenarios(epoch=0)
    assert [view.rows.tolist() for view in again.values()] == [view.rows.tolist() for view in views.values()]


@pytest.mark.skipif(not GPU, reason="no GPU here")
def test_draws_join_the_stream_that_is_current():
    here, there = (GridSampler(grid, seed=3) for grid in grids("lattice"))
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        views = there.scenarios(epoch=1)
    stream.synchronize()
    for name, expected in here.scenarios(epoch=1).items():
        same(views[name], expected)
