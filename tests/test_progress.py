"""Every long stage of every tool tells how far it is, in parts that add up to what it announced."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gscli import _core, scene
from gscli.compare import compare
from gscli.comparing import budget
from gscli.convert import convert
from gscli.coprune import coprune
from gscli.info import info
from gscli.resample import resample
from gscli.simplify import simplify
from gscli.verify import verify

POINTS = 3000
VIEWS = None if _core.available() else 0  # without compiled kernels nothing is rendered


class Told:
    """A `Track` that keeps what it is told: stages with their totals, and those of which nobody knows one."""

    def __init__(self) -> None:
        self.stages: dict[str, tuple[int, list[int]]] = {}
        self.clocks: set[str] = set()

    @contextmanager
    def __call__(
        self, label: str, total: int | None, unit: str = "points"
    ) -> Iterator[Callable[[int], object]]:
        if total is None:
            self.clocks.add(label)
            yield lambda _: None
            return
        _, parts = self.stages.setdefault(label, (total, []))
        yield parts.append


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "a.ply", tmp_path / "b.ply"
    for seed, path in enumerate(paths):
        scene.write(path, POINTS, seed=seed)
    return paths


def in_pieces(a: Path, b: Path, track: Told) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("BASE", 0), ("THREAD", 0), ("LEAST", 50)):
            patch.setattr(budget, name, value)
        tiling = compare(a, b, track=track, memory_limit=300_000).centers.tiling
    assert tiling is not None
    assert min(tiling.tiles) > 1


def tools(a: Path, b: Path, out: Path) -> dict[str, tuple[Callable[..., Any], list[str]]]:
    """What to call, and the stages that it has to tell of."""

    def verified(track: Told) -> None:
        resample(a, out / "half.ply")
        verify(a, [out / "half.ply"], track=track)

    return {
        "resample": (lambda track: resample(a, out / "thin.ply", track=track), ["resampling"]),
        "compare": (lambda track: compare(a, b, track=track), ["searching", "comparing"]),
        "compare in pieces": (
            lambda track: in_pieces(a, b, track),
            ["searching", "comparing"],
        ),
        "convert": (
            lambda track: convert(a, out / "a.spz", allow_lossy=True, track=track),
            ["converting", "measuring"],
        ),
        "coprune": (
            lambda track: coprune(a, b, threshold=9.0, min_points=1, out_dir=out / "pruned", track=track),
            ["searching", "writing"],
        ),
        "info": (lambda track: info(a, track=track), ["describing"]),
        "simplify": (
            lambda track: simplify(a, out / "small.ply", target="25%", views=VIEWS, track=track),
            ["looking", "comparing", "writing"] if VIEWS is None else ["writing"],
        ),
        "verify": (verified, ["verifying"]),
    }


@pytest.mark.parametrize("name", list(tools(Path(), Path(), Path())))
def test_what_is_told_adds_up(name: str, files: tuple[Path, Path], tmp_path: Path) -> None:
    told = Told()
    run, stages = tools(*files, tmp_path)[name]
    run(told)
    assert list(told.stages) == stages
    assert "reading" in told.clocks
    for total, parts in told.stages.values():
        assert sum(parts) == total > 0
        assert min(parts) >= 0


@pytest.mark.parametrize("tool", ["resample", "coprune"])
def test_a_folder_that_was_made_in_vain_goes_again(
    tool: str, files: tuple[Path, Path], tmp_path: Path
) -> None:
    a, b = files
    (tmp_path / "there").mkdir()

    @contextmanager
    def stopping(label: str, total: int | None, unit: str = "points") -> Iterator[Callable[[int], object]]:
        if label in ("resampling", "writing"):
            raise KeyboardInterrupt
        yield lambda _: None

    for folder in (tmp_path / "there", tmp_path / "new" / "deeper"):
        run = (
            partial(resample, a, out_dir=folder, repeat=2)
            if tool == "resample"
            else partial(coprune, a, b, threshold=9.0, min_points=1, out_dir=folder)
        )
        with pytest.raises(KeyboardInterrupt):
            run(track=stopping)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ply", "b.ply", "there"]
