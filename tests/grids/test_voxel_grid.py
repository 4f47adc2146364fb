"""A grid draws repeatedly, the same rows on every engine, and one seed means one set of rows."""

import re
from pathlib import Path

import numpy as np
import pytest

from gscli.cloud import GaussianCloud
from gscli.errors import EngineUnavailable, InputError, UsageError
from gscli.grids.methods import method
from gscli.grids.picking import PICKS
from gscli.grids.voxel_grid import VoxelGrid
from gscli.kernels import hashing, parallel

RNG = np.random.default_rng(5)
N = 30_000
XYZ = (RNG.normal(size=(N, 3)) * (2, 2, 0.3) + 100).astype(np.float32)
COLUMNS = [*"xyz", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]


def cloud():
    rows = np.zeros(N, [(name, "<f4") for name in COLUMNS])
    for axis, name in enumerate("xyz"):
        rows[name] = XYZ[:, axis]
    rng = np.random.default_rng(6)
    for name in COLUMNS[3:]:
        rows[name] = np.round(rng.normal(size=N) * 3, 1)  # rounded: ties in every pick
    rows["opacity"][:3] = (np.inf, -np.inf, np.nan)
    return GaussianCloud(rows)


def every_method():
    for pick in PICKS:
        yield method("half-density", pick=pick)
        yield method("half-density", ratio=(0.5, 0.5), pick=pick)
        yield method("half-density", min_per_cell=0, pick=pick)
        yield method("half-density", target="12.5%", pick=pick)
        yield method("half-density", target=777, pick=pick)
        yield method("one-per-grid", pick=pick)
        yield method("one-per-grid", target=100, pick=pick)
        yield method("one-per-grid", target="60%", pick=pick)
        yield method("k-per-grid", k=3, pick=pick)
        yield method("k-per-grid", target=777, pick=pick)
    yield method("dense")


def drawn_by_the_book(grid, how, keys, seed, epoch):
    """The slow twin: cell by cell in Python, sorting (key, row) pairs."""
    if how.name == "dense":
        return sorted(grid.order.tolist())
    stream = hashing.stream(seed, epoch, how.name, hashing.KEY)
    rows = np.arange(grid.rows, dtype=np.uint64)
    use = hashing.row_keys(rows, stream) if how.pick.uniform else how.pick.keys(rows, keys, stream)
    ratio = hashing.cell_uniforms(grid.cells, hashing.stream(seed, epoch, how.name, hashing.RATIO))
    rounding = hashing.cell_uniforms(grid.cells, hashing.stream(seed, epoch, how.name, hashing.ROUND))
    single = hashing.cell_uniforms(grid.cells, stream)
    shares = None if how.target is None else grid.wanted(how, seed=seed, epoch=epoch)[0]
    kept = []
    for c in range(len(grid)):
        rows = grid.order[grid.offsets[c] : grid.offsets[c + 1]].tolist()
        n = len(rows)
        if how.name == "one-per-grid" and shares is None and how.pick.uniform:
            kept.append(rows[int(single[c] * n)])
            continue
        low, high = how.ratio
        wanted = n * (low + (high - low) * ratio[c])
        if low == high or how.min_per_cell == 0:
            wanted += rounding[c]
        k = {"one-per-grid": 1, "k-per-grid": min(n, how.k or 0)}.get(how.name, int(wanted))
        if how.name == "half-density":
            k = min(max(k, min(how.min_per_cell, n)), n)
        k = k if shares is None else shares[c]
        kept += [row for _, row in sorted((int(use[row]), row) for row in rows)[:k]]
    return sorted(kept)


@pytest.mark.parametrize("how", list(every_method()), ids=str)
def test_a_draw_is_what_the_book_says(how):
    grid = VoxelGrid.from_points(XYZ, voxel_size=0.4)
    keys = grid.pick_keys(cloud(), how.pick)
    draw = grid.draw(how, seed=3, epoch=2, keys=keys)
    assert draw.rows.tolist() == drawn_by_the_book(grid, how, keys, 3, 2)


@pytest.mark.parametrize("how", list(every_method()), ids=str)
def test_numpy_and_torch_draw_the_same_rows(how, monkeypatch):
    torch = pytest.importorskip("torch")
    ours = VoxelGrid.from_points(XYZ, voxel_size=0.4)
    theirs = VoxelGrid.from_points(torch.from_numpy(XYZ), voxel_size=0.4)
    keys = ours.pick_keys(cloud(), how.pick)
    assert keys is None or (theirs.pick_keys(cloud(), how.pick) == keys).all()
    expected = ours.draw(how, seed=9, epoch=1, keys=keys)
    found = theirs.draw(how, seed=9, epoch=1, keys=keys)
    assert found.rows.tolist() == expected.rows.tolist()
    assert found.forced_cells == expected.forced_cells
    monkeypatch.setenv("GSCLI_THREADS", "5")
    monkeypatch.setattr(parallel, "BLOCK", 1000)
    monkeypatch.setattr(parallel.blocks, "__defaults__", (1000,))
    assert ours.draw(how, seed=9, epoch=1, keys=keys).rows.tolist() == expected.rows.tolist()


