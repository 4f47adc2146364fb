"""Files in, files out: every field intact, everything refused that should be."""

import os
import threading
import warnings

import numpy as np
import plyfile
import pytest

import gscli
from gscli import fields
from gscli.cloud import GaussianCloud, Header
from gscli.errors import GscliError, InputError, UsageError, WriteRefused
from gscli.grids.cache import GridCache
from gscli.grids.methods import NAMES
from gscli.grids.picking import PICKS
from gscli.report import resample as report
from gscli.resample import resample

N = 4000


@pytest.fixture
def scene(tmp_path):
    """A PLY of N Gaussians with SH degree 1, an extra column and comments."""
    rng = np.random.default_rng(0)
    names = [*fields.POSITION, *fields.SH_DC, *fields.sh_rest(1), "opacity", *fields.SCALE, *fields.ROTATION]
    rows = np.zeros(N, [*((name, "<f4") for name in names), ("label", "u1")])
    for name in names:
        rows[name] = rng.normal(size=N)
    rows["label"] = rng.integers(0, 256, N)
    path = tmp_path / "scene.ply"
    gscli.write(path, GaussianCloud(rows, Header(comments=("antialiased 1",))))
    return path


def rows_of(path):
    return gscli.read(path).rows


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"method": "one-per-grid", "seed": 7},
        {"method": "k-per-grid", "k": 2, "pick": "opacity"},
        {"target": 500},
        {"target": "25%", "pick": "importance"},
        {"method": "dense"},
        {"voxel_size": 0.3, "origin": "min", "pick": "center"},
    ],
    ids=str,
)
def test_kept_rows_are_the_input_rows_byte_for_byte(scene, tmp_path, settings):
    out, index = tmp_path / "out.ply", tmp_path / "kept.npy"
    result = resample(scene, out, index=index, **settings)
    kept = np.load(index)
    assert kept.dtype == np.int64
    assert (np.diff(kept) > 0).all()
    assert rows_of(out).tobytes() == rows_of(scene)[kept].tobytes()
    assert rows_of(out).dtype == rows_of(scene).dtype
    assert result.outputs[0].points == len(kept) == len(rows_of(out))


@pytest.mark.parametrize("suffix", ["compressed.ply", "sog", "splat"])
@pytest.mark.parametrize("settings", [{}, {"compensate": "opacity"}], ids=str)
def test_kept_rows_are_in_the_order_of_a_format_that_sorts(make_scene, tmp_path, suffix, settings):
    if suffix == "sog":
        pytest.importorskip("PIL")
    cloud = make_scene(2000, 0, normals=False)
    cloud.rows["x"][::400] += 1e3  # which share a chunk with the least opaque, as they are written
    gscli.write(tmp_path / "scene.ply", cloud)
    out, index = tmp_path / f"out.{suffix}", tmp_path / "kept.npy"
    resample(tmp_path / "scene.ply", out, index=index, target="60%", allow_lossy=True, **settings)
    found, kept = gscli.read(out), np.load(index)
    assert sorted(set(kept)) == sorted(kept)
    colours = [np.stack([np.clip(each[name], -1.7, 1.7) for name in fields.SH_DC]) for each in (found, cloud)]
    np.testing.assert_allclose(colours[0], colours[1][:, kept], atol=0.05)
    if suffix == "compressed.ply":  # which tells how it was drawn
        assert gscli.verify(tmp_path / "scene.ply", out).violations == 0


def test_another_reader_opens_the_output(scene, tmp_path):
    resample(scene, tmp_path / "out.ply", target=100)
    ply = plyfile.PlyData.read(tmp_path / "out.ply")
    assert ply["vertex"].count == 100
    assert ply.comments[0] == "antialiased 1"
    assert ply.comments[1].startswith("gscli ")
    assert "target=100 pick=random seed=0 epoch=0 voxel_size=" in ply.comments[1]


@pytest.mark.parametrize("suffix", ["csv", "npy", "las"])
def test_a_format_without_comments_needs_no_leave_for_what_gscli_would_add(tmp_path, suffix):
    if suffix == "las":
        pytest.importorskip("laspy")
    cloud, own = tmp_path / f"scan.{suffix}", tmp_path / f"thin.{suffix}"
    xyz = np.random.default_rng(0).integers(0, 4000, (500, 3)) / 1000
    (tmp_path / "scan.xyz").write_text("\n".join(" ".join(map(str, row)) for row in xyz))
    gscli.write(cloud, gscli.read(tmp_path / "scan.xyz"), allow_lossy=True)
    result = resample(cloud, own, method="one-per-grid", index=tmp_path / "kept.npy")
    assert result.outputs[0].points == len(np.load(tmp_path / "kept.npy")) > 0
    assert rows_of(own).tobytes() == rows_of(cloud)[np.load(tmp_path / "kept.npy")].tobytes()
    told = gscli.read(cloud)
    commented = GaussianCloud(told.rows, Header(comments=("mine",)))
    gscli.write(tmp_path / "mine.ply", commented)
    with pytest.raises(WriteRefused, match="1 comment"):
        resample(tmp_path / "mine.ply", own, overwrite=True)


