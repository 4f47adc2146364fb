"""GridSampler: the command line's picks, on tensors, for any number of ranks and workers."""

import pickle
import tracemalloc

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gscli.errors import InputError, UsageError  # noqa: E402
from gscli.grids.methods import method  # noqa: E402
from gscli.grids.voxel_grid import VoxelGrid  # noqa: E402
from gscli.resample import resample  # noqa: E402
from gscli.training import GridSampler, cells_name, collate  # noqa: E402

NAMES = ("dense", "half", "single")


def points(n=3000, seed=0, dtype=torch.float32):
    return torch.as_tensor(np.random.default_rng(seed).normal(size=(n, 3)), dtype=dtype)


def rows_of(views):
    return {name: view.rows.tolist() for name, view in views.items()}


def test_what_a_sampler_cannot_work_with_is_refused_by_its_name():
    with pytest.raises(UsageError, match=r"^grid must be a VoxelGrid, not str$"):
        GridSampler("x")
    with pytest.raises(UsageError, match=r"^names must be methods or their names, not 3$"):
        GridSampler.from_points(points()).scenarios(3)
    with pytest.raises(UsageError, match=r"^views must be what GridSampler.scenarios returned.*, not 3$"):
        collate(3)


def test_scenarios_are_equal_to_themselves_alone():
    one, other = (GridSampler.from_points(points(), seed=0).scenarios("half", epoch=0)["half"] for _ in "ab")
    assert one != other
    assert len({one, other}) == 2


@pytest.mark.parametrize(("seed", "epoch"), [(0, 0), (7, 3), (2**64 - 1, 12)])
def test_a_scenario_keeps_the_rows_that_the_command_line_keeps(seed, epoch):
    coord = points()
    grid = VoxelGrid.from_points(coord.numpy(), voxel_size=0.3)
    views = GridSampler.from_points(coord, voxel_size=0.3, seed=seed).scenarios(NAMES, epoch=epoch)
    assert list(views) == list(NAMES)
    for name, view in views.items():
        draw = grid.draw(name, seed=seed, epoch=epoch)
        assert view.rows.dtype == view.cells.dtype == torch.int64
        assert view.rows.tolist() == draw.rows.tolist()
        assert view.forced_cells == draw.forced_cells


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"points_per_cell": 3.0},
        {"voxel_size": 0.3, "origin": "min"},
        {"voxel_size": 0.3, "origin": (0.1, -2, 3)},
    ],
)
def test_cells_are_laid_as_the_command_line_lays_them(options):
    coord = points()
    grid = VoxelGrid.from_points(coord.numpy(), **options)
    sampler = GridSampler.from_points(coord, **options)
    assert (sampler.grid.voxel_size, sampler.grid.origin) == (grid.voxel_size, grid.origin)
    assert sampler.grid.cells.tolist() == grid.cells.tolist()


def test_a_sampler_holds_8_bytes_a_point_and_32_a_cell_however_often_it_draws():
    sampler = GridSampler.from_points(points(200_000), voxel_size=0.3)
    grid = sampler.grid
    held = [grid.order, grid.offsets, grid.cells, sampler._cell_of_row]
    assert sum(array.nbytes for array in held) <= 8 * 200_000 + 32 * (len(grid) + 1)
    sampler.scenarios(NAMES)
    tracemalloc.start()
    try:
        for _ in range(20):
            sampler.scenarios(NAMES)
        assert tracemalloc.get_traced_memory()[0] < 200_000  # one draw's rows and cells are far more
    finally:
        tracemalloc.stop()


def test_drawing_with_torch_keeps_the_same_rows_and_cells_as_with_numpy():
    grid = VoxelGrid.from_points(points().numpy(), voxel_size=0.3)
    a = GridSampler(grid, seed=5, rank=1, world_size=3).scenarios(NAMES, epoch=2)
    b = GridSampler(grid.to(torch.device("cpu")), seed=5, rank=1, world_size=3).scenarios(NAMES, epoch=2)
    assert rows_of(a) == rows_of(b)
    assert all(a[name].cells.tolist() == b[name].cells.tolist() for name in NAMES)


def test_the_cells_given_with_rows_are_the_cells_they_lie_in():
    coord = points()
    sampler = GridSampler.from_points(coord, voxel_size=0.3)
    for view in sampler.scenarios(NAMES, epoch=0).values():
        there = torch.floor(coord[view.rows].double() / 0.3).long()
        assert np.array_equal(sampler.grid.cells[view.cells], there)