def test_golden_draws():
    """What a seed draws. A change here changes every sample that anyone has made."""
    x = np.arange(40) * 0.25 - 5
    grid = VoxelGrid.from_points(np.stack([x, -x, 0 * x], 1), voxel_size=1.0)
    drawn = {
        name: grid.draw(how, seed=42, epoch=0).rows.tolist()
        for name, how in {
            "half": method("half"),
            "fixed": method("half", ratio=(0.5, 0.5), min_per_cell=0),
            "single": method("single"),
            "two": method("k-per-grid", k=2),
            "target": method("half", target=7),
            "even": method("single", target=7),
            "more": method("k-per-grid", target=27),
        }.items()
    }
    assert drawn == {
        "half": [0, 1, 4, 7, 8, 9, 12, 13, 16, 18, 20, 23, 24, 26, 28, 31, 32, 35, 36, 37],
        "fixed": [1, 4, 5, 7, 8, 9, 10, 13, 17, 18, 20, 21, 23, 26, 28, 31, 32, 33, 35, 37],
        "single": [0, 1, 4, 6, 8, 11, 12, 14, 16, 17, 20, 22, 24, 27, 28, 29, 32, 34, 36, 37],
        "two": [
            0,
            1,
            3,
            4,
            5,
            6,
            8,
            9,
            11,
            12,
            13,
            15,
            16,
            17,
            18,
            20,
            21,
            23,
            24,
            26,
            27,
            28,
            29,
            31,
            32,
            33,
            35,
            36,
            37,
            39,
        ],
        "target": [1, 13, 24, 26, 31, 36, 37],
        "even": [10, 14, 20, 22, 24, 28, 31],
        "more": [
            *(
                0,
                1,
                4,
                5,
                6,
                8,
                9,
                11,
                12,
                13,
                15,
                16,
                18,
                20,
                21,
                23,
                24,
                27,
                28,
                29,
                31,
                32,
                33,
                35,
                36,
                37,
                39,
            ),
        ],
    }


def test_seeds_and_epochs_draw_differently_and_repeat():
    grid = VoxelGrid.from_points(XYZ, voxel_size=0.4)
    for name in ("half-density", "one-per-grid"):
        draws = {(s, e): tuple(grid.draw(name, seed=s, epoch=e).rows) for s in (0, 1) for e in (0, 1)}
        assert len(set(draws.values())) == 4
        assert tuple(grid.draw(name, seed=1, epoch=1).rows) == draws[1, 1]


def test_a_larger_k_keeps_a_superset():
    grid = VoxelGrid.from_points(XYZ, voxel_size=0.4)
    drawn = [set(grid.draw(method("k-per-grid", k=k), seed=4).rows.tolist()) for k in (1, 2, 5, 40)]
    assert all(a < b for a, b in zip(drawn, drawn[1:], strict=False))


def test_picks_prefer_what_they_are_named_after():
    c = cloud()
    grid = VoxelGrid.from_points(XYZ, voxel_size=0.4)
    in_cell = np.empty(N, np.int64)
    in_cell[grid.order] = np.repeat(np.arange(len(grid)), grid.counts)
    values = {
        "opacity": c.rows["opacity"],
        "center": -np.linalg.norm(XYZ - (grid.cells[in_cell] + 0.5) * 0.4, axis=1),
    }
    for pick, value in values.items():
        rows = grid.draw(method("one-per-grid", pick=pick), keys=grid.pick_keys(c, pick)).rows
        value = np.where(np.isnan(value), -np.inf, value).astype(np.float64)
        best = np.full(len(grid), -np.inf)
        np.maximum.at(best, in_cell, value)
        assert np.allclose(value[rows], best[in_cell[rows]], atol=1e-5)


def test_opacities_that_a_sigmoid_rounds_together_are_told_apart():
    rows = np.zeros(2, [(name, "<f4") for name in COLUMNS])
    rows["opacity"] = (50.0, 60.0)
    c = GaussianCloud(rows)
    grid = VoxelGrid.from_points(c.xyz, voxel_size=1.0)
    draw = grid.draw(method("one-per-grid", pick="opacity"), keys=grid.pick_keys(c, "opacity"))
    assert draw.rows.tolist() == [1]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_positions_that_are_not_finite_are_refused_or_dropped(bad):
    xyz = XYZ[:100].copy()
    xyz[[7, 50], 1] = bad
    with pytest.raises(InputError, match=r"2 of 100 points .* row 7"):
        VoxelGrid.from_points(xyz, voxel_size=1.0)
    grid = VoxelGrid.from_points(xyz, voxel_size=1.0, drop_invalid=True)
    assert sorted(grid.order.tolist()) == [r for r in range(100) if r not in (7, 50)]
    assert grid.draw("dense").rows.tolist() == sorted(grid.order.tolist())


