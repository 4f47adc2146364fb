"""What becomes of rows that are merged: how much of them there has to be room for."""

from __future__ import annotations

import numpy as np
import pytest

from gscli import fields
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
