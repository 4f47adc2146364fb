"""Scenes merged within a limit on memory: the same bytes, or one line that says what it takes."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gscli import formats, lod, scene, simplify
from gscli.cloud import GaussianCloud
from gscli.errors import UsageError
from gscli.kernels import structured
from gscli.simplifying import budget, hierarchy
from tests.drawn import cloud

ROOT = Path(__file__).parents[2]


def least(source: Path, output: Path, **options: Any) -> str:
    """The limit that a refusal names."""
    with pytest.raises(UsageError, match="is too little for") as refused:
        simplify(source, output, memory_limit=1, **options)
    found = re.search(r"give at least (\d+MB)", str(refused.value))
    assert found
    assert not output.exists()
    return found[1]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes of few rows, and nothing that weighs beside them."""
    monkeypatch.setattr(hierarchy, "BOX", 100)
    monkeypatch.setattr(budget, "BOX", 100)
    monkeypatch.setattr(hierarchy, "LEFT", 30)
    for name in ("BASE", "THREAD", "PICTURES", "KEPT_PICTURES"):
        monkeypatch.setattr(budget, name, 0)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    formats.write(tmp_path / "scene.ply", cloud(20_000, 1))
    return tmp_path / "scene.ply"


@pytest.mark.compiled
@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("options", [{"target": "5%", "views": 1}, {"target": 50, "views": 0}])
def test_the_least_limit_changes_no_byte(
    source: Path, tmp_path: Path, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    spared: list[bool] = []
    merge = hierarchy.hierarchy
    monkeypatch.setattr(
        "gscli.simplifying.making.hierarchy",
        lambda *args, sparing: (spared.append(sparing), merge(*args, sparing=sparing))[1],
    )
    simplify(source, tmp_path / "whole.ply", **options)
    limit = least(source, tmp_path / "cut.ply", **options)
    result = simplify(source, tmp_path / "cut.ply", memory_limit=limit, **options)
    simplify(source, tmp_path / "ample.ply", memory_limit="1GB", **options)
    made = {(tmp_path / name).read_bytes() for name in ("whole.ply", "cut.ply", "ample.ply")}
    assert len(made) == 1
    assert spared == [False, True, False]
    assert result.options["memory_limit"] == int(limit[:-2]) * 10**6


@pytest.mark.compiled
@pytest.mark.usefixtures("small")
def test_levels_within_a_limit_are_the_same(source: Path, tmp_path: Path) -> None:
    lod(source, tmp_path / "whole", levels=2, ratio=0.1, views=1)
    with pytest.raises(UsageError, match="20,000 Gaussians of which 2,000 stay; give at least") as refused:
        lod(source, tmp_path / "cut", levels=2, ratio=0.1, views=1, memory_limit="1MB")
    assert not (tmp_path / "cut").exists()
    limit = str(refused.value).split()[-1]
    lod(source, tmp_path / "cut", levels=2, ratio=0.1, views=1, memory_limit=limit)
    for path in (tmp_path / "whole").iterdir():
        assert (tmp_path / "cut" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.compiled
def test_a_search_may_leave_all_rows(source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="20,000 Gaussians of which 20,000 stay"):
        simplify(source, tmp_path / "out.ply", min_psnr=30, memory_limit="1MB")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"method": "one-per-grid"}, "holds all cells at once, whatever memory_limit says"),
        ({"memory_limit": "much"}, "memory_limit 'much' is no size"),
    ],
)
def test_limits_that_cannot_be_kept_are_refused(
    source: Path, tmp_path: Path, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError, match=told):
        simplify(source, tmp_path / "out.ply", **{"target": 9, "views": 0, "memory_limit": "1GB", **options})


