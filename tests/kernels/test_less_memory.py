"""Pictures where a GPU's memory does not do for all of a step at once: in halves, with the same bits."""

from __future__ import annotations

from typing import Any

import pytest

from gscli import scene
from gscli.kernels import footprints, launches, tiles
from gscli.kernels.footprints import COLOR_CUT, Lens
from gscli.rasterizers.triton import _columns
from tests.drawn import as_splats, look

torch = pytest.importorskip("torch")

WHERE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
POINTS = 300
CAMERA = look((3.2, -2.4, 1.6), (0, 0, 0.5), width=200, height=120)

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(launches.trouble(WHERE) is not None, reason="no GPU here and nothing interpreted"),
]


def seen() -> Any:
    """The footprints of a scene."""
    lens = Lens(
        CAMERA.position.tolist(),
        CAMERA.world_to_camera[:3, :3].tolist(),
        *(getattr(CAMERA, name) for name in Lens._fields[2:]),
    )
    splats = as_splats(scene.make(POINTS, sh_degree=1))
    columns = _columns(splats, WHERE)
    return footprints.footprints(columns, lens, raw=splats.raw, antialiased=False, xray=False)


def lists(seen: Any) -> dict[tuple[int, int], list[int]]:
    """What lies in each tile, by its column and row."""
    found = {}
    for window in tiles.windows(seen, CAMERA.width, CAMERA.height, COLOR_CUT, 16):
        starts, listed = window.starts.tolist(), window.footprints.tolist()
        for at in range(window.columns * window.rows):
            place = window.left + at % window.columns, window.top + at // window.columns
            found[place] = listed[starts[at] : starts[at + 1]]
    return found


def scarce(call: Any, too_many: Any, asked: list[int]) -> Any:
    """A step that has no memory for more than so much."""

    def step(*arguments: Any, **options: Any) -> Any:
        size = too_many(*arguments)
        asked.append(size)
        if size > 64:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return call(*arguments, **options)

    return step


def test_tiles_are_listed_by_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    found = seen()
    expected, asked = lists(found), []
    assert sum(map(len, expected.values())) > POINTS
    limited = scarce(tiles._listed, lambda _, window, *__: window[2] * window[3], asked)
    monkeypatch.setattr(tiles, "_listed", limited)
    assert lists(found) == expected
    assert sorted(asked) == [48, 56, 104]


def test_windows_hold_so_many_pairs_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    found = seen()
    expected = lists(found)
    most = sum(map(len, expected.values())) // 3
    monkeypatch.setattr(tiles, "PAIRS", most)
    windows = [*tiles.windows(found, CAMERA.width, CAMERA.height, COLOR_CUT, 16)]
    assert lists(found) == expected
    assert len(windows) > 2
    assert all(len(w.footprints) <= most or w.columns * w.rows == 1 for w in windows)


def test_without_memory_for_the_least_the_error_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    found = seen()

    def never(*_: Any, **__: Any) -> Any:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(tiles, "_listed", never)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        lists(found)
