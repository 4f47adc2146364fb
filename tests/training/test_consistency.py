"""Collating scenarios and the consistency loss between them."""

import gc
import weakref
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

from gscli.errors import UsageError  # noqa: E402
from gscli.training import GridSampler, collate, density_consistency  # noqa: E402
from tests.counting_gpu import WHERE, counting_gpu  # noqa: E402

KINDS = ("mse", "cosine", "kl-symmetric", "kl-one-sided")


def scene(n=400, seed=0):
    torch.manual_seed(seed)
    coord = torch.randn(n, 3)
    return coord, GridSampler.from_points(coord, voxel_size=0.5).scenarios(epoch=0)


def twin(out, batch, kind, temperature=0.5):
    """Cell by cell and pair by pair, as the definition says."""
    means = []
    for s in range(len(batch["offset"])):
        own = batch["batch"] == s
        cells = batch["cell"][own]
        means.append({c: out[own][cells == c].mean(0) for c in cells.unique().tolist()})
    total, weight = 0.0, 0
    for i, j in combinations(range(len(means)), 2):
        common = sorted(means[i].keys() & means[j].keys())
        if not common:
            continue
        terms = []
        for c in common:
            a, b = means[i][c], means[j][c]
            if kind == "mse":
                terms.append(((a - b) ** 2).mean())
            elif kind == "cosine":
                terms.append(1 - (a @ b) / (a.norm() * b.norm()))
            else:
                p, q = (a / temperature).softmax(0), (b / temperature).softmax(0)
                there, back = (p * (p / q).log()).sum(), (q * (q / p).log()).sum()
                terms.append(temperature**2 * back if kind == "kl-one-sided" else (there + back) / 2)
        total = total + len(common) * torch.stack(terms).mean()
        weight += len(common)
    return total / weight


def test_a_batch_holds_the_scenarios_one_after_the_other():
    coord, views = scene()
    labels = torch.arange(len(coord))
    batch = collate(views, coord=coord, segment=labels)
    assert set(batch) == {"coord", "segment", "batch", "offset", "scenario_offset", "cell"}
    assert torch.equal(batch["scenario_offset"], batch["offset"])
    start = 0
    for s, (view, end) in enumerate(zip(views.values(), batch["offset"].tolist(), strict=True)):
        part = slice(start, end)
        assert torch.equal(batch["segment"][part], view.rows)
        assert torch.equal(batch["coord"][part], coord[view.rows])
        assert torch.equal(batch["cell"][part], view.cells)
        assert (batch["batch"][part] == s).all()
        start = end
    assert start == len(batch["coord"])
    assert batch["offset"].dtype == batch["batch"].dtype == batch["cell"].dtype == torch.int64


@pytest.mark.parametrize("length", [399, 401, 1])
def test_a_tensor_of_another_length_is_an_error_that_names_it(length):
    coord, views = scene()
    with pytest.raises(UsageError, match=r"prototypes has shape .*400 points"):
        collate(views, coord=coord, prototypes=torch.zeros(length, 4))


@pytest.mark.parametrize(
    "kind", [torch.uint8, torch.uint16, torch.uint32, torch.uint64, torch.float16, torch.bfloat16]
)
def test_labels_of_any_type_are_gathered(kind):
    _, views = scene()
    segment = (torch.arange(400) % 256).to(kind)
    gathered = collate(views, segment=segment)["segment"]
    rows = torch.cat([view.rows for view in views.values()])
    assert gathered.dtype == kind
    assert torch.equal(gathered.long(), rows % 256)


def test_what_a_cpu_gathers_is_in_memory_of_large_pages():
    """NumPy's, which asks for them; the storage of torch's own memory can be resized."""
    coord, views = scene()
    batch = collate(views, coord=coord, empty=coord[:, :0])
    assert batch["empty"].shape == (len(batch["coord"]), 0)
    for name in ("coord", "cell"):
        assert not batch[name].untyped_storage().resizable()


def test_a_sparse_tensor_cannot_be_gathered():
    coord, views = scene()
    with pytest.raises(UsageError, match="a sparse_coo tensor on cpu holds no array of numbers"):
        collate(views, feat=coord.to_sparse())


@pytest.mark.parametrize("values", [None, [[0.0, 0.0, 0.0]] * 400, np.zeros((400, 3))])
def test_what_is_no_tensor_is_an_error_that_names_it(values):
    coord, views = scene()
    with pytest.raises(UsageError, match=f"normal is a {type(values).__name__}, not a torch tensor"):
        collate(views, coord=coord, normal=values)


