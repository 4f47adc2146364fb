"""Pictures where a GPU's memory does not do for all of a step at once: in halves, with the same bits."""

from __future__ import annotations

from typing import Any

import pytest

from gscli import scene
from gscli.kernels import footprints, tiles
from gscli.kernels.footprints import COLOR_CUT, Lens
from gscli.rasterizers.triton import _columns
from tests.drawn import as_splats, look

torch = pytest.importorskip("torch")

CAMERA = look((3.2, -2.4, 1.6), (0, 0, 0.5), width=200, height=120)


def seen() -> Any:
    """The footprints of a scene on CPU tensors."""
    lens = Lens(
        CAMERA.position.tolist(),
        CAMERA.world_to_camera[:3, :3].tolist(),
        *(getattr(CAMERA, name) for name in Lens._fields[2:]),
    )
    splats = as_splats(scene.make(9_000, sh_degree=1))
    columns = _columns(splats, torch.device("cpu"))
    return footprints.footprints(columns, lens, raw=splats.raw, antialiased=False, xray=False)


def lists(records: Any) -> dict[tuple[int, int], list[int]]:
    """What lies in each tile, by its column and row."""
    found = {}
    for window in tiles.windows(records, CAMERA.width, CAMERA.height, COLOR_CUT, 16):
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
        if size > 5_000 or 64 < size < 1_000:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return call(*arguments, **options)

    return step


def test_gaussians_are_projected_by_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    expected, asked = seen(), []
    monkeypatch.setattr(footprints, "PIECE", 9_200)
    limited = scarce(footprints._project, lambda _, rows, __: rows.stop - rows.start, asked)
    monkeypatch.setattr(footprints, "_project", limited)
    for found, whole in zip(seen(), expected, strict=True):
        assert torch.equal(found, whole)
    assert asked == [9_000, 4_600, 4_400]


def test_tiles_are_listed_by_halves(monkeypatch: pytest.MonkeyPatch) -> None:
    records = seen().records
    expected, asked = lists(records), []
    assert sum(map(len, expected.values())) > 9_000
    limited = scarce(tiles._listed, lambda _, __, window, *___: window[2] * window[3], asked)
    monkeypatch.setattr(tiles, "_listed", limited)
    assert lists(records) == expected
    assert sorted(asked) == [48, 56, 104]


def test_without_memory_for_the_least_the_error_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    records = seen().records

    def never(*_: Any, **__: Any) -> Any:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(tiles, "_listed", never)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        lists(records)
    monkeypatch.setattr(footprints, "_project", never)
    with pytest.raises(torch.cuda.OutOfMemoryError):
        seen()