def test_an_output_that_is_made_in_memory_is_refused(source: Path, tmp_path: Path) -> None:
    told = "memory_limit writes .ply: sp[lz]t?a?t? is made in memory"
    with pytest.raises(UsageError, match=told):
        simplify(source, tmp_path / "o.splat", target=9, views=0, memory_limit="1GB", allow_lossy=True)
    with pytest.raises(UsageError, match=told):
        lod(source, tmp_path / "levels", to="spz", views=0, memory_limit="1GB", allow_lossy=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scene.ply"]


def test_what_is_unpacked_in_memory_counts(tmp_path: Path) -> None:
    given: GaussianCloud = scene.make(20_000, sh_degree=0)
    formats.write(tmp_path / "scene.ply", given)
    formats.write(tmp_path / "scene.splat", given, allow_lossy=True)
    mapped, held = (
        int(least(tmp_path / name, tmp_path / "out.ply", target=9, views=0)[:-2])
        for name in ("scene.ply", "scene.splat")
    )
    rows = formats.read(tmp_path / "scene.splat").rows
    assert abs(held - mapped - rows.nbytes / 1e6) <= 1


def test_rows_of_a_file_that_is_spared_are_those_that_they_were(source: Path) -> None:
    wanted, rows = formats.read(source).rows, formats.read(source).rows
    structured.spare(rows)
    assert structured.is_spared(rows)
    assert not structured.is_spared(wanted)
    for index in (range(0, 20_000, 7), [5, 3, 3, 19_999], [-1, -20_000, 2], range(19_999, -1, -1), []):
        numbers = np.array(index, dtype=int)
        taken = structured.take_rows(rows, numbers)
        assert taken.tobytes() == structured.take_rows(wanted, numbers).tobytes()
    structured.spare(taken)  # which is in memory
    assert not structured.is_spared(taken)


PEAK = """
import re, sys
from gscli.cli import main
main(sys.argv[1:], standalone_mode=False)
print(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])
"""


def peak(folder: Path, *words: str) -> int:
    """Bytes that a process took at most."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "GSCLI_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *words, "-q"], cwd=folder, env=env, check=True, capture_output=True
    )
    return 1024 * int(done.stdout)


@pytest.mark.compiled
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_process_stays_within_its_limit(tmp_path: Path) -> None:
    """Of two boxes."""
    scene.write(tmp_path / "scene.ply", 520_000)
    limit = least(tmp_path / "scene.ply", tmp_path / "cut.ply", target="1%", views=1)
    words = ("--target", "1%", "--views", "1")
    whole = peak(tmp_path, "simplify", "scene.ply", "whole.ply", *words)
    limited = peak(tmp_path, "simplify", "scene.ply", "cut.ply", *words, "--memory-limit", limit)
    assert limited < int(limit[:-2]) * 10**6 < whole
    assert (tmp_path / "cut.ply").read_bytes() == (tmp_path / "whole.ply").read_bytes()


@pytest.mark.compiled
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("simplify", "in.ply o.ply --target 10% --views 1"),  # each as wide as the picture
        ("simplify", "in.ply o.ply --min-psnr 25 --views 1"),
        ("simplify", "in.ply o.ply --target 10% --views 400"),
        ("simplify", "in.npy o.ply --target 10% --views 0"),
        ("lod", "in.ply levels --ratio 0.9 --levels 3 --views 1"),
    ],
)
def test_what_takes_most_is_within_the_limit(tmp_path: Path, command: str, words: str) -> None:
    given = scene.make(60_000, sh_degree=2)
    if words.endswith("10% --views 1"):
        given = given.with_columns(**{f"scale_{i}": np.float32(1) for i in range(3)})
    formats.write(tmp_path / "in.ply", given)
    formats.write(tmp_path / "in.npy", given, allow_lossy=True)
    arguments = [command, *words.split(), "-q"]
    refused = subprocess.run(
        [sys.executable, "-m", "gscli", *arguments, "--memory-limit", "1MB"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GSCLI_THREADS": "2"},
        check=False,
        capture_output=True,
        text=True,
    )
    limit = refused.stderr.split()[-1]
    assert peak(tmp_path, *arguments, "--memory-limit", limit) < int(limit[:-2]) * 10**6
