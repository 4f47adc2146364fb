"""Scene folders and grid files on the command line: cells as given, every array subset together."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import gscli
from gscli.cli import main
from tests.cli.refusals import of_a_call as failed

N, CELLS = 400, 30


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GSCLI_CACHE_DIR", str(tmp_path / "cache"))

    def call(*args):
        return CliRunner().invoke(main, [str(arg) for arg in args], catch_exceptions=False)

    return call


@pytest.fixture
def folder(tmp_path) -> Path:
    """A scene of 400 points, about 70 % of them valid, with grids of rank 8 and 16."""
    rng = np.random.default_rng(0)
    valid = rng.random(N) < 0.7
    arrays = {
        "coord": rng.normal(size=(N, 3)).astype("f4"),
        "color": rng.integers(0, 256, (N, 3)).astype("u1"),
        "opacity": rng.random(N).astype("f4"),
        "scale": rng.random((N, 3)).astype("f4"),
        "quat": rng.normal(size=(N, 4)).astype("f4"),
        "segment": rng.integers(-1, 20, N),
        "valid_feat_mask": valid,
        "lang_feat": rng.normal(size=(int(valid.sum()), 16)).astype("f2"),
    }
    path = tmp_path / "scannet/scene0000_00"
    path.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(path / f"{name}.npy", array)
    for rank in (8, 16):
        ids = rng.integers(-1, CELLS, int(valid.sum()))
        features = rng.normal(size=(CELLS, rank))
        np.savez(path / f"lang_feat_grid_svd_r{rank}.npz", compressed=features, indices=ids)
    return path


def cell_of_each(folder, rank):
    """The id of each point; -1 for those without."""
    mask = np.load(folder / "valid_feat_mask.npy")
    ids = np.full(len(mask), -1)
    ids[mask] = np.load(folder / f"lang_feat_grid_svd_r{rank}.npz")["indices"]
    return ids


@pytest.mark.parametrize(
    "args, rank", [([], 16), (["--grid", "lang_feat_grid_svd_r8.npz"], 8)], ids=["highest rank", "named"]
)
def test_a_folder_becomes_a_folder_with_one_point_of_every_cell_of_its_grid(run, folder, args, rank):
    done = run(
        *("resample", "scannet/scene0000_00/", "half/scene0000_00/", "--method", "single"),
        *("--index", "rows.npy", "--json", *args),
    )
    assert done.exit_code == 0, done.stderr
    rows, ids = np.load("rows.npy"), cell_of_each(folder, rank)
    assert sorted(ids[rows]) == sorted(set(ids[ids >= 0]))
    half = Path("half/scene0000_00")
    assert sorted(os.listdir(half)) == sorted(os.listdir(folder))
    mask = np.load(folder / "valid_feat_mask.npy")
    for path in folder.glob("*.npy"):
        before = np.load(path)
        wanted = before[rows] if len(before) == N else before[np.cumsum(mask)[rows[mask[rows]]] - 1]
        assert np.array_equal(np.load(half / path.name), wanted), path.name
    for other in (8, 16):
        assert np.array_equal(cell_of_each(half, other), cell_of_each(folder, other)[rows])

    content = json.loads(done.stdout)
    assert content["input"]["dropped"] == np.count_nonzero(ids < 0)
    assert content["grid"]["voxel_size"] is None
    assert content["grid"]["cells"] == len(rows)
    assert f"lang_feat_grid_svd_r{rank}.npz" in content["grid"]["why"]
    assert ("highest rank" in content["grid"]["why"]) == (not args)
    assert content["options"]["grid"].endswith(f"lang_feat_grid_svd_r{rank}.npz")


def test_the_summary_says_where_the_cells_come_from_and_what_has_none(run, folder):
    said = run("resample", folder, "half").stderr
    assert "as lang_feat_grid_svd_r16.npz says, the scene's grid of the highest rank" in said
    assert "not finite or in no cell" in said


def test_draws_of_a_folder_are_verified_by_their_report(run, folder):
    assert run("resample", folder, "half", "--seed", "5", "--report", "half.json").exit_code == 0
    assert run("verify", folder, "half", "--expect", "half.json").exit_code == 0
    other = ("--grid", "lang_feat_grid_svd_r8.npz")
    assert run("verify", folder, "half", "--expect", "half.json", *other).exit_code == 6


def test_a_lattice_is_cut_where_one_is_asked_for(run, folder):
    done = run("resample", folder, "half", "--voxel-size", "0.5", "--pick", "center", "--json")
    content = json.loads(done.stdout)
    assert content["grid"]["voxel_size"] == 0.5
    assert content["input"]["dropped"] == 0
    assert content["options"]["grid"] is None


@pytest.mark.parametrize(
    "options",
    [
        ("--voxel-size", "1"),
        ("--points-per-cell", "8"),
        ("--origin", "min"),
        ("--pick", "center"),
        ("--drop-invalid",),
    ],
    ids=" ".join,
)
def test_options_of_a_lattice_are_refused_beside_a_grid(run, folder, options):
    grid = ("--grid", "lang_feat_grid_svd_r8.npz")
    failed(run("resample", folder, "half", *grid, *options), 2, options[0], "no effect", "--grid")
    assert not os.path.exists("half")


@pytest.mark.parametrize("options", [("--pick", "center"), ("--drop-invalid",)], ids=" ".join)
def test_options_without_a_meaning_for_the_scene_s_own_grid_are_refused(run, folder, options):
    failed(run("resample", folder, "half", *options), 2, options[0], "r16.npz", "--voxel-size")


@pytest.mark.parametrize("save", [np.save, lambda path, ids: np.savez(path, indices=ids)], ids=["npy", "npz"])
def test_any_scene_can_be_cut_by_a_file_of_ids(run, scene, scene_file, save):
    ids = np.random.default_rng(3).integers(-1, 9, len(scene)) * 1000 - 1
    ids[ids < 0] = -1  # gaps, and some without a cell
    save("cells", ids)
    grid = next(name for name in ("cells.npy", "cells.npz") if os.path.exists(name))
    done = run("resample", scene_file, "one.ply", "--method", "single", "--grid", grid, "--index", "rows.npy")
    assert done.exit_code == 0, done.stderr
    assert f"as {grid} says" in done.stderr
    assert sorted(ids[np.load("rows.npy")]) == sorted(set(ids[ids >= 0]))
    assert run("verify", scene_file, "one.ply", "--grid", grid).exit_code == 0


def test_grids_that_do_not_fit_are_refused_in_one_line(run, scene_file):
    np.save("short.npy", np.arange(3))
    np.savez("features.npz", compressed=np.zeros((3, 8)))
    resample = ("resample", scene_file, "x.ply", "--grid")
    failed(run(*resample, "short.npy"), 3, "short.npy", "3 ids for 500 points")
    failed(run(*resample, "features.npz"), 3, "features.npz", "indices")
    failed(run(*resample, "missing.npz"), 3, "missing.npz", "no such")
    failed(run(*resample, "scene.ply"), 3, "scene.ply")


def test_folders_are_replaced_only_with_leave_and_only_scene_folders(run, folder):
    assert run("resample", folder, "half").exit_code == 0
    before = np.load("half/coord.npy")
    failed(run("resample", folder, "half", "--seed", "1"), 4, "half", "--overwrite")
    assert np.array_equal(np.load("half/coord.npy"), before)
    Path("half/diary.txt").write_text("precious")
    failed(run("resample", folder, "half", "--seed", "1", "--overwrite"), 4, "half", "diary.txt")
    assert np.array_equal(np.load("half/coord.npy"), before)
    os.remove("half/diary.txt")
    np.save("half/old.npy", before)
    assert run("resample", folder, "half", "--seed", "1", "--overwrite").exit_code == 0
    assert not np.array_equal(np.load("half/coord.npy"), before)
    assert not os.path.exists("half/old.npy")

    os.mkdir("diary")
    Path("diary/today.txt").write_text("precious")
    failed(run("resample", folder, "diary", "--overwrite"), 4, "diary", "no scene folder")
    assert os.listdir("diary") == ["today.txt"]
    Path("file").write_text("precious")
    failed(run("resample", folder, "file/", "--overwrite"), 4, "is a file")
    failed(run("resample", folder, "file/half/"), 1, "file is a file")
    assert [name for name in os.listdir() if "gscli-tmp" in name] == []


def test_a_folder_may_replace_itself(run, folder):
    rows = len(np.load(folder / "coord.npy"))
    assert run("resample", folder, folder, "--overwrite").exit_code == 0
    assert 0 < len(np.load(folder / "coord.npy")) < rows
    assert np.load(folder / "segment.npy").shape == np.load(folder / "coord.npy").shape[:1]


def test_several_draws_of_a_folder_are_folders(run, folder):
    done = run("resample", folder, "--out-dir", "views", "--repeat", "2", "--index", "rows")
    assert done.exit_code == 0, done.stderr
    names = ["scene0000_00.half-density.e0", "scene0000_00.half-density.e1"]
    assert sorted(os.listdir("views")) == names
    assert sorted(os.listdir("rows")) == [f"{name}.npy" for name in names]
    for name in names:
        rows = np.load(f"rows/{name}.npy")
        assert np.array_equal(np.load(f"views/{name}/coord.npy"), np.load(folder / "coord.npy")[rows])


def test_what_ply_cannot_hold_of_a_folder_is_named(run, folder):
    failed(run("convert", folder, "x.ply"), 4, "lang_feat", "lang_feat_grid_svd_r16.npz", "--allow-lossy")
    assert run("convert", folder, "x.ply", "--allow-lossy").exit_code == 0
    assert run("convert", "x.ply", "deep/er/scene/", "--allow-lossy").exit_code == 0
    assert np.array_equal(np.load("deep/er/scene/coord.npy"), np.load(folder / "coord.npy"))
    assert np.array_equal(np.load("deep/er/scene/color.npy"), np.load(folder / "color.npy"))


def test_distances_have_no_place_in_a_folder(run, folder):
    failed(run("compare", folder, folder, "--distances", "out/"), 2, "scene folder", "end it in .ply")
    assert run("compare", folder, folder, "--distances", "out.ply", "--allow-lossy").exit_code == 0
    assert "distance" in gscli.read("out.ply").fields
    assert not os.path.exists("out")


def test_coprune_keeps_folders_folders(run, folder):
    gscli.write("other.ply", gscli.read(folder).take(np.arange(50)), allow_lossy=True)
    options = ("--threshold", "1e-6", "--min-points", "1", "--out-dir", "pruned")
    done = run("coprune", folder, "other.ply", *options)
    assert done.exit_code == 0, done.stderr
    assert sorted(os.listdir("pruned")) == ["other.coprune.ply", "scene0000_00.coprune"]
    assert len(np.load("pruned/scene0000_00.coprune/lang_feat.npy")) == np.count_nonzero(
        np.load(folder / "valid_feat_mask.npy")[:50]
    )