@pytest.mark.parametrize("pick", PICKS)
@pytest.mark.parametrize(
    "how", [{}, {"target": "10%"}, {"method": "one-per-grid"}, {"method": "k-per-grid", "k": 3}], ids=str
)
def test_engines_write_the_same_bytes(scene, tmp_path, pick, how):
    pytest.importorskip("torch")
    for device in ("cpu", "torch-cpu"):
        resample(scene, tmp_path / f"{device}.ply", pick=pick, device=device, voxel_size=0.5, **how)
    assert (tmp_path / "cpu.ply").read_bytes() == (tmp_path / "torch-cpu.ply").read_bytes()


@pytest.mark.parametrize("threads", ["1", "3"])
def test_threads_change_no_byte(scene, tmp_path, threads, monkeypatch):
    resample(scene, tmp_path / "a.ply")
    monkeypatch.setenv("GSCLI_THREADS", threads)
    resample(scene, tmp_path / "b.ply")
    assert (tmp_path / "a.ply").read_bytes() == (tmp_path / "b.ply").read_bytes()


def test_one_grid_serves_many_draws(scene, tmp_path):
    result = resample(
        scene,
        out_dir=tmp_path / "views",
        method=["half-density", "one-per-grid"],
        repeat=3,
        epoch=5,
        index=tmp_path / "rows",
    )
    names = [f"scene.{m}.e{e}" for m in ("half-density", "one-per-grid") for e in (5, 6, 7)]
    assert [os.path.basename(o.path) for o in result.outputs] == [n + ".ply" for n in names]
    assert sorted(p.name for p in (tmp_path / "rows").iterdir()) == sorted(n + ".npy" for n in names)
    draws = {(tmp_path / "rows" / (n + ".npy")).read_bytes() for n in names}
    assert len(draws) == 6
    alone = resample(scene, tmp_path / "alone.ply", method="one-per-grid", epoch=6)
    again = (tmp_path / "views" / "scene.one-per-grid.e6.ply").read_bytes()
    assert (tmp_path / "alone.ply").read_bytes() == again
    assert alone.grid.voxel_size == result.grid.voxel_size


@pytest.mark.parametrize("pick", PICKS)
def test_a_loop_over_methods_may_pass_one_seed_to_all(scene, tmp_path, pick):
    for name in NAMES:
        picked = None if name == "dense" else pick
        k = 3 if name == "k-per-grid" else None
        given = {"method": name, "pick": picked, "k": k, "voxel_size": 0.5}
        result = resample(scene, tmp_path / f"{name}.ply", **given, seed=3, epoch=2)
        (output,) = result.outputs
        if not output.method.uses_seed:
            resample(scene, tmp_path / "other.ply", **given, seed=4, overwrite=True)
            assert rows_of(tmp_path / "other.ply").tobytes() == rows_of(output.path).tobytes()


def test_what_has_no_chance_in_it_is_drawn_once(scene, tmp_path):
    result = resample(scene, tmp_path / "all.ply", method="dense", seed=3, repeat=4)
    assert len(result.outputs) == 1
    with pytest.raises(UsageError, match="several draws"):
        resample(scene, tmp_path / "half.ply", seed=3, repeat=4)


def test_a_warm_cache_changes_no_byte(scene, tmp_path):
    cache = GridCache(tmp_path / "cache")
    states = [resample(scene, tmp_path / f"{i}.ply", cache=cache if i else None).cache for i in range(3)]
    assert states == ["off", "miss", "hit"]
    assert len({(tmp_path / f"{i}.ply").read_bytes() for i in range(3)}) == 1
    if pytest.importorskip("torch"):
        resample(scene, tmp_path / "torch.ply", cache=cache, device="torch-cpu")
        assert (tmp_path / "torch.ply").read_bytes() == (tmp_path / "0.ply").read_bytes()


@pytest.mark.parametrize(
    "settings",
    [
        {"voxel_size": 1},
        {"voxel_size": np.float64(1.0)},
        {"voxel_size": np.float32(1.0)},
        {"ratio": (np.float64(0.3), np.float64(0.7))},
    ],
)
def test_numbers_of_any_type_give_the_bytes_that_plain_ones_give(scene, tmp_path, settings):
    resample(scene, tmp_path / "plain.ply", voxel_size=1.0)
    resample(scene, tmp_path / "other.ply", **{"voxel_size": 1.0, **settings})
    assert (tmp_path / "other.ply").read_bytes() == (tmp_path / "plain.ply").read_bytes()


