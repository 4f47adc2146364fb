"""A scene that is cut in tiles is thinned as it is in one piece: to the byte, and within its limit."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gscli
from gscli.cloud import GaussianCloud
from gscli.errors import GscliError, InputError, UsageError
from gscli.grids import budget
from gscli.grids.budget import Budget
from gscli.grids.methods import method
from gscli.grids.picking import PICKS
from gscli.grids.tiled_grid import TiledGrid
from gscli.grids.voxel_grid import VoxelGrid
from gscli.report import resample as report
from gscli.resample import resample

COLUMNS = [*"xyz", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
TIGHT = Budget(1_000_000, 400_000)  # 1,801 points a tile at most, 5,555 if they are one cell
ROOMY = Budget(2_000_000, 1_500_000)  # 6,756, and 20,833


def cloud_at(xyz, kind="<f4"):
    rng = np.random.default_rng(6)
    rows = np.zeros(len(xyz), [*((name, kind) for name in "xyz"), *((name, "<f4") for name in COLUMNS[3:])])
    for axis, name in enumerate("xyz"):
        rows[name] = np.asarray(xyz)[:, axis]
    for name in COLUMNS[3:]:
        rows[name] = np.round(rng.normal(size=len(xyz)) * 3, 1)  # rounded: ties in every pick
    return GaussianCloud(rows)


def clustered(n=20_000, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)) * (2, 2, 0.3) + rng.integers(0, 3, (n, 1)) * 7 - 5


def flyaways():
    xyz = clustered()
    xyz[::1000] *= 10.0 ** np.random.default_rng(1).uniform(1, 7, (20, 1))
    return xyz


def duplicated():
    return np.repeat(clustered(500), np.random.default_rng(2).integers(1, 80, 500), axis=0)


def crowded():
    """A crowd of a third in one cell, beyond what a tile usually holds."""
    xyz = clustered(9000)
    xyz[::3] = 0.25
    return xyz


SCENES = {
    "clustered": clustered,
    "flyaways": flyaways,
    "duplicated": duplicated,
    "crowded": crowded,
    "scattered": lambda: np.random.default_rng(3).standard_cauchy((5000, 3)) * 1e6,
    "alone": lambda: clustered(1),
    "empty": lambda: clustered(0),
    "in one place": lambda: np.full((3000, 3), 7.25),
}


def assert_alike(tiled, whole, how, keys=None):
    seeds = {"seed": 3, "epoch": 1}
    ours, theirs = tiled.draw(how, **seeds), whole.draw(how, keys=keys, **seeds)
    assert np.flatnonzero(ours.rows).tolist() == theirs.rows.tolist()
    assert (len(ours), ours.forced_cells) == (len(theirs), theirs.forced_cells)


def figures(grid):
    sizes, cells = grid.sizes()
    return grid.rows, grid.points, len(grid), grid.voxel_size, grid.origin, grid.why, [*sizes], [*cells]


@pytest.mark.parametrize("pick", PICKS)
def test_every_method_draws_the_same_rows(tmp_path, pick):
    cloud = cloud_at(clustered())
    whole = VoxelGrid.from_points(cloud.xyz)
    keys = whole.pick_keys(cloud, pick)
    tiled = TiledGrid.from_cloud(cloud, TIGHT, tmp_path, pick=PICKS[pick])
    assert tiled.tiles > 10
    for how in (
        method("half-density", pick=pick),
        method("half-density", ratio=(0.5, 0.5), pick=pick),
        method("half-density", min_per_cell=0, pick=pick),
        method("half-density", target="12.5%", pick=pick),
        method("half-density", target=777, pick=pick),
        method("half-density", target=0, pick=pick),
        method("half-density", target="100%", pick=pick),
        method("one-per-grid", pick=pick),
        method("one-per-grid", target=555, pick=pick),
        method("k-per-grid", k=3, pick=pick),
        method("k-per-grid", target="40%", pick=pick),
    ):
        assert_alike(tiled, whole, how, keys)
    tiled.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize(
    "shape",
    [
        {},
        {"points_per_cell": 2.0, "origin": (0.1, -3.0, 2.0)},
        {"points_per_cell": 1e9},  # one cell or two
        {"origin": "min"},
        {"voxel_size": 0.03},
        {"voxel_size": 0.8, "origin": "min"},
    ],
    ids=str,
)
def test_any_scene_is_cut_into_the_same_cells(tmp_path, scene, shape):
    for kind in ("<f4", "<f8"):
        cloud = cloud_at(SCENES[scene](), kind)
        whole = VoxelGrid.from_points(cloud.xyz, **shape)
        room = ROOMY if shape.get("points_per_cell") == 1e9 else TIGHT
        tiled = TiledGrid.from_cloud(cloud, room, tmp_path, **shape)
        assert figures(tiled) == figures(whole)
        for how in (method("half-density"), method("half-density", target="40%"), method("one-per-grid")):
            assert_alike(tiled, whole, how)
        tiled.close()


@pytest.mark.parametrize("name", ["half-density", "one-per-grid", "k-per-grid"])
def test_cells_of_one_point_each_share_a_total_by_chance(tmp_path, name):
    cloud = cloud_at(np.random.default_rng(0).permutation(4000)[:, None] * np.ones(3))
    tiled = TiledGrid.from_cloud(cloud, TIGHT, tmp_path, voxel_size=0.5)
    one, two = (tiled.draw(method(name, target=1000), seed=seed, epoch=0).rows for seed in (1, 2))
    tiled.close()
    assert np.count_nonzero(one) == np.count_nonzero(two) == 1000
    assert np.count_nonzero(one & two) == pytest.approx(250, abs=60)


def test_a_lattice_for_a_number_of_cells_is_the_same_in_tiles(tmp_path):
    cloud = cloud_at(clustered())
    tiled = TiledGrid.from_cloud(cloud, TIGHT, tmp_path, cells="10%")
    whole = VoxelGrid.from_points(cloud.xyz, cells=len(cloud) // 10)
    tiled.close()
    assert (tiled.voxel_size, tiled.why) == (whole.voxel_size, whole.why)
    assert whole.why == f"the round size nearest to {len(cloud) // 10:,} cells"
    assert len(whole) == pytest.approx(len(cloud) // 10, rel=0.15)


def test_positions_that_are_not_finite_are_refused_alike_or_left_out(tmp_path):
    xyz = clustered()
    xyz[[17, 300, 19_999], [0, 1, 2]] = np.nan, np.inf, -np.inf
    cloud = cloud_at(xyz)
    with pytest.raises(InputError) as ours:
        TiledGrid.from_cloud(cloud, TIGHT, tmp_path)
    with pytest.raises(InputError) as theirs:
        VoxelGrid.from_points(cloud.xyz)
    assert str(ours.value) == str(theirs.value)
    whole = VoxelGrid.from_points(cloud.xyz, drop_invalid=True)
    for pick in PICKS:
        tiled = TiledGrid.from_cloud(cloud, TIGHT, tmp_path, pick=PICKS[pick], drop_invalid=True)
        assert figures(tiled) == figures(whole)
        assert_alike(
            tiled, whole, method("half-density", target="30%", pick=pick), whole.pick_keys(cloud, pick)
        )
        tiled.close()


def test_a_cell_with_no_room_is_refused_with_what_it_needs(tmp_path):
    cloud = cloud_at(np.full((9000, 3), 7.25))
    with pytest.raises(UsageError, match=r"too little for a cell of 9,000 points; give at least 2MB"):
        TiledGrid.from_cloud(cloud, TIGHT, tmp_path, voxel_size=1.0)
    TiledGrid.from_cloud(cloud, Budget(2_000_000, 1_400_000), tmp_path, voxel_size=1.0).close()


def test_a_full_disk_is_one_line_that_names_the_folder(tmp_path):
    missing = tmp_path / "gone"
    with pytest.raises(GscliError, match="cannot keep temporary data there") as error:
        TiledGrid.from_cloud(cloud_at(clustered(10)), TIGHT, missing)
    assert error.value.path == str(missing)


# From here on files and limits as users have them; two threads, because each adds to what is needed.
POINTS = 260_000


@pytest.fixture
def two_threads(monkeypatch):
    monkeypatch.setenv("GSCLI_THREADS", "2")


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """260,000 points: enough for several tiles under the least limit that there can be."""
    path = tmp_path_factory.mktemp("tiles") / "scene.ply"
    xyz = clustered(POINTS)
    xyz[5] = 3e4
    gscli.write(path, cloud_at(xyz))
    return path


def least(points):
    """The smallest limit in bytes that a scene of so many points is not refused with."""
    with pytest.raises(UsageError) as error:
        budget.for_tiles(1, points)
    return int(re.search(r"at least (\d+)MB", str(error.value))[1]) * 10**6


def comparable(result):
    """The report without what a limit and another run change."""
    content = result.to_dict()
    tiles = content["grid"].pop("tiles")
    content["options"].pop("memory_limit")
    content.pop("timings_s")
    for output in content["outputs"]:
        output["path"], output["index"] = (output[k] and Path(output[k]).name for k in ("path", "index"))
    return content, tiles


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"method": "one-per-grid", "seed": 7, "voxel_size": 0.2},
        {"method": "k-per-grid", "k": 2, "pick": "opacity"},
        {"target": "25%", "pick": "importance", "origin": "min"},
        {"pick": "center", "ratio": (0.2, 0.2), "min_per_cell": 0},
        {"method": "dense", "points_per_cell": 100.0},
        {"target": "10%", "compensate": "opacity"},
    ],
    ids=str,
)
def test_a_limit_changes_no_byte_and_no_figure(scene, tmp_path, two_threads, settings):
    done = {}
    tight = least(POINTS) + budget.WEIGHT_BYTES * POINTS * ("compensate" in settings)
    for name, limit in (("whole", None), ("tiled", tight)):
        folder = tmp_path / name
        folder.mkdir()
        result = resample(scene, folder / "o.ply", index=folder / "i.npy", memory_limit=limit, **settings)
        content, tiles = comparable(result)
        assert (tiles or 0) > 4 or limit is None
        done[name] = content, *((folder / file).read_bytes() for file in ("o.ply", "i.npy"))
        assert sorted(os.listdir(folder)) == ["i.npy", "o.ply"]
    assert done["whole"] == done["tiled"]


def test_many_draws_from_tiles_are_those_from_one_piece(scene, tmp_path, two_threads):
    done = []
    for name, limit in (("whole", None), ("tiled", least(POINTS))):
        result = resample(
            scene,
            out_dir=tmp_path / name / "views",
            index=tmp_path / name / "rows",
            method=["half-density", "dense", "one-per-grid"],
            repeat=2,
            memory_limit=limit,
        )
        files = sorted((tmp_path / name).rglob("*.*"))
        done.append((comparable(result)[0], [(file.name, file.read_bytes()) for file in files]))
    assert len(done[0][1]) == 10
    assert done[0] == done[1]


def test_a_note_on_coarse_positions_is_the_same(tmp_path, two_threads):
    gscli.write(tmp_path / "far.ply", cloud_at(clustered(POINTS) + 5e5))
    notes = []
    for limit in (None, least(POINTS)):
        result = resample(tmp_path / "far.ply", tmp_path / f"{limit}.ply", voxel_size=0.1, memory_limit=limit)
        notes.append(result.notes)
    assert notes[0] == notes[1]
    assert "float32" in notes[0][0]


def test_what_fits_is_done_in_one_piece_and_said_so(scene, tmp_path):
    from gscli.grids.cache import GridCache

    result = resample(scene, tmp_path / "o.ply", memory_limit="1GB", cache=GridCache(tmp_path / "cache"))
    assert result.to_dict()["grid"]["tiles"] is None
    assert result.cache == "miss"
    assert result.options["memory_limit"] == 10**9
    assert "memory   at most 1,000 MB: in one piece" in report.summary(result, verbose=True)


def test_tiles_are_told_and_not_cached(scene, tmp_path, two_threads):
    from gscli.grids.cache import GridCache

    limit = least(POINTS)
    result = resample(scene, tmp_path / "o.ply", memory_limit=limit, cache=GridCache(tmp_path / "cache"))
    assert result.cache == "off"
    assert not (tmp_path / "cache").exists()
    document = result.to_dict()
    assert document["options"]["memory_limit"] == limit
    said = f"memory   at most {limit // 10**6} MB: in {document['grid']['tiles']} tiles"
    assert said in report.summary(result, verbose=True)


def test_too_low_a_limit_is_refused_with_one_that_does(scene, tmp_path, two_threads):
    with pytest.raises(
        UsageError, match=r"scene\.ply: memory_limit 5MB is too little for a scene of 260,000"
    ):
        resample(scene, tmp_path / "o.ply", memory_limit=5_000_000)
    assert list(tmp_path.iterdir()) == []
    resample(scene, tmp_path / "o.ply", memory_limit=least(POINTS))


@pytest.mark.parametrize(
    "limits, words",
    [
        ({"device": "torch-cpu"}, "no effect with device='torch-cpu'"),
        ({"grid_file": "ids.npy"}, "a grid file, which are not cut into tiles"),
        ({"target": "o.csv"}, "made in memory"),
        ({"source": "text.ply"}, "unpacked in memory"),
    ],
    ids=str,
)
def test_what_cannot_be_cut_into_tiles_is_refused(scene, tmp_path, monkeypatch, two_threads, limits, words):
    monkeypatch.chdir(tmp_path)
    limits = {"source": scene, "target": "o.ply", **limits}
    if "grid_file" in limits:
        np.save("ids.npy", np.arange(POINTS) // 20)
    if limits["source"] == "text.ply":
        lines = "".join(f"{i} 0 0\n" for i in range(POINTS))
        head = f"ply\nformat ascii 1.0\nelement vertex {POINTS}\n"
        Path("text.ply").write_text(
            head + "".join(f"property float {n}\n" for n in "xyz") + "end_header\n" + lines
        )
    with pytest.raises(UsageError, match=words) as error:
        resample(limits.pop("source"), limits.pop("target"), memory_limit=least(POINTS), **limits)
    assert not list(tmp_path.glob("o.*"))
    if "grid_file" in limits:  # and the limit that the message names will do
        limit = int(re.search(r"at least (\d+)MB", str(error.value))[1]) * 10**6
        resample(scene, "o.ply", grid_file="ids.npy", memory_limit=limit)


# The command as a process.


@pytest.fixture
def run(tmp_path, two_threads):
    """Run gscli in a folder of its own, after some lines of Python and of shell."""
    folder = tmp_path / "work"
    folder.mkdir()
    env = {**os.environ, "GSCLI_CACHE_DIR": str(tmp_path / "cache"), "TMPDIR": str(tmp_path)}
    env["PYTHONPATH"] = os.pathsep.join([str(path) for path in sys.path if path])

    def start(*args, python="", shell=""):
        code = f"{python}\nfrom gscli.cli import run\nrun()"
        command = ["bash", "-c", f'{shell}\nexec "$@"', "-", sys.executable, "-c", code, *map(str, args)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(command, cwd=folder, env=env, **pipes)

    start.folder = folder
    return start


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_process_stays_within_its_limit(run):
    count = 2_000_000
    rows = np.zeros(count, [(name, "<f4") for name in "xyz"])
    for name in "xyz":
        rows[name] = np.random.default_rng(ord(name)).normal(size=count)
    gscli.write(run.folder / "large.ply", GaussianCloud(rows))
    python = """
