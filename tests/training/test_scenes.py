"""Several scenes in one sampler, drawn, collated and compared at once; scenarios under their own names."""

import pickle
from itertools import combinations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gscli.errors import InputError, UsageError  # noqa: E402
from gscli.grids.voxel_grid import VoxelGrid  # noqa: E402
from gscli.training import GridSampler, collate, density_consistency, method, split  # noqa: E402

NAMES = ("dense", "half", "single")
OFFSET = [700, 700, 1500, 1501, 2000]  # one scene of them is empty, and one is a point


def points(n=2000, seed=0):
    return torch.as_tensor(np.random.default_rng(seed).normal(size=(n, 3)), dtype=torch.float32)


def ids(n=2000, seed=0):
    found = np.random.default_rng(seed).integers(-1, 60, n)
    return torch.as_tensor(np.where(found < 0, -1, found * 10**15))


def parts(ends):
    return [slice(start, end) for start, end in zip([0, *ends], ends, strict=False)]


def taken_apart(grid):
    """The rows of each cell, by the scene and what the cell is called in it."""
    edges = grid.offsets.tolist()
    rows = [grid.order[a:b].tolist() for a, b in zip(edges, edges[1:], strict=False)]
    return dict(
        zip(
            map(tuple, grid.cells[:, None].tolist() if grid.cells.ndim == 1 else grid.cells.tolist()),
            rows,
            strict=True,
        )
    )


def by_scene(make, values):
    """The same, each scene by itself."""
    found = {}
    for scene, part in enumerate(parts(OFFSET)):
        for name, rows in taken_apart(make(values[part])).items():
            found[(scene, *name)] = [row + part.start for row in rows]
    return found


@pytest.mark.parametrize("kind", ["numpy", "torch"])
@pytest.mark.parametrize("size", [0.5, 1e-12])  # cells that are numbered, and more than can be
def test_cells_of_a_batch_are_those_of_each_scene_by_itself(kind, size):
    coord = points() if kind == "torch" else points().numpy()
    grid = VoxelGrid.from_points(coord, voxel_size=size, offset=OFFSET)
    found = taken_apart(grid)
    assert found == by_scene(lambda xyz: VoxelGrid.from_points(xyz, voxel_size=size), points().numpy())
    assert list(found) == sorted(found)
    assert (grid.rows, grid.ends, str(grid.order.dtype)[-5:]) == (2000, tuple(OFFSET), "int32")


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_equal_ids_of_two_scenes_are_two_cells(kind):
    given = ids()
    grid = VoxelGrid.from_ids(given if kind == "torch" else given.numpy(), offset=OFFSET)
    found = taken_apart(grid)
    assert found == by_scene(VoxelGrid.from_ids, given.numpy())
    assert list(found) == sorted(found)
    assert len(VoxelGrid.from_ids(given.numpy())) < len(grid)


@pytest.mark.parametrize("kind", ["numpy", "torch"])
def test_rows_that_are_dropped_move_no_other_into_the_next_scene(kind):
    coord = points().numpy()
    coord[[0, 699, 700, 1999], 1] = np.nan
    given = torch.from_numpy(coord) if kind == "torch" else coord
    grid = VoxelGrid.from_points(given, voxel_size=0.5, offset=OFFSET, drop_invalid=True)
    alone = by_scene(lambda xyz: VoxelGrid.from_points(xyz, voxel_size=0.5, drop_invalid=True), coord)
    assert taken_apart(grid) == alone
    with pytest.raises(InputError, match="4 of 2,000"):
        VoxelGrid.from_points(given, voxel_size=0.5, offset=OFFSET)


@pytest.mark.parametrize("offset", [[0], [0, 0], torch.zeros(3, dtype=torch.int32)])
def test_scenes_without_points_have_empty_scenarios(offset):
    for sampler in (
        GridSampler.from_points(torch.empty(0, 3), voxel_size=1.0, offset=offset),
        GridSampler.from_ids(torch.empty(0, dtype=torch.long), offset=offset),
    ):
        views = sampler.scenarios(epoch=0)
        assert [view.offset.tolist() for view in views.values()] == [[0] * len(offset)] * 3
        assert collate(views)["offset"].tolist() == [0] * 3 * len(offset)