def test_dropped_rows_do_not_move_the_draw_of_the_others():
    """A row's key is its number in the file: what else was dropped does not matter."""
    xyz = XYZ[:2000].copy()
    xyz[0] = np.nan
    with_nan = VoxelGrid.from_points(xyz, voxel_size=0.5, drop_invalid=True)
    xyz[0] = 1e6
    without = VoxelGrid.from_points(xyz, voxel_size=0.5)
    a = with_nan.draw(method("k-per-grid", k=2), seed=1).rows
    b = without.draw(method("k-per-grid", k=2), seed=1).rows
    assert a.tolist() == [row for row in b.tolist() if row != 0]


@pytest.mark.parametrize("on_torch", [False, True])
def test_the_order_of_a_small_scene_takes_4_bytes_a_point_also_where_rows_are_dropped(on_torch):
    xyz = XYZ[:100].copy()
    xyz[7] = np.nan
    positions = pytest.importorskip("torch").from_numpy(xyz) if on_torch else xyz
    grid = VoxelGrid.from_points(positions, voxel_size=1.0, drop_invalid=True)
    assert grid.order.itemsize == 4


@pytest.mark.parametrize("kind", [np.int64, np.uint8, np.int32])
@pytest.mark.parametrize("how", [method("half"), method("single"), method("k-per-grid", k=np.int64(2))])
def test_seeds_and_epochs_may_be_integers_of_numpy(kind, how):
    grid = VoxelGrid.from_points(XYZ[:2000], voxel_size=0.5)
    same = grid.draw(how, seed=kind(7), epoch=kind(3)).rows
    assert same.tolist() == grid.draw(how, seed=7, epoch=3).rows.tolist()


@pytest.mark.parametrize(
    "wanted, rows", [("0", 0), ("1", 1), (str(N), N), ("100%", N), ("33.3%", N * 333 // 1000)]
)
def test_a_target_is_met_exactly(wanted, rows):
    grid = VoxelGrid.from_points(XYZ, voxel_size=0.4)
    assert len(grid.draw(method("half", target=wanted)).rows) == rows


@pytest.mark.parametrize(
    "wanted", ["30001", "100.1%", "-1", "1.5", "ten", "", "%", "1e3", "9" * 400, "1_000", "٣"]
)
def test_an_absurd_target_is_a_usage_error(wanted):
    grid = VoxelGrid.from_points(XYZ, voxel_size=0.4)
    with pytest.raises(UsageError, match=r"^target "):
        grid.draw(method("half", target=wanted))


@pytest.mark.parametrize("size", [0.0, -1.0, float("nan"), float("inf")])
def test_a_cell_size_must_be_positive_and_finite(size):
    with pytest.raises(UsageError, match=r"^voxel_size must be"):
        VoxelGrid.from_points(XYZ, voxel_size=size)


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seeds_have_64_bits(seed):
    with pytest.raises(UsageError, match="seed"):
        VoxelGrid.from_points(XYZ, voxel_size=1.0).draw("half", seed=seed)


def test_cells_stay_put_when_a_scene_is_cropped():
    whole = VoxelGrid.from_points(XYZ, voxel_size=0.4)
    crop = np.flatnonzero(XYZ[:, 0] < 100)
    part = VoxelGrid.from_points(XYZ[crop], voxel_size=0.4)
    assert set(map(tuple, part.cells)) <= set(map(tuple, whole.cells))


def test_inputs_are_not_mutated():
    before = XYZ.copy()
    ids = np.arange(10)[::-1].copy()
    VoxelGrid.from_points(XYZ, voxel_size=0.4).draw("half")
    VoxelGrid.from_ids(ids).draw("half")
    assert (before == XYZ).all()
    assert (ids == np.arange(10)[::-1]).all()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"voxel_size": "0.05"}, "voxel_size must be a positive number, not '0.05'"),
        ({"points_per_cell": "many"}, "points_per_cell must be a number of at least 1, not 'many'"),
        ({"origin": 3}, "origin needs three finite numbers"),
        ({"origin": (0, 0, "x")}, "origin needs three finite numbers"),
    ],
)
def test_options_of_another_type_are_usage_errors(options, told):
    with pytest.raises(UsageError, match=told):
        VoxelGrid.from_points(XYZ, **options)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (np.zeros((4, 2)), r"float64 of shape \(4, 2\)"),
        (np.zeros(4), r"float64 of shape \(4,\)"),
        (3.0, "3.0"),
        (np.zeros((4, 3), complex), r"complex128 of shape \(4, 3\)"),
        ([["a", "b", "c"]], r"<U1 of shape \(1, 3\)"),
        (None, "None"),
        (GaussianCloud.from_columns(x=[1.0]), "a cloud; give its .xyz, or a column"),
    ],
)
def test_what_is_no_positions_is_a_usage_error(given, told):
    with pytest.raises(UsageError, match=rf"xyz must be \(N, 3\) numbers, not {told}"):
        VoxelGrid.from_points(given)


