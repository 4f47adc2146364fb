"""The examples that take the place of two trainers' own classes, held to what those promise."""

import importlib.util
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import functional  # noqa: E402

from gscli.errors import UsageError  # noqa: E402

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


pointcept, r2 = example("pointcept_sampler"), example("r2_monitor")
NAMES = ["dense", "half", "single"]


def scenes(n=1200, seed=0):
    """Two scenes one after the other, whose ids both begin at 0; some points are in no cell."""
    rng = np.random.default_rng(seed)
    ids = torch.from_numpy(np.concatenate([rng.integers(-1, 40, n), rng.integers(-1, 30, n // 2)]))
    batch = torch.repeat_interleave(torch.arange(2), torch.tensor([n, n // 2]))
    rows = torch.arange(len(ids))
    return {"coord": torch.randn(len(ids), 3), "feat": rows[:, None].float(), "point_to_grid": ids}, batch


# --- the sampler of density-invariant training


def test_samples_are_what_the_trainer_takes_from_its_own_sampler():
    given, batch = scenes()
    labels, extra = torch.arange(len(batch)) * 7, torch.randn(len(batch), 2)
    sampler = pointcept.GridAwareSampler(seed=3)
    samples = sampler.sample_scenarios(**given, labels=labels, batch=batch, normal=extra, name="scene")
    assert [sample["scenario"] for sample in samples] == ["dense", "half_density", "single_per_grid"]
    for sample in samples:
        rows = sample["feat"][:, 0].long()
        assert sample["num_points"] == len(rows) == len(rows.unique())
        assert torch.equal(sample["coord"], given["coord"][rows])
        assert torch.equal(sample["point_to_grid"], given["point_to_grid"][rows])
        assert torch.equal(sample["labels"], rows * 7)
        assert torch.equal(sample["batch"], batch[rows])
        assert torch.equal(sample["normal"], extra[rows])
        assert sample["offset"].tolist() == [int((batch[rows] == 0).sum()), len(rows)]
        assert sample["sampling_ratio"].item() == pytest.approx(len(rows) / len(batch))
        assert (sample["name"], sample["rank"]) == ("scene", 0)
        assert (sample["point_to_grid"] >= 0).all()
    assert samples[0]["num_points"] == int((given["point_to_grid"] >= 0).sum())


def test_each_cell_of_each_scene_keeps_what_its_scenario_says():
    given, batch = scenes()
    _, half, single = pointcept.GridAwareSampler(0.2, 0.4, seed=1).sample_scenarios(**given, batch=batch)
    cell = batch * 1000 + given["point_to_grid"]
    counts = torch.bincount(cell[given["point_to_grid"] >= 0], minlength=2000)
    kept = torch.bincount(half["batch"] * 1000 + half["point_to_grid"], minlength=2000)
    assert (kept >= (counts * 0.2).floor().clamp(min=1).minimum(counts)).all()
    assert (kept <= (counts * 0.4).clamp(min=1)).all()
    chosen = single["batch"] * 1000 + single["point_to_grid"]
    assert chosen.sort().values.tolist() == torch.nonzero(counts).squeeze(1).tolist()


def rows_of(samples):
    return [sample["feat"][:, 0].tolist() for sample in samples]


def test_a_seed_decides_and_nothing_global_does():
    given, batch = scenes()
    drawn = []
    for seed in (7, 7, 8):
        torch.manual_seed(len(drawn))
        state = torch.get_rng_state()
        sampler = pointcept.GridAwareSampler(seed=seed)
        drawn.append([rows_of(sampler.sample_scenarios(**given, batch=batch)) for _ in range(2)])
        assert torch.equal(torch.get_rng_state(), state)
    assert drawn[0] == drawn[1]
    assert drawn[0][0][1:] != drawn[0][1][1:]
    assert drawn[0][0][1:] != drawn[2][0][1:]
    assert rows_of([pointcept.GridAwareSampler(seed=7).sample_half_density(**given, batch=batch)]) == [
        drawn[0][0][1]
    ]
    assert pointcept.GridAwareSampler().seed != pointcept.GridAwareSampler().seed


def test_where_scenes_end_may_be_said_instead_and_one_scene_needs_neither():
    given, batch = scenes()
    by_batch, by_offset = (
        pointcept.GridAwareSampler(seed=7).sample_scenarios(**given, **kind)
        for kind in ({"batch": batch}, {"offset": torch.tensor([1200, 1800])})
    )
    assert rows_of(by_batch) == rows_of(by_offset)
    (alone,) = pointcept.GridAwareSampler(seed=7).sample_scenarios(**given, scenarios=["single"])
    assert len(alone["point_to_grid"].unique()) == alone["num_points"]
    assert not alone["batch"].any()


def test_a_tensor_of_another_length_and_an_unknown_scenario_are_refused():
    given, batch = scenes()
    sampler = pointcept.GridAwareSampler(seed=0)
    with pytest.raises(UsageError, match="lang_feat has shape"):
        sampler.sample_dense(**given, batch=batch, lang_feat=torch.zeros(5, 2))
    with pytest.raises(UsageError, match="quarter"):
        sampler.sample_scenarios(**given, scenarios=["quarter"])


def test_one_scenario_may_be_named_alone_and_an_unknown_loss_is_refused():
    coord, feat, ids = torch.rand(30, 3), torch.rand(30, 2), torch.arange(30) // 5
    (sample,) = pointcept.GridAwareSampler(seed=1).sample_scenarios(coord, feat, ids, scenarios="half")
    assert sample["scenario"] == "half_density"
    with pytest.raises(ValueError, match="consistency_type 'l2': choose from mse, cosine, kl"):
        pointcept.DensityConsistencyLoss("l2")


def test_a_scene_without_cells_has_empty_samples():
    given, _ = scenes()
    given["point_to_grid"] = torch.full_like(given["point_to_grid"], -1)
    for sample in pointcept.GridAwareSampler(seed=0).sample_scenarios(**given):
        assert (sample["num_points"], sample["sampling_ratio"].item()) == (0, 0)


def folder(path, cells=9):
    rng = np.random.default_rng(0)
    mask = rng.random(200) < 0.8
    ids = rng.integers(-1, cells - 1, mask.sum())  # the last cell holds no point
    np.save(path / "coord.npy", rng.normal(size=(200, 3)).astype(np.float32))
    np.save(path / "valid_feat_mask.npy", mask)
    for rank in (8, 16):
        features = rng.normal(size=(cells, rank)).astype(np.float32)
        np.savez(path / f"lang_feat_grid_svd_r{rank}.npz", compressed=features, indices=ids)
    (path / "grid_meta_data.json").write_text(json.dumps({"num_grids": cells}))
    full = np.full(200, -1)
    full[mask] = ids
    return full, features


def test_a_scene_folder_gives_ids_for_every_point_and_the_features_of_cells(tmp_path):
    ids, features = folder(tmp_path)
    found = pointcept.GridAwareSampler(seed=0).load_grid_mapping_with_rank(tmp_path)
    assert found["point_to_grid"].tolist() == ids.tolist()
    assert np.array_equal(found["compressed_features"], features)
    assert (found["num_grids"], found["svd_rank"], found["meta"]) == (9, 16, {"num_grids": 9})
    assert found["num_points"] == (ids >= 0).sum()
    lower = pointcept.GridAwareSampler(seed=0, svd_rank=8).load_grid_mapping_with_rank(tmp_path)
    assert lower["svd_rank"] == 8


@pytest.mark.parametrize("world_size", [2, 4, 5])
def test_ranks_have_all_cells_between_them_and_none_twice(tmp_path, world_size):
    ids, features = folder(tmp_path)
    owned = np.zeros(200, int)
    for rank in range(world_size):
        sampler = pointcept.GridAwareSampler(seed=0, rank=rank, world_size=world_size)
        found = sampler.load_grid_mapping_with_rank(tmp_path)
        mine = found["point_to_grid"].numpy() >= 0
        owned += mine
        its = found["compressed_features"].numpy()[found["point_to_grid"].numpy()[mine]]
        assert np.array_equal(its, features[ids[mine]])
    assert owned.tolist() == (ids >= 0).astype(int).tolist()


def cell_by_cell(kind, outputs, inputs, temperature=0.5):
    """The loss as the trainer describes it, with the scene as part of a cell."""
    total, weight = 0.0, 0
    for i, j in combinations(range(len(inputs)), 2):
        keys = [list(zip(x["batch"].tolist(), x["point_to_grid"].tolist(), strict=True)) for x in inputs]
        common = sorted(set(keys[i]) & set(keys[j]))
        a, b = (
            torch.stack(
                [outputs[k]["feat"][[r for r, key in enumerate(keys[k]) if key == c]].mean(0) for c in common]
            )
            for k in (i, j)
        )
        if kind == "mse":
            loss = functional.mse_loss(a, b)
        elif kind == "cosine":
            loss = 1 - functional.cosine_similarity(a, b).mean()
        else:
            given = (a / temperature).log_softmax(1), (b / temperature).softmax(1)
            loss = functional.kl_div(*given, reduction="batchmean") * temperature**2
        total, weight = total + loss * len(common), weight + len(common)
    return total / weight, weight


@pytest.mark.parametrize("kind", ["mse", "cosine", "kl"])
def test_the_loss_is_what_the_trainer_describes_and_has_a_gradient(kind):
    given, batch = scenes(200)
    samples = pointcept.GridAwareSampler(seed=5).sample_scenarios(**given, batch=batch)
    outputs = [
        {"feat": torch.randn(sample["num_points"], 4, dtype=torch.float64, requires_grad=True)}
        for sample in samples
    ]
    loss, told = pointcept.DensityConsistencyLoss(kind)(outputs, samples)
    expected, weight = cell_by_cell(kind, outputs, samples)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-9)
    assert told["num_common_grids"] == weight
    assert told["total_consistency"] == loss.item()
    pairs = {"dense_vs_half_density", "dense_vs_single_per_grid", "half_density_vs_single_per_grid"}
    assert told.keys() == pairs | {"total_consistency", "num_common_grids"}
    gradients = torch.autograd.grad(loss, [output["feat"] for output in outputs])
    assert all(bool(gradient.any()) for gradient in gradients)


# --- the metrics of co-regularised X-ray models


def clouds(n=700, seed=0):
    g = torch.Generator().manual_seed(seed)
    return torch.rand(n, 3, generator=g) * 3, torch.rand(n + 50, 3, generator=g) * 3


def test_disagreement_is_that_of_all_pairs():
    a, b = clouds()
    nearest = torch.cdist(a.double(), b.double()).amin(1)
    fitness, rmse = r2.compute_point_disagreement(a.requires_grad_(), b, threshold=0.2)
    matched = nearest[nearest < 0.2]
    assert fitness == pytest.approx(len(matched) / len(a), abs=1e-9)
    assert rmse == pytest.approx(matched.square().mean().sqrt().item(), rel=1e-6)
    assert r2.compute_point_disagreement(a, b + 100) == (0.0, float("inf"))
    image = torch.rand(1, 16, 16)
    noisy = (image * 0.9).requires_grad_()
    mse = ((image - noisy) ** 2).mean().item()
    assert r2.compute_rendering_disagreement(image, noisy) == pytest.approx(
        10 * np.log10(1 / (mse + 1e-8)), abs=1e-3
    )
    assert r2.compute_rendering_disagreement(image, image) == pytest.approx(80)
    assert r2.compute_ssim_disagreement(image, image) == pytest.approx(1)


def test_all_metrics_come_at_once_under_the_trainers_names():
    a, b = clouds()
    models = r2.Model(a), r2.Model(b)
    drawn = {id(models[0]): torch.rand(1, 16, 16) * 5, id(models[1]): torch.rand(1, 16, 16) * 5}

    def render(camera, model, pipe):
        return {"render": drawn[id(model)]}

    found = r2.log_corgs_metrics(*models, "camera", "pipe", render=render, data_range=5.0)
    assert list(found) == ["point_fitness", "point_rmse", "render_psnr_diff", "render_ssim_diff"]
    assert found["point_fitness"] == r2.compute_point_disagreement(a, b)[0]


def test_a_monitor_logs_the_four_scalars_at_its_interval():
    a, b = clouds(300)
    models, seen, rendered = (r2.Model(a), r2.Model(b)), [], []
    monitor = r2.CorgsMonitor(lambda scalars, step: seen.append((step, scalars)), interval=5)
    for iteration in range(1, 11):
        monitor.training_report(
            iteration, models, lambda: rendered.append(1) or (torch.zeros(1, 12, 12), torch.ones(1, 12, 12))
        )
    monitor.close()
    assert len(rendered) == 2
    found = {step: {} for step, _ in seen}
    for step, scalars in seen:
        found[step] |= scalars
    assert list(found) == [5, 10]
    for scalars in found.values():
        assert {f"corgs/{name}" for name in ("point_fitness", "point_rmse")} <= scalars.keys()
        assert {f"corgs/render_{name}_diff" for name in ("psnr", "ssim")} <= scalars.keys()
        assert scalars["corgs/point_fitness"] == r2.compute_point_disagreement(a, b)[0]


@pytest.mark.parametrize("swapped", [False, True])
def test_models_are_pruned_by_each_other_as_they_both_were_before(swapped):
    a, b = clouds()
    distances = torch.cdist(a.double(), b.double())
    models = [r2.Model(a), r2.Model(b)][:: -1 if swapped else 1]
    lost = r2.co_prune(models, threshold=0.15, min_points=10)
    first, second = models[:: -1 if swapped else 1]
    assert torch.equal(first.get_xyz, a[distances.amin(1) <= 0.15])
    assert torch.equal(second.get_xyz, b[distances.amin(0) <= 0.15])
    assert sorted(lost) == sorted([len(a) - len(first.get_xyz), len(b) - len(second.get_xyz)])
    assert min(lost) > 0


def test_a_model_that_would_be_left_with_too_few_is_not_pruned():
    a, b = clouds()
    models = r2.Model(a), r2.Model(b)
    matched = int((torch.cdist(b.double(), a.double()).amin(1) <= 0.15).sum())
    fewer = int((torch.cdist(a.double(), b.double()).amin(1) <= 0.15).sum())
    low, high = sorted([matched, fewer])
    assert low < high
    lost = r2.co_prune(models, threshold=0.15, min_points=high)
    assert [n == 0 for n in lost] == [n < high for n in (fewer, matched)]