def test_a_given_mapping_is_honoured_with_its_gaps_and_holes():
    ids = torch.tensor([7, -1, 7, 100, 7, -1, 3])
    sampler = GridSampler.from_ids(ids, seed=1)
    views = sampler.scenarios(NAMES, epoch=0)
    assert views["dense"].rows.tolist() == [0, 2, 3, 4, 6]
    assert sampler.grid.cells[views["dense"].cells].tolist() == [7, 7, 100, 7, 3]
    assert len(views["single"].rows) == 3


@pytest.mark.parametrize("world_size", [1, 2, 3, 8])
def test_ranks_together_draw_exactly_what_one_process_draws(world_size):
    coord = points()
    alone = GridSampler.from_points(coord, voxel_size=0.3, seed=4).scenarios(NAMES, epoch=6)
    ranks = [
        GridSampler.from_points(coord, voxel_size=0.3, seed=4, rank=r, world_size=world_size)
        for r in range(world_size)
    ]
    drawn = [sampler.scenarios(NAMES, epoch=6) for sampler in ranks]
    for name in NAMES:
        together = torch.cat([views[name].rows for views in drawn])
        assert together.sort().values.tolist() == alone[name].rows.tolist()
    sizes = [len(sampler.grid) for sampler in ranks]
    assert min(sizes) > 0.5 * max(sizes)


def test_a_cell_stays_whole_and_with_its_rank_from_epoch_to_epoch():
    coord = points()
    sampler = GridSampler.from_points(coord, voxel_size=0.3, rank=1, world_size=4)
    own = {tuple(c) for c in sampler.grid.cells.tolist()}
    for epoch in range(3):
        rows = sampler.scenarios(("half",), epoch=epoch)["half"].rows
        assert {tuple(c) for c in torch.floor(coord[rows].double() / 0.3).long().tolist()} == own


def test_ranks_of_few_cells_may_have_none():
    drawn = [
        GridSampler.from_ids(torch.zeros(5, dtype=torch.long), rank=r, world_size=4).scenarios(NAMES, epoch=0)
        for r in range(4)
    ]
    assert sorted(len(views["dense"].rows) for views in drawn) == [0, 0, 0, 5]


def test_a_target_cannot_be_shared_between_ranks_that_do_not_see_each_other():
    sampler = GridSampler.from_points(points(), voxel_size=0.3, rank=0, world_size=2)
    with pytest.raises(UsageError, match="target"):
        sampler.scenarios((method("half-density", target="25%"),), epoch=0)


def test_a_sampler_gives_rows_and_makes_up_for_none():
    sampler = GridSampler.from_points(points(), voxel_size=0.3)
    with pytest.raises(UsageError, match="compensates for no opacity"):
        sampler.scenarios(method("half-density", compensate="opacity"))


def test_epochs_count_on_and_resume_from_a_saved_state():
    coord = points()
    sampler = GridSampler.from_points(coord, voxel_size=0.3, seed=9)
    seen = [rows_of(sampler.scenarios()) for _ in range(2)]
    assert seen[0]["half"] != seen[1]["half"]
    state = pickle.loads(pickle.dumps(sampler.state_dict()))
    ahead = rows_of(sampler.scenarios())
    other = GridSampler.from_points(coord, voxel_size=0.3)
    other.load_state_dict(state)
    assert rows_of(other.scenarios()) == ahead == rows_of(other.scenarios(epoch=2))


def test_a_state_may_be_resumed_by_another_number_of_ranks():
    coord = points()
    state = GridSampler.from_points(coord, voxel_size=0.3, rank=1, world_size=2).state_dict()
    GridSampler.from_points(coord, voxel_size=0.3, rank=2, world_size=3).load_state_dict(state)


@pytest.mark.parametrize("drop_invalid", [False, True])
def test_a_state_may_be_resumed_on_another_device(drop_invalid):
    coord = points()
    if drop_invalid:
        coord[5] = float("nan")
    here = VoxelGrid.from_points(coord.numpy(), voxel_size=0.3, drop_invalid=drop_invalid)
    there = VoxelGrid.from_points(coord, voxel_size=0.3, drop_invalid=drop_invalid)  # as CUDA scenes are
    GridSampler(there).load_state_dict(GridSampler(here, seed=3).state_dict())


