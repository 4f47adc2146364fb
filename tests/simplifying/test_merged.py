"""What becomes of rows that are merged: how much of them there has to be room for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gscli import fields, rasterizers
from gscli.simplifying.clusters import Clusters
from gscli.simplifying.gaussians import Gaussians
from gscli.simplifying.merged import OPAQUE, Merged
from tests.drawn import cloud


@pytest.mark.parametrize(
    ("seen", "more"),
    [
        ([50.0, 50.0], 2 / OPAQUE),  # side by side, both are to be shown
        ([100.0, 0.0], 1 / OPAQUE),  # one hides the other, which needs no room
        (None, 2 / OPAQUE),  # nobody looked
    ],
)
def test_it_grows_by_what_is_seen_of_opaque_rows_and_not_by_what_is_hidden(
    seen: list[float] | None, more: float
) -> None:
    same = cloud(1, opacity=np.full(1, 40, np.float32))[[0, 0]]
    gaussians = Gaussians.of(same, "scene")
    found = Clusters.of(np.zeros(2, int), gaussians.mass)
    merged = Merged(gaussians, found, gaussians.mass, None if seen is None else np.array(seen), [])
    merged.grow(0.0)
    small = merged.cloud.columns(fields.SCALE)
    merged.grow(0.6)
    np.testing.assert_allclose(merged.cloud.columns(fields.SCALE) - small, 0.3 * np.log(more), atol=1e-5)


class Errors:
    """A look by which a scene has these errors, one after the other."""

    engine = rasterizers.chosen("auto")

    def __init__(self, errors: list[float]) -> None:
        self._errors = errors

    def error(self, scene: object) -> float:
        return self._errors.pop(0)


@pytest.mark.compiled
@pytest.mark.parametrize(
    ("errors", "power"),
    [
        ([4.0, 1.0, 0.0], 0.45),  # the parabola (2 - x)^2 / 4, x steps of .15 from .15
        ([4.0, 2.0, 4.0], 0.3),
        ([1.0, 4.0, 9.0], 0.0),  # its least lies below 0
        ([9.0, 4.0, 1.0], 0.6),
        ([1.0, 2.0, 1.0], 0.3),  # no side is better
        ([3.0, 2.9, 2.0], 0.6),  # it has no least
        ([2.0, 2.9, 3.0], 0.0),
        ([5.0, 5.0, 5.0], 0.3),
        ([2.5, 1.0, 1.5], 0.34),
    ],
)
def test_of_three_powers_the_least_of_a_parabola_is_taken(errors: list[float], power: float) -> None:
    same = cloud(1, opacity=np.full(1, 40, np.float32))[[0, 0]]
    gaussians = Gaussians.of(same, "scene")
    found = Clusters.of(np.zeros(2, int), gaussians.mass)
    merged = Merged(gaussians, found, gaussians.mass, np.array([50.0, 50.0]), [])
    look: Any = Errors(errors)
    assert merged.fit(look, "scene") == power
    assert not errors
    grown = merged.cloud.columns(fields.SCALE)
    merged.grow(power)
    np.testing.assert_array_equal(merged.cloud.columns(fields.SCALE), grown)


def test_nothing_is_tried_where_nothing_grows() -> None:
    same = cloud(1)[[0, 0]]
    gaussians = Gaussians.of(same, "scene")
    found = Clusters.of(np.zeros(2, int), gaussians.mass)
    look: Any = Errors([])
    assert Merged(gaussians, found, gaussians.mass, np.array([50.0, 0.0]), []).fit(look, "scene") == 0.3
