"""Defects that earlier implementations of these ideas had. Each must be visible to a check.

Every check takes an implementation. It passes for the one here and fails for a twin that has the
defect and nothing else.
"""

import numpy as np
import pytest
from click.testing import CliRunner

torch = pytest.importorskip("torch")

import gscli  # noqa: E402
from gscli.cli import main  # noqa: E402
from gscli.cloud import GaussianCloud  # noqa: E402
from gscli.errors import UsageError  # noqa: E402
from gscli.grids import cache  # noqa: E402
from gscli.grids.voxel_grid import VoxelGrid  # noqa: E402
from gscli.kernels.statistics import uniformity  # noqa: E402
from gscli.resample import resample  # noqa: E402
from gscli.training import GridSampler, collate, density_consistency  # noqa: E402


def fails(check, *defective):
    with pytest.raises(AssertionError):
        check(*defective)


# --- the half sampler keeps a fixed prefix of each cell


def half_of(grid, seed, epoch):
    return grid.draw("half-density", seed=seed, epoch=epoch).rows


def half_by_prefix(grid, seed, epoch):
    """Permutations are made for every cell, and the first rows are taken all the same."""
    rng = np.random.default_rng([seed, epoch])
    kept = []
    for start, n in zip(grid.offsets[:-1], grid.counts, strict=True):
        rng.permutation(n)
        kept.append(grid.order[start : start + max(1, int(n * rng.uniform(0.3, 0.7)))])
    return np.concatenate(kept)


def check_that_halves_are_uniform(half):
    grid = VoxelGrid.from_ids(np.random.default_rng(0).integers(0, 300, 6000))
    kept = np.zeros((4, grid.rows), bool)
    for epoch in range(4):
        chosen = np.zeros(grid.rows, bool)
        chosen[half(grid, 0, epoch)] = True
        kept[epoch] = chosen[grid.order]
    taken = kept.sum(1) / grid.rows
    assert ((taken > 0.4) & (taken < 0.6)).all()  # which the defective twin passes as well
    assert min(test.p for test in uniformity(grid.offsets, kept)) > 1e-6


def test_a_half_that_is_a_prefix_of_each_cell():
    check_that_halves_are_uniform(half_of)
    fails(check_that_halves_are_uniform, half_by_prefix)


# --- the seed is ignored


def single_of(coord, seed):
    return (
        GridSampler.from_points(coord, voxel_size=0.5, seed=seed)
        .scenarios(("single",), epoch=0)["single"]
        .rows
    )


def single_by_the_global_generator(coord, seed):
    grid = VoxelGrid.from_points(coord.numpy(), voxel_size=0.5)
    place = (torch.rand(len(grid)).numpy() * grid.counts).astype(int)
    return torch.from_numpy(grid.order[grid.offsets[:-1] + place]).sort().values