def test_reserved_names_and_no_scenarios_are_errors():
    coord, views = scene()
    with pytest.raises(UsageError, match="offset"):
        collate(views, offset=coord)
    with pytest.raises(UsageError, match="no scenario"):
        collate({}, coord=coord)


def test_one_scenario_may_be_collated_alone_and_what_is_none_is_refused():
    coord = torch.randn(50, 3)
    view = GridSampler.from_points(coord, voxel_size=1.0).scenarios("half", epoch=0)["half"]
    assert torch.equal(collate(view, coord=coord)["coord"], coord[view.rows])
    for odd in (["half"], {"half": view.rows}):
        with pytest.raises(UsageError, match=r"views must be what GridSampler\.scenarios returned"):
            collate(odd, coord=coord)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"out": [[1.0]]}, "out must be a torch tensor, not list"),
        ({"batch": {"coord": 0}}, "batch must be what collate returned, with its cell, batch and offset"),
        ({"kind": "kl", "temperature": "1"}, "temperature must be a positive number, not '1'"),
        ({"kind": "kl", "temperature": True}, "temperature must be a positive number, not True"),
        ({"kind": "kl", "temperature": 10**400}, "temperature must be a positive number, not 1000"),
        ({"kind": ["mse"]}, r"no kind \['mse'\] of consistency"),
    ],
)
def test_arguments_of_another_type_are_usage_errors(change, told):
    coord = torch.randn(50, 3)
    batch = collate(GridSampler.from_points(coord, voxel_size=1.0).scenarios(epoch=0), coord=coord)
    with pytest.raises(UsageError, match=told):
        density_consistency(**{"out": batch["coord"], "batch": batch, **change})


def test_scenarios_of_two_scenes_or_ranks_or_devices_are_no_batch():
    coord, views = scene(seed=0)
    _, other = scene(seed=1)
    with pytest.raises(UsageError, match="different scenes"):
        collate([views["dense"], other["half"]], coord=coord)
    ranks = [GridSampler.from_points(coord, voxel_size=0.5, rank=r, world_size=2) for r in range(2)]
    with pytest.raises(UsageError, match="ranks"):
        collate([rank.scenarios(epoch=0)["half"] for rank in ranks], coord=coord)
    elsewhere = replace(views["half"], rows=views["half"].rows.to("meta"))
    with pytest.raises(UsageError, match="different devices"):
        collate([views["dense"], elsewhere], coord=coord)
    with pytest.raises(UsageError, match="coord is on meta, but the sampler draws on cpu"):
        collate(views, coord=coord.to("meta"))


def test_samplers_of_one_scene_may_share_a_batch():
    coord, views = scene()
    again = GridSampler.from_points(coord, voxel_size=0.5, seed=5).scenarios(epoch=3)
    assert len(collate([views["dense"], again["half"]], coord=coord)["offset"]) == 2


def test_a_batch_shares_no_memory_with_the_scene():
    coord, views = scene()
    batch = collate(views, coord=coord)
    before = batch["coord"].clone()
    coord.zero_()
    assert torch.equal(batch["coord"], before)
    assert batch["coord"].untyped_storage().nbytes() == before.numel() * 4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 7, 400])
def test_the_loss_is_what_a_loop_over_cells_and_pairs_says(kind, n):
    coord, views = scene(n)
    batch = collate(views, coord=coord)
    out = torch.randn(len(batch["coord"]), 5, dtype=torch.float64)
    assert density_consistency(out, batch, kind).item() == pytest.approx(
        twin(out, batch, kind).item(), rel=1e-9, abs=1e-12
    )