@pytest.mark.parametrize("size", [1, np.float64(1.0), np.float32(1.0)])
def test_a_state_does_not_depend_on_the_type_of_the_cell_size(size):
    coord = points()
    state = GridSampler.from_points(coord, voxel_size=1.0).state_dict()
    GridSampler.from_points(coord, voxel_size=size).load_state_dict(state)


def test_a_state_passes_through_a_checkpoint_as_torch_loads_them_by_default(tmp_path):
    coord = points()
    sampler = GridSampler.from_points(coord, voxel_size=0.3, seed=np.int64(7))
    sampler.scenarios()
    torch.save({"sampler": sampler.state_dict()}, tmp_path / "last.pth")
    other = GridSampler.from_points(coord, voxel_size=0.3)
    other.load_state_dict(torch.load(tmp_path / "last.pth", weights_only=True)["sampler"])
    assert rows_of(other.scenarios()) == rows_of(sampler.scenarios())


@pytest.mark.parametrize("kind", [np.int64, np.uint8, torch.tensor])
def test_seeds_and_epochs_may_be_integers_of_any_type(kind):
    coord = points()
    plain = GridSampler.from_points(coord, voxel_size=0.3, seed=7).scenarios(epoch=3)
    other = GridSampler.from_points(coord, voxel_size=0.3, seed=kind(7)).scenarios(epoch=kind(3))
    assert rows_of(other) == rows_of(plain)


def test_a_refused_request_takes_no_epoch():
    sampler = GridSampler.from_points(points(100), voxel_size=0.3)
    with pytest.raises(UsageError, match="quarter"):
        sampler.scenarios(("half", "quarter"))
    assert rows_of(sampler.scenarios()) == rows_of(sampler.scenarios(epoch=0))


def test_all_of_a_grid_is_read_only_to_save_a_state_or_to_tell_samplers_apart(monkeypatch):
    read = []
    ours = cells_name.digest
    monkeypatch.setattr(cells_name, "digest", lambda grid: read.append(1) or ours(grid))
    coord = points()
    sampler, other = (GridSampler.from_points(coord, voxel_size=0.3, seed=seed) for seed in (0, 1))
    for epoch in range(2):
        collate(sampler.scenarios(epoch=epoch), coord=coord)
    assert read == []
    collate([sampler.scenarios("half")["half"], other.scenarios("single")["single"]], coord=coord)
    assert len(read) == 2
    assert sampler.state_dict()["scene"] == other.state_dict()["scene"]
    assert len(read) == 2
    elsewhere = GridSampler.from_points(coord, voxel_size=0.2).scenarios("half")["half"]
    with pytest.raises(UsageError, match="different scenes"):
        collate([sampler.scenarios("half")["half"], pickle.loads(pickle.dumps(elsewhere))])
    assert len(read) == 3
    assert isinstance(hash(elsewhere.scene), int)


def test_the_state_of_another_scene_is_refused_even_with_equal_counts():
    a = GridSampler.from_ids(torch.tensor([0, 0, 1, 1]))
    b = GridSampler.from_ids(torch.tensor([0, 1, 0, 1]))
    with pytest.raises(UsageError, match="another scene"):
        b.load_state_dict(a.state_dict())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (None, "must be what state_dict returned"),
        ({"seed": -1}, r"^seed must be between 0 and 2\^64 - 1, not -1"),
        ({"epoch": 1.5}, r"^epoch must be an integer between 0 and 2\^64 - 1, not 1.5"),
    ],
)
def test_what_is_no_state_is_refused_and_changes_nothing(change, told):
    sampler = GridSampler.from_ids(torch.tensor([0, 0, 1, 1]), seed=3)
    with pytest.raises(UsageError, match=told):
        sampler.load_state_dict({} if change is None else {**sampler.state_dict(), **change})
    assert (sampler.seed, sampler.epoch) == (3, 0)


def test_drawing_neither_reads_nor_moves_any_global_generator():
    sampler = GridSampler.from_points(points(), voxel_size=0.3)
    results = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        before = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
        results.append(rows_of(sampler.scenarios(epoch=0)))
        assert torch.equal(torch.get_rng_state(), before[0])
        assert np.array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert results[0] == results[1]