import atexit, re
from pathlib import Path
status = Path("/proc/self/status").read_text
atexit.register(lambda: print(re.search(r"VmHWM:\\s+(\\d+)", status())[1]))
"""
    limit, peaks, made = least(count), [], set()
    for options in ([], ["--memory-limit", f"{limit}B"]):
        args = ("resample", "large.ply", "o.ply", "--overwrite", "--no-cache", "--quiet", *options)
        out, said = run(*args, python=python).communicate(timeout=120)
        assert said == b""
        peaks.append(int(out) * 1024)
        made.add((run.folder / "o.ply").read_bytes())
    assert peaks[1] <= limit < peaks[0]
    assert len(made) == 1


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_killed_process_leaves_no_temporary_data(run, scene):
    """Killed between two tiles, when most is on disk."""
    python = """
import time
from gscli.grids.tiled_grid import TiledGrid
add = TiledGrid._add
def slowly(*args, **options):
    add(*args, **options)
    print(".", flush=True)
    time.sleep(30)
TiledGrid._add = slowly
"""
    process = run("resample", scene, "o.ply", "--memory-limit", least(POINTS), python=python)
    assert process.stdout.read(1) == b"."
    held = [os.readlink(f"/proc/{process.pid}/fd/{fd}") for fd in os.listdir(f"/proc/{process.pid}/fd")]
    assert [path for path in held if path.startswith(str(run.folder)) and path.endswith("(deleted)")]
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    assert list(run.folder.iterdir()) == []


def test_a_disk_without_room_for_the_tiles_is_one_line(run, scene):
    """A limit on file sizes fails writes as a full disk does."""
    process = run("resample", scene, "o.ply", "--memory-limit", least(POINTS), shell="ulimit -f 1000")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said.decode().startswith(f"gscli: error: {run.folder}: cannot keep temporary data there (")
    assert said.count(b"\n") == 1
    assert list(run.folder.iterdir()) == []


def test_stdin_and_stdout_are_streamed_too(run, scene):
    run("resample", scene, "o.ply", "--quiet").communicate(timeout=60)
    process = run("resample", "-", "-", "--memory-limit", least(POINTS), "--quiet", shell=f"exec < {scene}")
    out, said = process.communicate(timeout=60)
    assert said == b""
    assert out == (run.folder / "o.ply").read_bytes()


def test_a_batch_takes_a_limit_for_each_scene(run, scene):
    limit = f"{least(POINTS) // 10**6}MB"
    process = run("batch", "resample", scene, "--out-dir", "out", "--memory-limit", limit, "--json-lines")
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    (done,) = (run.folder / "out" / "done").iterdir()
    assert re.search(r'"tiles": \d+', done.read_text())
    assert json.loads(out.splitlines()[0])


def test_the_lowest_corner_is_one_whatever_the_sign_of_zero(tmp_path):
    xyz = np.random.default_rng(3).random((POINTS, 3)).astype("f4")
    xyz[::1000], xyz[500::1000] = 0.0, -0.0
    whole = VoxelGrid.from_points(xyz, origin="min", voxel_size=0.1)
    tiled = TiledGrid.from_cloud(cloud_at(xyz), TIGHT, tmp_path, origin="min", voxel_size=0.1)
    assert repr(tiled.origin) == repr(whole.origin) == "(0.0, 0.0, 0.0)"
    tiled.close()