def check_that_a_seed_decides(single):
    coord = torch.randn(2000, 3, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(1)
    first = single(coord, 7)
    state = torch.get_rng_state()
    torch.manual_seed(2)
    again = single(coord, 7)
    assert first.tolist() == again.tolist()
    assert single(coord, 8).tolist() != first.tolist()
    torch.manual_seed(1)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_seed_that_is_ignored():
    check_that_a_seed_decides(single_of)
    fails(check_that_a_seed_decides, single_by_the_global_generator)


# --- the cache confuses scenes with equal counts, and grows without bound


class CacheByCounts:
    """Keyed by the numbers of points and of cells, never emptied."""

    def __init__(self):
        self.kept = {}

    def grid(self, ids):
        key = (len(ids), len(np.unique(ids)))
        return self.kept.setdefault(key, VoxelGrid.from_ids(ids))

    def size(self):
        return sum(grid.order.nbytes for grid in self.kept.values())


class CacheHere:
    def __init__(self, folder):
        self.cache = cache.GridCache(folder, limit=300_000)

    def grid(self, ids):
        # One cell of edge 1 for each id: a scene whose positions say what the ids say.
        xyz = np.stack([ids + 0.5, np.full(len(ids), 0.5), np.full(len(ids), 0.5)]).astype(np.float32)
        key = cache.key(xyz, voxel_size=1.0)
        found = self.cache.load(key, len(ids))
        if found is None:
            found = VoxelGrid.from_points(xyz.T, voxel_size=1.0)
            self.cache.store(key, found)
        return found

    def size(self):
        return sum(stat.st_size for _, stat in self.cache.entries())


def check_that_a_cached_grid_covers_its_scene(cached):
    rng = np.random.default_rng(0)
    for _ in range(6):
        ids = rng.permutation(np.repeat(np.arange(500), 20))
        for _ in range(2):
            rows = cached.grid(ids).draw("one-per-grid").rows
            assert len(np.unique(ids[rows])) == 500


def check_that_a_cache_is_bounded(cached):
    for n in range(1000, 21_000, 1000):
        cached.grid(np.arange(n) % 100)
    assert cached.size() <= 300_000


def test_a_cache_that_confuses_scenes_with_equal_counts(tmp_path):
    check_that_a_cached_grid_covers_its_scene(CacheHere(tmp_path))
    fails(check_that_a_cached_grid_covers_its_scene, CacheByCounts())


def test_a_cache_without_bound(tmp_path):
    check_that_a_cache_is_bounded(CacheHere(tmp_path))
    fails(check_that_a_cache_is_bounded, CacheByCounts())


# --- the reported ratio is not what was kept


def reported(tmp_path, method):
    rows = np.zeros(4000, [("x", "<f4"), ("y", "<f4"), ("z", "<f4")])
    for name in "xyz":
        rows[name] = np.random.default_rng(ord(name)).normal(size=len(rows))
    gscli.write(tmp_path / "scene.ply", GaussianCloud(rows), overwrite=True)
    result = resample(
        tmp_path / "scene.ply", tmp_path / "out.ply", method=method, voxel_size=0.4, overwrite=True
    )
    grid = VoxelGrid.from_points(gscli.read(tmp_path / "scene.ply").xyz, voxel_size=0.4)
    return grid, result.outputs[0], len(gscli.read(tmp_path / "out.ply"))


def one_over_cells(grid, output):
    return 1 / len(grid)


def mean_of_drawn_ratios(grid, output):
    drawn = np.random.default_rng(0).uniform(0.3, 0.7, len(grid))
    return float((drawn * grid.counts).sum() / grid.points)


def check_that_the_reported_share_is_true(tmp_path, method, share):
    grid, output, written = reported(tmp_path, method)
    assert share(grid, output) == pytest.approx(written / grid.rows, rel=1e-12)


@pytest.mark.parametrize(
    ("method", "defective"), [("one-per-grid", one_over_cells), ("half-density", mean_of_drawn_ratios)]
)
def test_a_reported_ratio_that_is_not_what_was_kept(tmp_path, method, defective):
    check_that_the_reported_share_is_true(tmp_path, method, lambda grid, output: output.fraction)
    fails(check_that_the_reported_share_is_true, tmp_path, method, defective)


# --- tensors are subset when their length happens to fit


def collate_what_fits(views, **tensors):
    points, rows = next(iter(views.values())).points, torch.cat([v.rows for v in views.values()])
    return {name: t[rows] if len(t) == points else t for name, t in tensors.items()}


def check_that_a_tensor_of_another_length_is_refused(gather):
    coord = torch.randn(100, 3)
    views = GridSampler.from_points(coord, voxel_size=1.0).scenarios(epoch=0)
    refused = ""
    try:
        gather(views, coord=coord, lang_feat=torch.randn(97, 16))
    except UsageError as error:
        refused = str(error)
    assert "lang_feat" in refused


def test_a_tensor_that_does_not_fit_and_passes():
    check_that_a_tensor_of_another_length_is_refused(collate)
    fails(check_that_a_tensor_of_another_length_is_refused, collate_what_fits)


# --- the consistency contributes no gradient


def consistency_without_gradient(out, batch):
    with torch.no_grad():
        loss = density_consistency(out, batch)
    return loss + 0 * out.sum()


def check_that_training_on_consistency_makes_outputs_consistent(loss_of):
    generator = torch.Generator().manual_seed(0)
    coord = torch.randn(300, 3, generator=generator)
    batch = collate(GridSampler.from_points(coord, voxel_size=1.0).scenarios(epoch=0), coord=coord)
    out = torch.randn(len(batch["coord"]), 4, generator=generator, requires_grad=True)
    before = density_consistency(out, batch).item()
    optimizer = torch.optim.Adam([out], lr=0.1)
    for _ in range(30):
        optimizer.zero_grad()
        loss_of(out, batch).backward()
        optimizer.step()
    assert density_consistency(out, batch).item() < 0.2 * before


def test_a_consistency_without_gradient():
    check_that_training_on_consistency_makes_outputs_consistent(density_consistency)
    fails(check_that_training_on_consistency_makes_outputs_consistent, consistency_without_gradient)


# --- the verification cannot fail


def verify_here(scene, draw):
    return CliRunner().invoke(main, ["verify", str(scene), str(draw)]).exit_code


def verify_counts_only(scene, draw):
    """No duplicates, nothing out of range, a plausible ratio: said, and never acted on."""
    scene, draw = gscli.read(scene), gscli.read(draw)
    unique = len(np.unique(draw.rows)) == len(draw)
    plausible = 0.25 < len(draw) / len(scene) < 0.75
    print("verified" if unique and plausible else "suspicious")
    return 0


def check_that_a_wrong_draw_ends_in_failure(tmp_path, status_of):
    rows = np.zeros(3000, [("x", "<f4"), ("y", "<f4"), ("z", "<f4")])
    for name in "xyz":
        rows[name] = np.random.default_rng(ord(name)).normal(size=len(rows))
    scene, draw = tmp_path / "scene.ply", tmp_path / "half.ply"
    gscli.write(scene, GaussianCloud(rows), overwrite=True)
    resample(scene, draw, voxel_size=0.4, overwrite=True)
    assert status_of(scene, draw) == 0
    made = gscli.read(draw)
    grid = VoxelGrid.from_points(gscli.read(scene).xyz, voxel_size=0.4)
    cloud = gscli.read(scene).take(np.sort(half_by_prefix(grid, 0, 0)))
    gscli.write(draw, GaussianCloud(cloud.rows, made.header), overwrite=True)
    assert status_of(scene, draw) == 6


def test_a_verification_that_cannot_fail(tmp_path):
    check_that_a_wrong_draw_ends_in_failure(tmp_path, verify_here)
    fails(check_that_a_wrong_draw_ends_in_failure, tmp_path, verify_counts_only)


# --- an empty list of cells


def scenarios_of(ids):
    return {n: v.rows.tolist() for n, v in GridSampler.from_ids(ids).scenarios(epoch=0).items()}


def scenarios_by_cell_lists(ids):
    cells = [torch.nonzero(ids == c).squeeze(1) for c in ids[ids >= 0].unique()]
    device = cells[0].device
    single = torch.stack([rows[torch.randint(len(rows), (1,))[0]] for rows in cells]).to(device)
    return {"dense": torch.cat(cells).tolist(), "half": [], "single": single.tolist()}


def check_that_a_scene_without_cells_has_empty_scenarios(scenarios):
    for ids in (torch.empty(0, dtype=torch.long), torch.full((5,), -1)):
        try:
            drawn = scenarios(ids)
        except IndexError as error:
            raise AssertionError from error
        assert drawn == {"dense": [], "half": [], "single": []}


def test_an_empty_list_of_cells():
    check_that_a_scene_without_cells_has_empty_scenarios(scenarios_of)
    fails(check_that_a_scene_without_cells_has_empty_scenarios, scenarios_by_cell_lists)