def test_the_scene_of_each_row_says_where_scenes_end():
    coord = points()
    batch = torch.repeat_interleave(torch.arange(5), torch.tensor(OFFSET).diff(prepend=torch.zeros(1).long()))
    for kind in (batch, batch.int()):
        sampler = GridSampler.from_points(coord, voxel_size=0.5, batch=kind)
        assert sampler.grid.ends == tuple(OFFSET)
    views = GridSampler.from_ids(ids(), batch=batch).scenarios(epoch=0)
    again = GridSampler.from_ids(ids(), offset=torch.tensor(OFFSET)).scenarios(epoch=0)
    assert all(torch.equal(views[name].rows, again[name].rows) for name in NAMES)


def test_what_is_no_batch_is_refused_by_what_is_wrong():
    coord = points(10)
    for given, told in (
        ({"offset": [5, 9]}, "offset ends at 9, but there are 10 rows"),
        ({"offset": [5, 11]}, "offset ends at 11"),
        ({"offset": [7, 5, 10]}, "offset descends"),
        ({"offset": [-1, 10]}, "offset descends"),
        ({"offset": []}, r"offset must be \(B,\) integers|offset has 0 scenes"),
        ({"offset": [5.0, 10.0]}, r"offset must be \(B,\) integers, not float64"),
        ({"offset": [[5, 10]]}, r"offset must be \(B,\) integers"),
        ({"offset": [True]}, r"offset must be \(B,\) integers, not bool"),
        ({"offset": [0] * 2**20 + [10]}, "offset has 1,048,577 scenes"),
        ({"batch": torch.zeros(9).long()}, "batch has 9 numbers for 10 rows"),
        ({"batch": torch.arange(10).flip(0)}, "batch descends"),
        ({"batch": torch.full((10,), -1)}, "batch has the scenes -1 to -1"),
        ({"batch": torch.full((10,), 2**60)}, "batch has the scenes"),
        ({"batch": torch.zeros(10)}, r"batch must be \(N,\) integers"),
        ({"batch": torch.zeros(10).long(), "offset": [10]}, "batch has no effect beside offset"),
    ):
        with pytest.raises(UsageError, match=told):
            GridSampler.from_points(coord, voxel_size=1.0, **given)
        with pytest.raises(UsageError, match=told):
            GridSampler.from_ids(torch.arange(10), **given)
    with pytest.raises(UsageError, match="share one cell size; give voxel_size"):
        GridSampler.from_points(coord, offset=[10])
    with pytest.raises(UsageError, match="origin min is another corner for each scene"):
        GridSampler.from_points(coord, voxel_size=1.0, origin="min", offset=[10])
    with pytest.raises(UsageError, match="not a list"):
        GridSampler.from_points([1], voxel_size=1.0, batch=torch.zeros(1).long())


