"""A comparison within a limit: the numbers of an unlimited one, in the memory that was allowed."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gscli import fields, formats, scene
from gscli.cloud import GaussianCloud
from gscli.compare import Compared, compare
from gscli.comparing import budget
from gscli.errors import GscliError, UsageError
from gscli.report.compare import summary

ROOT = Path(__file__).parents[2]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts neither Python nor threads, and cuts into smaller pieces than is worth while."""
    for name, value in (("BASE", 0), ("THREAD", 0), ("LEAST", 50)):
        monkeypatch.setattr(budget, name, value)


@pytest.fixture
def two(make_scene: Any) -> tuple[GaussianCloud, GaussianCloud]:
    a, b = make_scene(1500, seed=0), make_scene(1200, seed=1)
    for axis in fields.POSITION:
        b.rows[axis] = a.rows[axis][:1200] + np.random.default_rng(2).normal(0, 0.05, 1200)
    b.rows["opacity"][::50] = np.nan
    return a, b


def lowest(a: GaussianCloud, b: GaussianCloud, **settings: Any) -> int:
    """The limit that a refusal asks for; bytes, where it says megabytes."""
    moved = settings.get("transform") is not None
    listed = settings.get("pair", "").startswith("index")
    sampled = settings.get("max_queries")
    limit = 1
    while True:
        try:
            budget.pieces(limit, (a, b), moved=moved, listed=listed, sampled=sampled)
        except UsageError:
            limit += 1 + limit // 100
        else:
            return limit


def numbers(result: Compared) -> dict[str, Any]:
    found = result.to_dict()
    for name in ("engine", "tiling", "timings_s"):
        del found[name]
    found["options"] = {k: v for k, v in found["options"].items() if k != "memory_limit"}
    return found


def shifted() -> np.ndarray[Any, Any]:
    matrix = np.eye(4)
    matrix[:3, 3] = 0.01, 0.02, -0.01
    return matrix


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"threshold": ["1spacing", 0.3]},
        {"gaussians": False},
        {"max_queries": 400, "seed": 7},
        {"pair": "index:{rows}"},
        {"transform": shifted()},
    ],
    ids=lambda settings: ",".join(settings) or "plain",
)
def test_a_limit_changes_no_number(
    two: tuple[GaussianCloud, GaussianCloud], settings: dict[str, Any], tmp_path: Path
) -> None:
    a, b = two
    rows = np.random.default_rng(0).permutation(1500)[:1200]
    np.save(tmp_path / "rows.npy", rows)
    settings = {
        k: str(v).format(rows=tmp_path / "rows.npy") if k == "pair" else v for k, v in settings.items()
    }
    for source, target in ((a, b), (b, a)):
        limit = lowest(source, target, **settings)
        whole = compare(source, target, **settings)
        cut = compare(source, target, memory_limit=limit, **settings)
        assert numbers(cut) == numbers(whole)
        assert cut.centers.tiling is not None
        assert min(cut.centers.tiling.tiles) > 4
        assert any(line.startswith("tiles") for line in summary(cut))


@pytest.mark.usefixtures("small")
def test_rows_are_paired_in_windows_too(two: tuple[GaussianCloud, GaussianCloud]) -> None:
    a, b = two[0].take(np.arange(1200)), two[1]
    whole = compare(a, b, pair="rows")
    cut = compare(a, b, pair="rows", memory_limit=lowest(a, b))
    assert numbers(cut) == numbers(whole)


def test_what_fits_is_not_cut(two: tuple[GaussianCloud, GaussianCloud]) -> None:
    whole, roomy = compare(*two), compare(*two, memory_limit="1GiB")
    assert roomy.centers.tiling is None
    assert numbers(roomy) == numbers(whole)
    assert roomy.to_dict()["options"]["memory_limit"] == 1 << 30
    assert roomy.to_dict()["tiling"] is None


def test_a_limit_that_is_too_low_is_refused_with_one_that_is_not(tmp_path: Path) -> None:
    rows = np.zeros(3_000_000, [(axis, "<f4") for axis in "xyz"])
    cloud = GaussianCloud(rows)
    with pytest.raises(
        UsageError, match=r"10MB is too little for 3,000,000 and 3,000,000 points; give at least"
    ):
        budget.pieces(10**7, (cloud, cloud))
    with pytest.raises(UsageError) as refusal:
        budget.pieces(10**7, (cloud, cloud))
    enough = int(str(refusal.value).rsplit(" ", 1)[1].removesuffix("MB")) * 10**6
    found = budget.pieces(enough, (cloud, cloud))
    assert found is not None
    assert found.tile >= budget.LEAST
    with pytest.raises(UsageError):
        budget.pieces(enough - 10**6, (cloud, cloud))
    path = tmp_path / "mapped.ply"
    formats.write(path, cloud)
    mapped = formats.read(path)
    assert (cloud.held, mapped.held) == (36_000_000, 0)
    assert budget.pieces(enough - 72_000_000, (mapped, mapped)) is not None


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"engine": "brute"}, "needs the kdtree engine on the CPU"),
        ({"engine": "faiss"}, "needs the kdtree engine on the CPU"),
        ({"device": "torch-cpu"}, "needs the kdtree engine on the CPU"),
        ({"distances": "d.npz"}, "writes distances as .ply"),
        ({"memory_limit": 0}, "0MB is too little"),
        ({"memory_limit": "10kB"}, "0MB is too little"),
        ({"memory_limit": "much"}, "^memory_limit 'much' is no size such as 512MB"),
    ],
)
def test_what_a_limit_cannot_be_kept_with_is_refused(
    settings: dict[str, Any], words: str, tmp_path: Path, scene_file: Path
) -> None:
    if "device" in settings:
        pytest.importorskip("torch", reason="torch is an extra")
    if "distances" in settings:
        settings = {"distances": tmp_path / settings["distances"]}
    with pytest.raises(UsageError, match=words):
        compare(scene_file, scene_file, **{"memory_limit": 10**9, **settings})


@pytest.mark.usefixtures("small")
def test_a_full_disk_is_an_error_of_one_line(
    two: tuple[GaussianCloud, GaussianCloud], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: Full(bytes(1 << 24)))
    with pytest.raises(GscliError, match=r"temporary data in \S+ \(No space left on device\).*TMPDIR"):
        compare(*two, memory_limit=lowest(*two))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_process_stays_within_its_limit(tmp_path: Path) -> None:
    for seed, name in enumerate(("a.ply", "b.ply")):
        scene.write(tmp_path / name, 700_000, sh_degree=0, seed=seed)
    script = """
import json, re, sys
from gscli.cli import main
main(["compare", "a.ply", "b.ply", "-q", "--report", *sys.argv[1:]], standalone_mode=False)
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "GSCLI_THREADS": "2"}

    def run(*words: str) -> tuple[int, dict[str, Any]]:
        """Peak bytes, and the report."""
        done = subprocess.run(
            [sys.executable, "-c", script, *words], cwd=tmp_path, env=env, check=True, capture_output=True
        )
        return 1024 * int(done.stdout), json.loads((tmp_path / words[0]).read_text())

    limit = 130_000_000
    peak, whole = run("whole.json")
    limited, cut = run("cut.json", "--memory-limit", "130MB")
    assert limited < limit < peak
    assert min(cut["tiling"]["tiles"]) > 1
    for name in ("engine", "options", "timings_s", "tiling"):
        del whole[name], cut[name]
    assert cut == whole