@pytest.mark.parametrize("on_torch", [False, True])
@pytest.mark.parametrize("ids", [np.zeros((4, 2), int), np.array([0.5, 1]), np.array([True, False])])
def test_ids_are_integers_whatever_holds_them(ids, on_torch):
    if on_torch:
        ids = pytest.importorskip("torch").as_tensor(ids)
    with pytest.raises(UsageError, match=r"ids must be \(N,\) integers, not (int64|float64|bool) of shape"):
        VoxelGrid.from_ids(ids)


def test_positions_of_half_precision_are_grouped_as_what_they_are():
    torch = pytest.importorskip("torch")
    half = torch.as_tensor(XYZ).bfloat16()
    grid, exact = (VoxelGrid.from_points(xyz, voxel_size=0.5) for xyz in (half, half.float()))
    assert grid.order.tolist() == exact.order.tolist()
    assert grid.cells.tolist() == exact.cells.tolist()


def test_a_draw_is_by_a_method_and_shown_in_one_line():
    grid = VoxelGrid.from_points(XYZ, voxel_size=0.5)
    with pytest.raises(UsageError, match=r"how must be a method or its name, not 0\.5"):
        grid.draw(0.5)
    assert repr(grid.draw("dense")) == f"<Draw: rows {len(XYZ):,}, forced cells 0>"


def test_grids_and_draws_are_equal_to_themselves_alone():
    grid, same = (VoxelGrid.from_points(XYZ, voxel_size=0.5) for _ in range(2))
    assert grid != same
    assert grid.draw("dense") != grid.draw("dense")
    assert len({grid, same, grid.draw("half")}) == 3


def test_a_grid_is_shown_in_one_line():
    xyz = np.array([[0.1, 0, 0], [0.2, 0, 0], [0.7, 0, 0]])
    assert repr(VoxelGrid.from_points(xyz, voxel_size=0.5)) == "<VoxelGrid: 3 points in 2 cells of 0.5>"
    assert repr(VoxelGrid.from_ids(np.array([4, 4, -1]))) == "<VoxelGrid: 2 points in 1 cell>"
    assert '<tr><th style="text-align:left">cells</th>' in VoxelGrid.from_points(XYZ)._repr_html_()


@pytest.mark.parametrize("least", [0, 1])
def test_small_cells_keep_the_shares_that_the_documents_tell(least):
    page = (Path(__file__).parents[2] / "docs" / "resample.md").read_text()
    head, shares = (
        re.search(rf"\| {name} \|(.*)\|", page)[1].split("|") for name in ("points in a cell", "share kept")
    )
    told = dict(zip(map(int, head), map(float, shares), strict=True))
    assert list(told) == [1, 2, 3, 4, 5, 10, 100]
    for n, share in told.items():
        grid = VoxelGrid.from_ids(np.repeat(np.arange(40_000), n))
        wanted, _ = grid.wanted(method("half", min_per_cell=least), seed=0, epoch=0)
        assert wanted.mean() / n == pytest.approx(share if least else 0.5, abs=0.0101)


@pytest.mark.parametrize(
    ("cells", "said"), [(N + 1, "exceeds the"), ("101%", "more than everything"), ("few", "neither")]
)
def test_a_number_of_cells_that_cannot_be_is_refused_by_its_name(cells, said):
    with pytest.raises(UsageError, match=f"^cells {cells} .*{said}"):
        VoxelGrid.from_points(XYZ, cells=cells)


@pytest.mark.parametrize("name", ["cuda", "cuda:7"])
@pytest.mark.parametrize("kind", ["points", "ids", "a grid", "a tensor"])
def test_a_gpu_that_is_not_there_is_named(name: str, kind: str) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("a GPU here")
    gone, grid = torch.device(name), VoxelGrid.from_ids(np.arange(3))
    work = {
        "points": lambda: VoxelGrid.from_points(np.eye(3), voxel_size=1.0, device=gone),
        "ids": lambda: VoxelGrid.from_ids(np.arange(3), device=gone),
        "a grid": lambda: grid.to(gone),
        "a tensor": lambda: grid.to(torch.device("cpu")).to(gone),
    }[kind]
    with pytest.raises(EngineUnavailable, match=f"^device='{name}': torch sees no usable GPU; check"):
        work()
