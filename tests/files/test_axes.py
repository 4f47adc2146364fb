"""Frames of axes: their names, and what turns one into another."""

from __future__ import annotations

import numpy as np
import pytest

from gscli.errors import UsageError
from gscli.files import axes

POINTS = {"l": (-1, 0, 0), "r": (1, 0, 0), "d": (0, -1, 0), "u": (0, 1, 0), "b": (0, 0, -1), "f": (0, 0, 1)}


@pytest.mark.parametrize("name", axes.NAMES)
def test_a_point_stays_where_it_is_when_its_axes_are_reversed(name):
    """In the world x is right, y up and z to the front: a frame's letters are where its axes point."""
    frame, cloud = (np.array([POINTS[letter] for letter in f]).T for f in (name, axes.CLOUD))
    stored = np.array([2.0, 3.0, 5.0])
    assert (cloud @ (stored * axes.signs(name)) == frame @ stored).all()


def test_eight_frames_have_names_in_words():
    assert len(set(axes.NAMES)) == 8
    assert axes.described("luf") == "left-up-front (luf)"


def test_what_is_no_frame_is_refused_with_the_nearest_one():
    axes.require(None)
    axes.require("rub")
    with pytest.raises(UsageError, match=r"axes 'rbu' is no frame; did you mean"):
        axes.require("rbu")