def test_a_file_can_be_thinned_in_place(scene):
    before = rows_of(scene).copy()
    result = resample(scene, scene, target=10, overwrite=True)
    assert result.outputs[0].points == len(rows_of(scene)) == 10
    assert set(map(bytes, rows_of(scene))) <= set(map(bytes, before))


def test_an_empty_scene_gives_an_empty_scene(tmp_path):
    gscli.write(tmp_path / "none.ply", GaussianCloud(np.zeros(0, [(n, "<f4") for n in "xyz"])))
    for i, method in enumerate(("half-density", "one-per-grid", "dense")):
        result = resample(tmp_path / "none.ply", tmp_path / f"{i}.ply", method=method)
        assert len(rows_of(tmp_path / f"{i}.ply")) == 0
        document = result.to_dict()
        assert document["kept"] == {"points": 0, "fraction": 0.0, "forced_cells": 0}
        assert document["grid"]["occupancy"] == {"mean": None, "median": None, "max": None}
        assert report.summary(result)


def test_one_flyaway_does_not_spoil_the_cells(scene, tmp_path):
    rows = rows_of(scene).copy()
    size = resample(scene, tmp_path / "a.ply").grid.voxel_size
    rows["x"][17] = 1e9
    gscli.write(tmp_path / "fly.ply", GaussianCloud(rows))
    assert resample(tmp_path / "fly.ply", tmp_path / "b.ply").grid.voxel_size == size


def test_positions_too_coarse_for_their_cells_are_pointed_out(tmp_path):
    rows = np.zeros(1000, [(n, "<f4") for n in "xyz"])
    rows["x"] = 5e5 + np.random.default_rng(0).random(1000)
    gscli.write(tmp_path / "utm.ply", GaussianCloud(rows))
    result = resample(tmp_path / "utm.ply", tmp_path / "out.ply", voxel_size=0.05)
    assert "float32" in result.notes[0]


def test_faces_that_a_thinned_mesh_no_longer_has_the_vertices_for_are_pointed_out(tmp_path):
    lines = ["ply", "format ascii 1.0", "element vertex 100", *(f"property float {a}" for a in "xyz")]
    lines += ["element face 98", "property list uchar int vertex_indices", "end_header"]
    lines += [f"{i} 0 0" for i in range(100)] + [f"3 {i} {i + 1} {i + 2}" for i in range(98)]
    (tmp_path / "mesh.ply").write_text("\n".join([*lines, ""]))
    (note,) = resample(tmp_path / "mesh.ply", tmp_path / "thin.ply").notes
    assert "face.vertex_indices" in note
    assert resample(tmp_path / "mesh.ply", tmp_path / "all.ply", method="dense").notes == ()
    assert resample(tmp_path / "mesh.ply", tmp_path / "thin.csv", allow_lossy=True).notes == ()


@pytest.mark.parametrize("least, words", [(1, "keep one"), (5, "keep the minimum of 5")])
def test_the_summary_tells_the_minimum_that_cells_were_forced_to_keep(scene, tmp_path, least, words):
    result = resample(scene, tmp_path / "out.ply", min_per_cell=least, points_per_cell=6)
    assert f"cells forced to {words}" in "\n".join(report.summary(result))


def test_the_report_has_its_keys(scene, tmp_path):
    document = resample(scene, tmp_path / "out.ply", seed=3, epoch=2).to_dict()
    assert document["schema"] == "gscli/resample/1"
    assert document["version"] == gscli.__version__
    size = scene.stat().st_size
    assert document["input"] == {
        "path": str(scene),
        "format": "ply",
        "bytes": size,
        "points": N,
        "dropped": 0,
        "invalid": {"points": 0, "not_finite": None, "unrotated": None},
    }
    (output,) = document["outputs"]
    assert output["method"] == "half-density"
    assert (output["seed"], output["epoch"]) == (3, 2)
    assert output["kept"] == document["kept"]
    assert document["kept"]["fraction"] == document["kept"]["points"] / N
    assert set(document["grid"]) == {"voxel_size", "why", "origin", "cells", "occupancy", "cache", "tiles"}
    assert set(document["grid"]["occupancy"]) == {"mean", "median", "max"}
    assert set(document["timings_s"]) == {"read", "grid", "draw", "write"}
    assert document["device"] == "cpu"


def test_the_report_has_the_options_that_took_effect_and_no_others(scene, tmp_path):
    def reported(**settings):
        document = resample(scene, tmp_path / "out.ply", overwrite=True, **settings).to_dict()
        output = document["outputs"][0]
        return document["options"], [output[name] for name in ("pick", "seed", "epoch")]

    options, drawn = reported()
    assert (options["points_per_cell"], options["pick"]) == (20, "random")
    assert drawn == ["random", 0, 0]
    assert reported(points_per_cell=7)[0]["points_per_cell"] == 7
    assert reported(voxel_size=0.5)[0]["points_per_cell"] is None
    options, drawn = reported(method="dense")
    assert options["pick"] is None
    assert drawn == [None, None, None]
    assert reported(method="k-per-grid", k=2, pick="opacity")[1] == ["opacity", None, None]


