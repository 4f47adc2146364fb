"""Scenes are judged beside one whose pictures are drawn once."""

from __future__ import annotations

import weakref
from typing import Any

import pytest

from gscli import rasterizers, scene
from gscli.progress import nothing
from gscli.rasterizers import Drawable
from gscli.simplifying import judging, look

ENGINE = rasterizers.chosen("auto")  # on the CPU
pytestmark = pytest.mark.compiled


def test_of_what_several_are_held_to_the_pictures_alone_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    scenes: list[weakref.ref[Drawable]] = []
    drawn = look.drawn

    def noted(*given: Any) -> Drawable:
        found = drawn(*given)
        scenes.append(weakref.ref(found))
        return found

    monkeypatch.setattr(look, "drawn", noted)
    given = scene.make(800)
    judge = judging.Judge(given, "scene", judging.from_where(given, "scene", None), ENGINE, several=True)
    assert scenes[0]() is not None
    first = judge.of(given[:700], nothing)
    assert [found() for found in scenes] == [None, None]
    assert first == judge.of(given[:700], nothing)
    assert judge.of(given, nothing).psnr.identical == judging.VIEWS