@pytest.mark.parametrize("kind", ["numpy", "tensors"])
def test_a_sampler_draws_where_its_points_are_whatever_the_default_device(kind):
    coord = points(50)
    with torch.device("meta"):
        sampler = GridSampler.from_points(coord, voxel_size=0.3, offset=[20, 50])
        if kind == "tensors":
            sampler = GridSampler(sampler.grid.to(torch.device("cpu")))
        batch = collate(sampler.scenarios(NAMES, epoch=0), coord=coord)
    assert {tensor.device.type for tensor in (*batch.values(), sampler.ids)} == {"cpu"}


class Epochs(torch.utils.data.Dataset):
    def __init__(self, sampler, named=True):
        self.sampler, self.named = sampler, named

    def __len__(self):
        return 6

    def __getitem__(self, epoch):
        return rows_of(self.sampler.scenarios(epoch=epoch if self.named else None))


def loaded(dataset, start):
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=None, num_workers=2, multiprocessing_context=start
    )
    return list(loader)


@pytest.mark.parametrize("start", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_workers_of_a_data_loader_draw_what_the_main_process_draws(start):
    sampler = GridSampler.from_points(points(70_000), voxel_size=0.3)
    assert loaded(Epochs(sampler), start) == [rows_of(sampler.scenarios(epoch=e)) for e in range(6)]


def test_a_worker_that_names_no_epoch_is_told_to():
    sampler = GridSampler.from_points(points(100), voxel_size=0.3)
    with pytest.raises(UsageError, match="epoch"):
        loaded(Epochs(sampler, named=False), "fork")


@pytest.mark.parametrize("kind", ["float32", "float64", "bfloat16", "float16"])
def test_positions_of_any_precision_are_grouped_as_stored(kind):
    coord = points(500).to(getattr(torch, kind))
    views = GridSampler.from_points(coord, voxel_size=0.25).scenarios(("single",), epoch=0)
    again = GridSampler.from_points(coord.double(), voxel_size=0.25).scenarios(("single",), epoch=0)
    assert rows_of(views) == rows_of(again)


def test_a_scene_without_points_has_empty_scenarios():
    views = GridSampler.from_ids(torch.empty(0, dtype=torch.long)).scenarios(NAMES, epoch=0)
    assert rows_of(views) == {name: [] for name in NAMES}


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda s: s.scenarios(("half", "half")), "twice"),
        (lambda s: s.scenarios(("quarter",)), "quarter"),
        (lambda s: s.scenarios((method("one-per-grid", pick="center"),)), "center"),
        (lambda s: s.scenarios(epoch=-1), "epoch"),
    ],
)
def test_requests_that_make_no_sense_are_refused(call, names):
    with pytest.raises(UsageError, match=names):
        call(GridSampler.from_points(points(50), voxel_size=0.5))


def test_a_rank_outside_its_world_and_floating_ids_are_refused():
    with pytest.raises(UsageError, match="rank 2"):
        GridSampler.from_points(points(50), voxel_size=0.5, rank=2, world_size=2)
    with pytest.raises(UsageError, match="integers"):
        GridSampler.from_ids(torch.zeros(5))


@pytest.mark.parametrize("make", [GridSampler.from_points, GridSampler.from_ids])
def test_what_is_no_tensor_is_refused_by_its_type(make):
    with pytest.raises(UsageError, match=r"not a ndarray; use torch\.as_tensor"):
        make(np.zeros(5))


def folder_of(path, ids, points=6, mask=None, name="lang_feat_grid_svd_r16.npz"):
    np.save(path / "coord.npy", np.zeros((points, 3), np.float32))
    np.savez(path / name, indices=np.asarray(ids, np.int64), compressed=np.zeros((3, 16), np.float32))
    if mask is not None:
        np.save(path / "valid_feat_mask.npy", np.asarray(mask, bool))
    return path


def test_a_scene_folder_gives_its_own_grid_by_the_valid_points(tmp_path):
    folder_of(tmp_path, [5, 5, 9, 5], mask=[1, 0, 1, 1, 0, 1])
    sampler = GridSampler.from_folder(tmp_path)
    dense = sampler.scenarios(("dense",), epoch=0)["dense"]
    assert (dense.rows.tolist(), dense.points) == ([0, 2, 3, 5], 6)
    assert sampler.grid.cells[dense.cells].tolist() == [5, 5, 9, 5]


