"""`gscli compare` and `gscli coprune`: streams, exit codes, files; a process where it is handed streams."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

import gscli
from gscli import neighbors
from gscli.cloud import GaussianCloud
from tests.cli.called import called
from tests.cli.refusals import of_a_process as failed

GSCLI = [sys.executable, "-m", "gscli"]


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(str(p) for p in sys.path if p)}

    def call(*args, **options):
        if not options:
            return called(*args)
        options = {"cwd": tmp_path, "env": env, "capture_output": True, "timeout": 120, **options}
        return subprocess.run([*GSCLI, *args], **options)

    call.folder, call.env = tmp_path, env
    return call


@pytest.fixture
def two(run, make_scene):
    a = make_scene(800, seed=0)
    gscli.write(run.folder / "a.ply", a)
    rows = np.sort(np.random.default_rng(0).permutation(800)[:500])
    np.save(run.folder / "half.npy", rows)
    gscli.write(run.folder / "b.ply", a.take(rows))


def points(*xyz):
    rows = np.zeros(len(xyz), [("x", "<f8"), ("y", "<f8"), ("z", "<f8")])
    for axis, name in enumerate("xyz"):
        rows[name] = [p[axis] for p in xyz]
    return GaussianCloud(rows)


def nulls_and_numbers(tree):
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, list):
        return [leaf for part in tree for leaf in nulls_and_numbers(part)]
    return [tree]


def test_the_table_says_what_is_judged_by_what_and_why(run, two):
    result = run("compare", "a.ply", "b.ply")
    assert result.returncode == 0
    assert result.stderr == b""
    said = result.stdout.decode()
    for part in (
        "a.ply: 800 points",
        "(judged)",
        "b.ply: 500 points",
        "(the reference)",
        "2 x the target's spacing",
        "Chamfer",
        "Hausdorff",
        "F-score",
        "open3d",
        "corgs",
        "coprune",
        "Wasserstein-2",
        "do not judge appearance",
        "took",
    ):
        assert part in said


def test_the_json_has_every_number(run, two):
    result = run("compare", "a.ply", "b.ply", "--threshold", "0.05", "-t", "1spacing", "--json")
    found = json.loads(result.stdout)
    assert found["schema"] == "gscli/compare/1"
    assert list(found["source"]) == ["path", "format", "points", "spacing", "bytes"]
    assert found["source"]["bytes"] == (run.folder / "a.ply").stat().st_size
    assert found["thresholds"] == [0.05, found["target"]["spacing"]]
    for side in ("source_to_target", "target_to_source"):
        assert {"mean", "rms", "median", "p95", "p99", "max", "at"} <= set(found[side])
        assert list(found[side]["at"][1]) == ["threshold", "matched", "fitness", "inlier_rmse"]
    assert found["target_to_source"]["max"] == 0
    assert {"chamfer", "hausdorff", "at"} <= set(found["symmetric"])
    assert list(found["symmetric"]["at"][0]) == ["threshold", "precision", "recall", "fscore"]
    for name in ("open3d", "corgs", "coprune"):
        assert list(found["conventions"][name]["at"][1]) == ["threshold", "fitness", "rmse"]
    assert found["pairing"]["kind"] == "nearest"
    assert {"w2", "opacity", "log_scale", "color"} <= set(found["gaussians"])
    assert set(found["weighted"]) == {"source_to_target", "target_to_source", "chamfer"}
    assert found["mass"]["count"] == 1.6
    assert found["gates"] == []
    assert {"name", "proven", "fallback"} <= set(found["engine"])
    assert {"read", "search", "metrics", "gaussians"} <= set(found["timings_s"])
    assert found["version"] == gscli.__version__


def test_numbers_that_do_not_exist_are_null(run):
    gscli.write(run.folder / "a.ply", points((0, 0, 0)))
    gscli.write(run.folder / "b.ply", points((5, 0, 0), (5, 0, 0)))
    result = run("compare", "a.ply", "b.ply", "-t", "1", "--json")
    assert result.returncode == 0
    assert b"NaN" not in result.stdout
    assert b"Infinity" not in result.stdout
    found = json.loads(result.stdout)
    assert found["source"]["spacing"] is found["target"]["spacing"] is found["gaussians"] is None
    assert found["conventions"]["corgs"]["at"][0]["rmse"] is None
    assert found["conventions"]["open3d"]["at"][0]["rmse"] == 0


def test_limits_are_a_gate(run, two):
    good = run("compare", "b.ply", "a.ply", "--min-fitness", "1", "--max-rmse", "0", "-q")
    assert (good.returncode, good.stdout, good.stderr) == (0, b"", b"")
    failed(
        run("compare", "a.ply", "b.ply", "--min-fitness", "0.999", "-q"), 6, "fitness is 0.", "not >= 0.999"
    )
    missed = run("compare", "a.ply", "b.ply", "--require", "gaussians.w2.p95 <= 1e-9", "--json")
    assert missed.returncode == 6
    (gate,) = json.loads(missed.stdout)["gates"]
    assert (gate["metric"], gate["comparison"], gate["limit"]) == ("gaussians.w2.p95", "<=", 1e-9)
    assert gate["value"] > 1e-9
    assert gate["passed"] is False
    assert run("compare", "a.ply", "b.ply", "--min-fitness", "0.1%", "-q").returncode == 0
    failed(
        run("compare", "a.ply", "b.ply", "--min-fitness", "95"), 2, "between 0 and 1, not 95; 95 % is 0.95"
    )


def test_a_path_that_leads_nowhere_is_refused_before_anything_is_read(run):
    failed(run("compare", "missing.ply", "missing.ply", "--require", "symetric.chamfer < 1"), 2, "symmetric?")


def test_every_number_of_the_json_can_be_required(run, two):
    found = json.loads(run("compare", "a.ply", "b.ply", "--max-queries", "300", "--json").stdout)

    def paths(tree, path):
        if isinstance(tree, (dict, list)):
            items = tree.items() if isinstance(tree, dict) else enumerate(tree)
            return [p for key, part in items for p in paths(part, f"{path}.{key}".lstrip("."))]
        return [path] if isinstance(tree, (int, float)) else []

    parts = {key: found[key] for key in found if key not in ("engine", "options", "timings_s", "gates")}
    required = [word for path in paths(parts, "") for word in ("--require", f"{path} > -1")]
    assert len(required) > 100
    result = run("compare", "a.ply", "b.ply", "--max-queries", "300", "--json", *required)
    assert result.returncode == 0, result.stderr
    assert [gate["value"] for gate in json.loads(result.stdout)["gates"]].count(None) == 0


def test_rmse_without_a_match_misses_its_limit(run):
    gscli.write(run.folder / "a.ply", points((0, 0, 0)))
    gscli.write(run.folder / "b.ply", points((5, 0, 0)))
    failed(run("compare", "a.ply", "b.ply", "-t", "1", "--max-rmse", "9", "-q"), 6, "inlier_rmse is missing")


def test_rows_known_to_correspond(run, two):
    found = json.loads(run("compare", "a.ply", "b.ply", "--pair", "index:half.npy", "--json").stdout)
    assert found["pairing"] == {"kind": "index", "path": "half.npy", "pairs": 500, "thinned": "target"}
    assert found["gaussians"]["w2"]["mean"] == 0


def test_a_pose_is_applied_to_the_source(run, two):
    pose = np.eye(4)
    pose[:3, 3] = 1, 2, 3
    moved = gscli.read(run.folder / "a.ply")
    rows = moved.rows.copy()
    for axis, name in enumerate("xyz"):
        rows[name] += pose[axis, 3]
    gscli.write(run.folder / "moved.ply", GaussianCloud(rows))
    (run.folder / "pose.json").write_text(json.dumps(pose.tolist()))
    result = run("compare", "a.ply", "moved.ply", "--transform", "pose.json", "-t", "0.001", "--json")
    assert json.loads(result.stdout)["source_to_target"]["at"][0]["fitness"] == 1


@pytest.mark.parametrize("entry", [1e200, 1.7e308])
def test_a_pose_that_moves_points_out_of_reach_is_named(run, entry):
    gscli.write(run.folder / "a.ply", points((5, 5, 0), (1, 0, 0)))
    pose = np.diag([1.0, 1.0, 1.0, 1.0])
    pose[0, :2] = entry
    (run.folder / "pose.json").write_text(json.dumps(pose.tolist()))
    result = run("compare", "a.ply", "a.ply", "--transform", "pose.json", "-t", "1")
    failed(result, 3, "a.ply moved by pose.json: 2 of 2", "beyond 1e+150")


def test_distances_are_written_with_the_source(run, two):
    result = run("compare", "a.ply", "b.ply", "--distances", "d.ply", "--report", "r.json", "-q")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")
    a, d = gscli.read(run.folder / "a.ply"), gscli.read(run.folder / "d.ply")
    assert d.fields == (*a.fields, "distance")
    assert d.header.comments[-1].endswith("distance to the nearest point of 'b.ply'")
    found = json.loads((run.folder / "r.json").read_text())
    assert d.rows["distance"].max() == np.float32(found["source_to_target"]["max"])
    piped = run("compare", "a.ply", "b.ply", "--distances", "-", "--colors")
    assert piped.stdout.startswith(b"ply\n")
    assert b"took" in piped.stderr


def test_stdin_is_one_of_the_two(run, two):
    with (run.folder / "a.ply").open("rb") as stream:
        result = run("compare", "-", "b.ply", "--json", stdin=stream)
    assert json.loads(result.stdout)["source"]["path"] == "<stdin>"
    failed(run("compare", "-", "-", stdin=subprocess.DEVNULL), 2, "not both")


@pytest.mark.parametrize(
    "args, words",
    [
        (("--pair", "rows"), "equally many rows, not 800 and 500"),
        (("--pair", "sorted"), "none of nearest, rows, index:FILE"),
        (("--pair", "nearest", "--no-gaussians"), "no effect with --no-gaussians"),
        (("--colors",), "no effect without --distances"),
        (("--allow-lossy",), "no effect without --distances"),
        (("--distances", "d.ply", "--max-queries", "9"), "--max-queries asks only some"),
        (("--threshold", "-1"), "no positive number"),
        (("--require", "mean"), "no limit"),
        (("--require", "maen <= 1"), "no maen there"),
        (("--require", "engine.proven >= 1"), "no engine there; choose from source, target, thresholds"),
        (("--require", "gaussians.w3.p95 <= 1", "--no-gaussians"), "no w3 there"),
        (("--require", "source_to_target.at[1].fitness >= 0"), "no 1 there; choose from 0"),
        (("--engine", "fast"), "no engine 'fast'"),
        (("--max-queries", "0"), "at least 1"),
        (("--seed", "-1"), "between 0 and"),
        (("--report", "x", "--html", "x"), "written twice"),
        (("--distances", "d.doc"), "no suffix"),
        (("--json", "--report", "-"), "stdout can carry one thing"),
    ],
)
def test_options_that_cannot_be_honoured(run, two, args, words):
    failed(run("compare", "a.ply", "b.ply", *args), 2, words)
    assert sorted(p.name for p in run.folder.iterdir()) == ["a.ply", "b.ply", "half.npy"]


def test_no_output_takes_the_place_of_an_input(run, two):
    before = (run.folder / "half.npy").read_bytes()
    for option in ("--report", "--html"):
        args = ("a.ply", "b.ply", "--pair", "index:half.npy", option, "half.npy", "--overwrite")
        failed(run("compare", *args), 2, "half.npy: is an input")
    assert (run.folder / "half.npy").read_bytes() == before


def test_help_names_every_engine(run):
    said = b"".join(run("compare", "--help").stdout.split()).decode()  # wrapped anywhere
    assert f"Howtosearch:{','.join(neighbors.ENGINES.names())}." in said


def test_hard_input_is_answered(run):
    gscli.write(run.folder / "same.ply", points(*[(1, 1, 1)] * 50))
    gscli.write(run.folder / "one.ply", points((1, 1, 1)))
    gscli.write(run.folder / "far.ply", points((1e6, 0, 0), (1e6, 1, 0)))
    grid = [(5e6 + x * 0.25, 5e6 + y * 0.25, 100) for x in range(9) for y in range(9)]
    gscli.write(run.folder / "utm.ply", points(*grid))
    for a, b in (("same", "same"), ("one", "one"), ("same", "far"), ("far", "one"), ("utm", "utm")):
        result = run("compare", f"{a}.ply", f"{b}.ply", "-t", "0.5", "--html", f"{a}-{b}.html", "--json")
        assert result.returncode == 0, result.stderr
        assert (run.folder / f"{a}-{b}.html").stat().st_size > 5000
    found = json.loads(result.stdout)
    assert found["target"]["spacing"] == 0.25
    assert found["symmetric"]["hausdorff"] == 0
    failed(
        run("compare", "far.ply", "same.ply"),
        2,
        "same.ply has no spacing: all its positions are equal",
        "--threshold",
    )
    assert run("compare", "same.ply", "far.ply").returncode == 0


def test_bad_input_is_refused(run):
    gscli.write(run.folder / "good.ply", points((0, 0, 0), (1, 0, 0)))
    gscli.write(run.folder / "empty.ply", points())
    gscli.write(run.folder / "nan.ply", points((0, 0, 0), (np.nan, 0, 0), (0, np.inf, 0)))
    for bad, words in (("empty", "holds no points"), ("nan", "2 of 3 points"), ("missing", "no such file")):
        failed(run("compare", f"{bad}.ply", "good.ply"), 3, f"{bad}.ply", words)
        failed(run("compare", "good.ply", f"{bad}.ply"), 3, f"{bad}.ply", words)
        failed(
            run("coprune", "good.ply", f"{bad}.ply", "-t", "1", "--out-dir", "out"), 3, f"{bad}.ply", words
        )


def test_a_page_says_what_was_typed_and_stands_as_asked_for(run, two):
    done = run("compare", "a.ply", "b.ply", "-q", "--html", "page.html", "--up", "-x", "-t", "0.5")
    assert done.returncode == 0, done.stderr
    page = (run.folder / "page.html").read_text()
    assert "<dd>gscli compare a.ply b.ply -q --html page.html --up -x -t 0.5</dd>" in page
    assert "Up is -x, as asked for" in page
    size = (run.folder / "a.ply").stat().st_size
    assert f"(ply, {size:,} bytes)" in page
    failed(run("compare", "a.ply", "b.ply", "--up", "z"), 2, "--up has no effect without --render")


def test_neither_torch_nor_scipy_is_loaded(run, two):
    args = ["compare", "a.ply", "b.ply", "-q", "--html", "p.html"]
    code = f"import sys; from gscli.cli import main; main({args}, standalone_mode=False); "
    code += "print([m for m in ('torch', 'scipy', 'faiss', 'matplotlib', 'plyfile') if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=run.folder, env=run.env, capture_output=True, timeout=120
    )
    assert result.stdout.decode().strip() == "[]", result.stderr


def test_coprune_from_the_command_line(run, two):
    args = ("coprune", "a.ply", "b.ply", "--threshold", "0.0001", "--out-dir", "out")
    failed(run(*args), 6, "a.ply: would keep 500 of 800 points, fewer than 5,000", "--min-points")
    assert not (run.folder / "out").exists()
    result = run(*args, "--min-points", "400", "--index", "out", "--json")
    found = json.loads(result.stdout)
    assert found["schema"] == "gscli/coprune/1"
    assert (found["first"]["kept"]["points"], found["second"]["kept"]["points"]) == (500, 500)
    assert found["threshold"] == 0.0001
    kept = np.load(run.folder / "out" / "a.coprune.npy")
    assert (kept == np.load(run.folder / "half.npy")).all()
    again = run(*args, "--min-points", "400", "--overwrite")
    assert again.stdout == b""
    assert "500 of 800 points, 62.5%" in again.stderr.decode()


def test_m3c2_is_told_written_and_gated(run):
    rng = np.random.default_rng(0)
    for name, z in (("new.ply", 0.05), ("ref.ply", 0.0)):
        x, y = rng.random((2, 400))
        normals = {"nx": np.zeros(400), "ny": np.zeros(400), "nz": np.ones(400)}
        cloud = GaussianCloud.from_columns(x=x, y=y, z=z + rng.normal(0, 0.01, 400), **normals)
        gscli.write(run.folder / name, cloud)
    words = ("compare", "new.ply", "ref.ply", "--m3c2", "0.2,0.4,0.2", "--m3c2-depth", "0.3")
    words += ("--registration-error", "0.001", "--orientation", "0,0,-1")
    limits = ("--require", "m3c2.mean < -0.04", "--require", "point_to_plane.rms < 0.07")
    done = run(*words, *limits, "--json", "--html", "page.html", "--distances", "moved.ply")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["m3c2"]["significant_share"] == 1
    assert report["options"]["m3c2"]["normal_radii"] == [0.2, 0.4]
    assert "m3c2_lod" in gscli.read(run.folder / "moved.ply").fields
    page = (run.folder / "page.html").read_text("utf-8")
    assert "Distances along normals (M3C2)" in page
    assert "Distances to the plane of the nearest point" in page
    missed = run(*words, "--require", "m3c2.significant == 0")
    assert missed.returncode == 6
    assert b"Distances along normals (M3C2)" in missed.stdout
    refused = run("compare", "new.ply", "ref.ply", "--m3c2-depth", "0.3")
    failed(refused, 2, "--m3c2-depth has no effect without --m3c2; add --m3c2 R,C")