def test_golden_draws_of_a_batch():
    """What a seed draws. A change here changes what trainings are resumed with."""
    coord = torch.stack([torch.arange(40) % 20 * 0.25] * 3, dim=1)
    views = GridSampler.from_points(coord, voxel_size=1.0, offset=[20, 40], seed=42).scenarios(epoch=1)
    assert {name: view.rows.tolist() for name, view in views.items()} == {
        "dense": list(range(40)),
        "half": [0, 3, 4, 7, 9, 11, 12, 13, 18, 19, 20, 22, 26, 27, 31, 32, 33, 36, 38],
        "single": [2, 5, 8, 13, 18, 22, 26, 29, 35, 38],
    }
    named = GridSampler.from_ids(torch.arange(40) // 8, offset=[20, 40], seed=42)
    views = named.scenarios({"few": method("half", ratio=(0.2, 0.3))}, epoch=1)
    assert views["few"].rows.tolist() == [0, 5, 10, 11, 19, 21, 29, 32, 35]


@pytest.mark.parametrize("on_torch", [False, True])
def test_scenes_are_drawn_independently_and_each_as_its_method_says(on_torch):
    coord = torch.cat([points(1000)] * 3)  # one scene three times
    grid = VoxelGrid.from_points(
        coord if on_torch else coord.numpy(), voxel_size=1.0, offset=[1000, 2000, 3000]
    )
    views = GridSampler(grid, seed=3).scenarios(epoch=0)
    assert len(views["dense"].rows) == 3000
    single, half = (
        [
            set((view.rows[part] - 1000 * scene).tolist())
            for scene, part in enumerate(parts(view.offset.tolist()))
        ]
        for view in (views["single"], views["half"])
    )
    cells = len(VoxelGrid.from_points(points(1000).numpy(), voxel_size=1.0))
    assert [len(kept) for kept in single] == [cells] * 3
    for kept in (single, half):
        for a, b in combinations(kept, 2):
            assert a != b
    counts = np.diff(grid.offsets)
    kept = np.bincount(views["half"].cells, minlength=len(grid))
    assert ((kept >= np.maximum(1, np.floor(counts * 0.3))) & (kept <= np.maximum(1, counts * 0.7))).all()
    ratios = kept[counts >= 10].reshape(3, -1) / counts[counts >= 10].reshape(3, -1)
    assert abs(np.corrcoef(ratios)[0, 1]) < 0.4  # cells of one place in two scenes


def test_ranks_together_draw_what_one_process_draws_of_a_batch():
    coord = points()
    alone, *ranks = (
        GridSampler.from_points(coord, voxel_size=0.4, offset=OFFSET, seed=4, **rank).scenarios(epoch=6)
        for rank in ({}, *({"rank": r, "world_size": 3} for r in range(3)))
    )
    for name in NAMES:
        together = torch.cat([views[name].rows for views in ranks]).sort().values
        assert torch.equal(together, alone[name].rows)
        assert sum(views[name].offset for views in ranks).tolist() == alone[name].offset.tolist()


def test_a_batch_of_scenes_is_one_part_for_each_scenario_of_each_scene():
    coord = points()
    sampler = GridSampler.from_points(coord, voxel_size=0.5, offset=OFFSET)
    views = sampler.scenarios(epoch=0)
    batch = collate(views, coord=coord, row=torch.arange(2000))
    ends = batch["offset"].tolist()
    assert len(ends) == 15
    assert batch["scenario_offset"].tolist() == ends[4::5]
    for part, rows in enumerate(parts(ends)):
        view, scene = views[NAMES[part // 5]], parts(OFFSET)[part % 5]
        expected = [row for row in view.rows.tolist() if scene.start <= row < scene.stop]
        assert batch["row"][rows].tolist() == expected
        assert (batch["batch"][rows] == part).all()
    assert torch.equal(batch["coord"], coord[batch["row"]])
    assert torch.equal(batch["cell"], torch.cat([view.cells for view in views.values()]))


def test_the_ids_of_a_mapping_and_the_lattice_of_every_row_are_at_hand():
    given = ids()
    for offset in (None, OFFSET):
        sampler = GridSampler.from_ids(given, offset=offset)
        views = sampler.scenarios(epoch=0)
        for view in views.values():
            assert torch.equal(sampler.ids[view.cells], given[view.rows])
        batch = collate(views, own=given)
        assert torch.equal(sampler.ids[batch["cell"]], batch["own"])
        sampler = GridSampler.from_points(points(), voxel_size=0.5, offset=offset)
        view = sampler.scenarios("half", epoch=0)["half"]
        assert torch.equal(sampler.ids[view.cells], torch.floor(points()[view.rows].double() / 0.5).long())


@pytest.mark.parametrize("offset", [None, OFFSET])
def test_a_batch_is_split_into_its_scenarios(offset):
    coord = points()
    views = GridSampler.from_points(coord, voxel_size=0.5, offset=offset).scenarios(epoch=0)
    batch = collate(views, coord=coord)
    out = torch.randn(len(batch["cell"]), 4, requires_grad=True)
    found = split(batch, out=out * 2)
    for part, view in zip(found, views.values(), strict=True):
        alone = collate(view, coord=coord)
        assert part.keys() == {"out", "coord", "cell", "batch", "offset"}
        assert all(torch.equal(part[name], alone[name]) for name in ("coord", "cell", "batch", "offset"))
    sum(part["out"].sum() for part in found[1:]).backward()
    start = len(views["dense"].rows)
    assert not out.grad[:start].any()
    assert (out.grad[start:] == 2).all()
    for bad in (torch.zeros(3), torch.tensor(1.0), [1]):
        with pytest.raises(UsageError, match=f"out is .*, and the batch has {len(out)} rows"):
            split(batch, out=bad)
    with pytest.raises(UsageError, match="batch must be what collate returned"):
        split({"coord": coord})


@pytest.mark.parametrize("kind", ["mse", "cosine", "kl-symmetric", "kl-one-sided"])
def test_scenarios_are_held_to_each_other_scene_by_scene(kind):
    coord = points()
    sampler = GridSampler.from_points(coord, voxel_size=0.5, offset=OFFSET)
    batch = collate(sampler.scenarios(epoch=0), coord=coord)
    out = torch.randn(len(batch["coord"]), 5, dtype=torch.float64, requires_grad=True)
    total, weight, ends = 0.0, 0, batch["offset"].tolist()
    for scene in range(5):
        rows = torch.cat([torch.arange(2000 * 3)[part] for part in parts(ends)[scene::5]])
        sizes = torch.tensor([part.stop - part.start for part in parts(ends)[scene::5]])
        alone = {
            "cell": batch["cell"][rows],
            "batch": torch.repeat_interleave(torch.arange(3), sizes),
            "offset": sizes.cumsum(0),
        }
        cells = [set(alone["cell"][alone["batch"] == s].tolist()) for s in range(3)]
        shared = sum(len(a & b) for a, b in combinations(cells, 2))
        total = total + shared * density_consistency(out[rows], alone, kind)
        weight += shared
    loss = density_consistency(out, batch, kind)
    assert loss.item() == pytest.approx((total / weight).item(), rel=1e-12)
    (gradient,) = torch.autograd.grad(loss, out, retain_graph=True)
    (expected,) = torch.autograd.grad(total / weight, out)
    assert torch.allclose(gradient, expected, rtol=1e-9, atol=1e-15)


def test_a_custom_ratio_keeps_its_name_and_each_scenario_has_its_own():
    sampler = GridSampler.from_points(points(), voxel_size=2.0, seed=1)
    asked = {
        "dense": "dense",
        "half": method("half", ratio=(0.2, 0.4)),
        "third": method("half", ratio=(1 / 3, 1 / 3)),
        "single": "single",
    }
    views = sampler.scenarios(asked, epoch=2)
    assert list(views) == list(asked) == [view.name for view in views.values()]
    assert 0.2 < views["half"].fraction < 0.4
    assert views["third"].fraction == pytest.approx(1 / 3, abs=0.02)
    assert views["half"].rows.tolist() == sampler.grid.draw(asked["half"], seed=1, epoch=2).rows.tolist()
    (alone,) = sampler.scenarios({"third": asked["third"]}, epoch=2).values()
    assert torch.equal(alone.rows, views["third"].rows)
    kept = sampler.grid.draw(asked["third"], seed=alone.seed, epoch=2).rows
    assert alone.rows.tolist() == kept.tolist()


def test_two_scenarios_of_one_method_are_drawn_independently():
    sampler = GridSampler.from_ids(torch.arange(2000) % 100, seed=1)
    a, b = sampler.scenarios({"one": "half", "other": "half"}, epoch=0).values()
    both = len(set(a.rows.tolist()) & set(b.rows.tolist())) / 2000
    assert both == pytest.approx(a.fraction * b.fraction, abs=0.05)
    ratios = [np.bincount(view.cells, minlength=len(sampler.grid)) / sampler.grid.counts for view in (a, b)]
    assert abs(np.corrcoef(*ratios)[0, 1]) < 0.4


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"a": "quarter"}, "no method 'quarter'"),
        ({1: "half"}, "names must be a mapping from names to methods, not 1"),
        ({"a": 1}, "names must be methods or their names, not 1"),
        ([method("half"), method("half")], "half-density is asked for twice; name them: a mapping"),
        ({"a": method("half", pick="opacity")}, "cannot pick by opacity"),
    ],
)
def test_a_mapping_of_anything_else_is_refused(names, told):
    with pytest.raises(UsageError, match=told):
        GridSampler.from_points(points(50), voxel_size=0.5).scenarios(names, epoch=0)