def test_the_mapping_of_the_highest_rank_is_the_default(tmp_path):
    folder_of(tmp_path, [0] * 6, name="lang_feat_grid_svd_r8.npz")
    folder_of(tmp_path, [1, 1, 2, 2, 3, 3], name="lang_feat_grid_svd_r32.npz")
    assert GridSampler.from_folder(tmp_path).grid.cells.tolist() == [1, 2, 3]
    named = GridSampler.from_folder(tmp_path, grid_file="lang_feat_grid_svd_r8.npz")
    assert named.grid.cells.tolist() == [0]


def test_a_mapping_of_another_scene_is_refused(tmp_path):
    folder_of(tmp_path, [1, 2, 3], mask=[1, 1, 1, 1, 0, 0])
    with pytest.raises(InputError, match="3 ids for 6 points"):
        GridSampler.from_folder(tmp_path)


def test_a_mapping_outside_the_folder_is_of_its_valid_points_too(tmp_path):
    (tmp_path / "scene").mkdir()
    folder = folder_of(tmp_path / "scene", [0] * 6, mask=[1, 0, 1, 1, 0, 1])
    np.savez(tmp_path / "mine.npz", indices=np.array([5, 5, 9, 5]))
    resample(
        folder,
        tmp_path / "out",
        method="dense",
        grid_file=str(tmp_path / "mine.npz"),
        index=tmp_path / "kept.npy",
    )
    sampler = GridSampler.from_folder(folder, grid_file=str(tmp_path / "mine.npz"))
    dense = sampler.scenarios(("dense",), epoch=0)["dense"]
    assert dense.rows.tolist() == np.load(tmp_path / "kept.npy").tolist() == [0, 2, 3, 5]


@pytest.mark.gpu
def test_a_gpu_draws_the_rows_that_the_cpu_draws():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    coord = points(200_000)
    for options in ({}, {"rank": 0, "world_size": 3}, {"offset": [60_000, 60_000, 200_000]}):
        here = GridSampler.from_points(coord, voxel_size=0.1, seed=3, **options)
        there = GridSampler.from_points(coord.cuda(), voxel_size=0.1, seed=3, **options)
        views = there.scenarios(NAMES, epoch=1)
        assert all(view.rows.is_cuda and view.cells.is_cuda for view in views.values())
        assert rows_of(views) == rows_of(here.scenarios(NAMES, epoch=1))


def test_one_scenario_may_be_named_alone():
    sampler = GridSampler.from_points(points(), voxel_size=0.3)
    for name in ("half", method("half-density")):
        (view,) = sampler.scenarios(name, epoch=1).values()
        assert view.rows.tolist() == sampler.scenarios(["half"], epoch=1)["half"].rows.tolist()
    with pytest.raises(UsageError, match=r"names must be methods or their names, not 0.5"):
        sampler.scenarios([0.5], epoch=0)


def test_a_sampler_and_a_scenario_are_shown_in_one_line():
    sampler = GridSampler.from_ids(torch.tensor([1, 1, 2]), seed=3)
    assert repr(sampler) == "<GridSampler: points 3, cells 2, seed 3, epoch 0>"
    assert repr(sampler.scenarios("dense")["dense"]) == "<Scenario: name dense, rows 3, points 3>"


@pytest.mark.parametrize(("rank", "world_size"), [(0.0, 1), (1, 1), (None, 2), (0, "2")])
def test_ranks_are_whole_numbers_within_their_world(rank, world_size):
    GridSampler.from_points(points(10), rank=torch.tensor(0), world_size=np.int32(2))
    with pytest.raises(UsageError, match="is not within a world of"):
        GridSampler.from_points(points(10), rank=rank, world_size=world_size)


@pytest.mark.parametrize("odd", [0.5, "1", -1, 2**64])
def test_seeds_and_epochs_are_refused_by_name(odd):
    with pytest.raises(UsageError, match=r"^seed must be (an integer )?between 0 and 2\^64 - 1, not "):
        GridSampler.from_points(points(10), seed=odd)
    sampler = GridSampler.from_points(points(10), seed=np.uint8(3))
    with pytest.raises(UsageError, match=r"^epoch must be (an integer )?between 0 and 2\^64 - 1, not "):
        sampler.scenarios(epoch=odd)