@pytest.mark.parametrize("kind", KINDS)
def test_pairs_weigh_as_many_cells_as_they_share(kind):
    # Cells 0..3; the second scenario lacks 3, the third has 3 alone and 9 that no other has.
    batch = {
        "cell": torch.tensor([0, 0, 1, 2, 3, 0, 1, 1, 2, 3, 9]),
        "batch": torch.tensor([0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2]),
        "offset": torch.tensor([5, 9, 11]),
    }
    out = torch.randn(11, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    assert density_consistency(out, batch, kind).item() == pytest.approx(twin(out, batch, kind).item())


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_is_that_of_finite_differences(kind):
    coord, views = scene(30)
    batch = collate(views, coord=coord)
    out = torch.randn(len(batch["coord"]), 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: density_consistency(x, batch, kind), out)
    (gradient,) = torch.autograd.grad(density_consistency(out, batch, kind), out)
    assert (gradient.abs().sum(1) > 0).float().mean() > 0.5


def test_scenarios_that_agree_in_every_cell_cost_nothing():
    coord, views = scene()
    batch = collate(views, coord=coord)
    out = torch.randn(int(batch["cell"].max()) + 1, 4)[batch["cell"]]
    for kind in KINDS:
        assert density_consistency(out, batch, kind).item() == pytest.approx(0, abs=1e-6)


def test_scenarios_without_a_shared_cell_cost_nothing_and_train_nothing():
    batch = {"cell": torch.tensor([0, 1]), "batch": torch.tensor([0, 1]), "offset": torch.tensor([1, 2])}
    out = torch.randn(2, 3, requires_grad=True)
    loss = density_consistency(out, batch)
    loss.backward()
    assert loss.item() == 0
    assert not out.grad.any()


def test_the_temperature_of_kl_is_used_and_of_the_others_refused():
    coord, views = scene()
    batch = collate(views, coord=coord)
    out = torch.randn(len(batch["coord"]), 4, dtype=torch.float64)
    for kind in ("kl-symmetric", "kl-one-sided"):
        assert density_consistency(out, batch, kind, temperature=2.0).item() == pytest.approx(
            twin(out, batch, kind, 2.0).item()
        )
        assert density_consistency(out, batch, kind, temperature=0.5) == density_consistency(out, batch, kind)
    assert density_consistency(out, batch, "kl") == density_consistency(out, batch, "kl-symmetric")
    for bad in (
        {"kind": "mse", "temperature": 1.0},
        *({"kind": "kl", "temperature": t} for t in (0.0, -1.0, float("inf"), float("nan"))),
        {"kind": "l1"},
    ):
        with pytest.raises(UsageError):
            density_consistency(out, batch, **bad)


def test_one_sided_divergence_is_what_torch_computes_for_distillation():
    batch = {"cell": torch.arange(6) % 3, "batch": torch.arange(6) // 3, "offset": torch.tensor([3, 6])}
    out = torch.randn(6, 4, dtype=torch.float64)
    given = (out[:3] / 2).log_softmax(1), (out[3:] / 2).softmax(1)
    expected = torch.nn.functional.kl_div(*given, reduction="batchmean") * 2**2
    assert density_consistency(out, batch, "kl-one-sided", temperature=2.0).item() == pytest.approx(
        expected.item()
    )


def test_half_precision_adds_up_large_cells_in_float32():
    cell = torch.zeros(40_000, dtype=torch.long)
    # Of two sizes: a sum that stops growing at 256 would give two wrong means that agree.
    batch = {"cell": cell, "batch": (torch.arange(40_000) >= 30_000).long(), "offset": torch.tensor([1, 2])}
    loss = density_consistency(torch.ones(40_000, 2, dtype=torch.bfloat16), batch)
    assert (loss.item(), loss.dtype) == (0, torch.float32)


def test_one_scenario_has_nothing_to_be_consistent_with():
    batch = {"cell": torch.zeros(2).long(), "batch": torch.zeros(2).long(), "offset": torch.tensor([2])}
    with pytest.raises(UsageError, match="two scenarios"):
        density_consistency(torch.zeros(2, 3), batch)


def test_an_output_elsewhere_or_without_features_is_refused():
    batch = {"cell": torch.zeros(2).long(), "batch": torch.arange(2), "offset": torch.tensor([1, 2])}
    with pytest.raises(UsageError, match="the output is on meta, the batch on cpu"):
        density_consistency(torch.zeros(2, 3, device="meta"), batch)
    with pytest.raises(UsageError, match=r"the output has shape \(2, 0\)"):
        density_consistency(torch.zeros(2, 0), batch)


@pytest.mark.parametrize("small", [torch.float16, torch.bfloat16, torch.float8_e5m2])
def test_small_floats_cost_what_they_cost_in_float32(small):
    batch = {"cell": torch.zeros(2).long(), "batch": torch.arange(2), "offset": torch.tensor([1, 2])}
    out = torch.tensor([[1.0, 2], [4, 8]])
    assert density_consistency(out.to(small), batch) == density_consistency(out, batch) == 22.5


def test_a_temperature_may_be_a_number_of_numpy():
    coord, views = scene()
    batch = collate(views, coord=coord)
    losses = [density_consistency(batch["coord"], batch, "kl", temperature=t) for t in (0.5, np.float32(0.5))]
    assert losses[0] == losses[1] > 0


def test_an_output_of_integers_is_refused():
    batch = {"cell": torch.zeros(2).long(), "batch": torch.arange(2), "offset": torch.tensor([1, 2])}
    with pytest.raises(UsageError, match=r"torch\.int64"):
        density_consistency(torch.zeros(2, 3).long(), batch)


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of storages that operations made and that are still alive."""

    def __init__(self):
        super().__init__()
        self.live = self.peak = 0
        self.known = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, tuple | list) else (result,):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if id(storage) not in self.known:
                    size, key = storage.nbytes(), id(storage)
                    self.known.add(key)
                    self.live += size
                    self.peak = max(self.peak, self.live)
                    weakref.finalize(storage, self.release, key, size)
        return result

    def release(self, key, size):
        self.known.discard(key)
        self.live -= size


@pytest.mark.parametrize("scenes", [1, 5])
@pytest.mark.parametrize(
    ("kind", "at_once", "kept"),
    [("mse", 3, 1), ("cosine", 6, 4), ("kl-symmetric", 6, 5), ("kl-one-sided", 6, 5)],
)
def test_memory_stays_within_the_documented_number_of_tables(kind, at_once, kept, scenes):
    n, cells, d = 60_000, 500, 256
    ids = torch.arange(n) % (cells // scenes)
    offset = [n * (scene + 1) // scenes for scene in range(scenes)]
    batch = collate(GridSampler.from_ids(ids, offset=offset).scenarios(epoch=0), ids=ids)
    m = len(batch["ids"])
    out = torch.randn(m, d, requires_grad=True)
    table = 3 * cells * d * 4
    index = 3 * m * 8  # int64 of slots, on the way and kept
    assert out.numel() * 4 > 40 * table
    with LiveBytes() as memory:
        loss = density_consistency(out, batch, kind)
        gc.collect()
        assert memory.peak <= at_once * table + index + table // 4
        assert memory.live <= kept * table + m * 8 + table // 4
    loss.backward()


def test_the_loss_keeps_neither_the_output_nor_the_batch_alive():
    coord, views = scene()
    batch = collate(views, coord=coord, feat=torch.randn(400, 8))
    out = torch.randn(len(batch["coord"]), 4, requires_grad=True) * 1.0
    loss = density_consistency(out, batch)
    gone = [weakref.ref(t) for t in (out, batch["coord"], batch["feat"], batch["cell"], batch["batch"])]
    del out, batch, views
    gc.collect()
    assert [ref() for ref in gone] == [None] * 5
    loss.backward()


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_waits_for_a_gpu_once(kind, monkeypatch):
    """For how many cells there are; on a GPU that is not there."""
    coord, views = scene(60)
    out = torch.randn(sum(len(view.rows) for view in views.values()), 4)
    expected = density_consistency(out, collate(views, coord=coord), kind)
    with counting_gpu(monkeypatch) as gpu:
        there = {name: tensor.to(WHERE) for name, tensor in collate(views, coord=coord).items()}
        out = out.to(WHERE)
        gpu.clear()
        loss = density_consistency(out, there, kind)
        assert gpu.waits.total() == 1, gpu.waits
        assert torch.equal(loss.cpu(), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cell_that_only_one_scenario_has_is_left_alone(kind):
    batch = {
        "cell": torch.tensor([0, 1, 1, 2]),
        "batch": torch.tensor([0, 0, 1, 1]),
        "offset": torch.tensor([2, 4]),
    }
    out = torch.randn(4, 3, dtype=torch.float64, requires_grad=True)
    loss = density_consistency(out, batch, kind)
    loss.backward()
    assert not out.grad[[0, 3]].any()
    assert out.grad[[1, 2]].all()
    torch.testing.assert_close(loss, twin(out, batch, kind))


@pytest.mark.gpu
def test_the_loss_and_its_gradient_are_the_same_on_a_gpu():
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    coord, views = scene()
    batch = collate(views, coord=coord)
    there = {name: tensor.cuda() for name, tensor in batch.items()}
    for kind in KINDS:
        a = torch.randn(len(batch["coord"]), 4, dtype=torch.float64, requires_grad=True)
        b = a.detach().cuda().requires_grad_()
        la, lb = density_consistency(a, batch, kind), density_consistency(b, there, kind)
        la.backward()
        lb.backward()
        assert torch.allclose(la, lb.cpu(), rtol=1e-12)
        assert torch.allclose(a.grad, b.grad.cpu(), rtol=1e-9, atol=1e-12)