def test_a_thinned_input_is_reported_with_the_size_it_had(scene):
    size = scene.stat().st_size
    assert resample(scene, scene, target=10, overwrite=True).bytes == size


def test_reported_shares_are_of_points_not_of_cells(scene, tmp_path):
    """Both predecessors' reports confused them."""
    result = resample(scene, tmp_path / "out.ply", method="one-per-grid", voxel_size=0.5)
    assert result.outputs[0].fraction == result.grid.cells / N


@pytest.mark.parametrize(
    "settings, error",
    [
        ({"voxel_size": 0.0}, UsageError),
        ({"voxel_size": 1e-300}, UsageError),
        ({"voxel_size": 0.1, "points_per_cell": 5}, UsageError),
        ({"points_per_cell": float("nan")}, UsageError),
        ({"origin": (0.0, float("inf"), 0.0)}, UsageError),
        ({"target": N + 1}, UsageError),
        ({"repeat": 3}, UsageError),
        ({"repeat": 0}, UsageError),
        ({"repeat": 10**11}, UsageError),
        ({"method": ["half", "single"]}, UsageError),
        ({"seed": -1}, UsageError),
        ({"epoch": 2**64}, UsageError),
        ({"method": "k-per-grid", "k": 10**23}, UsageError),
        ({"min_per_cell": 10**23}, UsageError),
        ({"points_per_cell": 0.001}, UsageError),
        ({"device": "tpu"}, UsageError),
        ({"also_written": ["OUT"]}, UsageError),
        ({"index": "OUT"}, UsageError),
    ],
    ids=str,
)
def test_refused_options_leave_nothing_behind(scene, tmp_path, settings, error):
    out = tmp_path / "out.ply"
    settings = {k: ([str(out)] if v == ["OUT"] else out if v == "OUT" else v) for k, v in settings.items()}
    with pytest.raises(error):
        resample(scene, out, **settings)
    assert [p.name for p in tmp_path.iterdir()] == ["scene.ply"]


def test_an_existing_output_is_refused_before_anything_is_read(tmp_path):
    (tmp_path / "out.ply").write_text("precious")
    with pytest.raises(WriteRefused, match="overwrite=True"):
        resample(tmp_path / "not there.ply", tmp_path / "out.ply")
    assert (tmp_path / "out.ply").read_text() == "precious"


def test_a_missing_folder_is_named(scene, tmp_path):
    with pytest.raises(GscliError, match="there is no folder"):
        resample(scene, tmp_path / "no" / "out.ply")


def test_invalid_positions_are_refused_by_name_and_dropped_on_request(scene, tmp_path):
    rows = rows_of(scene).copy()
    rows["y"][5] = np.nan
    gscli.write(tmp_path / "bad.ply", GaussianCloud(rows))
    with pytest.raises(InputError, match=r"bad\.ply: 1 of 4,000 points .* row 5; add drop_invalid=True"):
        resample(tmp_path / "bad.ply", tmp_path / "out.ply")
    result = resample(tmp_path / "bad.ply", tmp_path / "out.ply", method="dense", drop_invalid=True)
    assert (result.points, result.dropped, result.outputs[0].points) == (N, 1, N - 1)


def test_a_pick_without_its_column_names_the_file(tmp_path):
    gscli.write(tmp_path / "plain.ply", GaussianCloud(np.zeros(3, [(n, "<f4") for n in "xyz"])))
    with pytest.raises(InputError, match=r"plain\.ply: no opacity column"):
        resample(tmp_path / "plain.ply", tmp_path / "out.ply", pick="opacity")


def test_pipes_can_be_written(scene, tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    received = []
    reader = threading.Thread(target=lambda: received.append(fifo.read_bytes()))
    reader.start()
    resample(scene, fifo, target=10)
    reader.join()
    resample(scene, tmp_path / "file.ply", target=10)
    assert received == [(tmp_path / "file.ply").read_bytes()]


def test_a_damaged_cache_entry_costs_a_warning_only(scene, tmp_path):
    cache = GridCache(tmp_path / "cache")
    resample(scene, tmp_path / "a.ply", cache=cache)
    for path, _ in cache.entries():
        path.write_bytes(b"broken")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = resample(scene, tmp_path / "b.ply", cache=cache)
    assert result.cache == "miss"
    assert "damaged" in str(caught[0].message)
    assert (tmp_path / "a.ply").read_bytes() == (tmp_path / "b.ply").read_bytes()
