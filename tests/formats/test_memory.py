"""Formats of rows that are put differently hold a few blocks of them, however many there are."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gscli import formats
from gscli.cloud import GaussianCloud
from gscli.edit import edit
from gscli.formats._decoded import BLOCK
from gscli.in_memory import as_cloud

ROWS = 12 * BLOCK
SUFFIXES = (".xyz", ".csv", ".las", ".laz")


@pytest.fixture(scope="module")
def cloud() -> GaussianCloud:
    rng = np.random.default_rng(0)
    rows = np.empty(ROWS, [(name, "<f4") for name in "xyz"] + [(f"value_{i}", "<f4") for i in range(17)])
    for name in rows.dtype.names:
        rows[name] = rng.integers(0, 9, ROWS)
    return as_cloud(rows)


def peak(work: Callable[[], object]) -> int:
    """The most bytes that were held at once, beside what was held before."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.fixture(params=SUFFIXES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param in (".las", ".laz"):
        pytest.importorskip("laspy")
    if request.param == ".laz":
        pytest.importorskip("lazrs")
    return tmp_path / f"points{request.param}"


@pytest.mark.parametrize("some", [False, True])
def test_writing_holds_less_than_the_points_once_more(path: Path, cloud: GaussianCloud, some: bool) -> None:
    path.touch()
    formats.write(path, cloud.take(np.arange(3)), overwrite=True, allow_lossy=True)  # imports
    index = np.arange(0, ROWS, 2) if some else None

    def write() -> None:
        formats.write(path, cloud, overwrite=True, allow_lossy=True, index=index)

    assert peak(write) < cloud.rows.nbytes * 0.75
    assert len(formats.read(path)) == ROWS // (2 if some else 1)


def test_reading_holds_the_rows_that_it_gives_and_little_more(path: Path, cloud: GaussianCloud) -> None:
    formats.write(path, cloud, allow_lossy=True)
    formats.read(path)  # imports
    found: list[GaussianCloud] = []
    most = peak(lambda: found.append(formats.read(path)))
    text = path.suffix in (".xyz", ".csv")  # of which NumPy 2.5 copies what it has read while it makes room
    assert most < found[0].rows.nbytes * (2.25 if text else 1.25)


def test_edits_of_what_has_to_be_decoded_hold_less_than_the_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cloud: GaussianCloud
) -> None:
    monkeypatch.setenv("GSCLI_THREADS", "1")
    monkeypatch.setattr("gscli.formats._decoded.HELD", 0)
    path, actions = tmp_path / "points.glb", [("where", "x > 4"), ("translate", (1, 0, 0))]
    formats.write(path, cloud, allow_lossy=True)

    def run(name: str) -> int:
        return edit(path, tmp_path / name, actions).kept

    run("first.ply")  # imports
    assert peak(lambda: run("second.ply")) < cloud.rows.nbytes * 0.75