def test_a_tensor_that_is_learned_is_gathered_with_its_gradient():
    feat = torch.randn(500, 3, requires_grad=True)
    views = GridSampler.from_points(points(500), voxel_size=0.5).scenarios(epoch=0)
    collate(views, feat=feat)["feat"].sum().backward()
    times = sum(torch.bincount(view.rows, minlength=500) for view in views.values())
    assert torch.equal(feat.grad, times[:, None].expand(-1, 3).float())
    with torch.no_grad():
        assert torch.equal(collate(views, feat=feat)["feat"], collate(views, feat=feat.detach())["feat"])


def test_a_state_is_of_the_scenes_of_its_batch():
    a, b, c = (GridSampler.from_ids(torch.arange(6) // 2, offset=offset) for offset in ([2, 6], [4, 6], None))
    GridSampler.from_ids(torch.arange(6) // 2, offset=[2, 6]).load_state_dict(a.state_dict())
    for other in (b, c):
        with pytest.raises(UsageError, match="another scene"):
            other.load_state_dict(a.state_dict())
    again = pickle.loads(pickle.dumps(a)).scenarios("half", epoch=3)["half"]
    assert torch.equal(again.rows, a.scenarios("half", epoch=3)["half"].rows)
    assert repr(a) == "<GridSampler: points 6, cells 3, seed 0, epoch 0, scenes 2>"
    assert repr(again).endswith("points 6, scenes 2>")
