"""Scenes that match only upside down."""

from __future__ import annotations

import numpy as np
import pytest

from gscli import compare
from gscli.comparing.turned import share_turned

TURN = np.array([1.0, -1.0, -1.0])


@pytest.fixture
def points():
    return np.random.default_rng(0).random((3000, 3)) + np.array([0, 1, 2])


def told(a, b, **options) -> bool:
    return any("once turned by 180 degrees" in note for note in compare(a, b, **options).notes)


def test_a_scene_upside_down_is_told_of_and_no_other(points):
    moved = points + np.array([50.0, 0, 0])
    assert told(points * TURN, points)
    assert told(points, points * TURN)
    assert not told(points, points)
    assert not told(points, moved)
    assert not told(points * [-1, 1, -1], points)


def test_the_share_is_that_of_the_points_with_a_match_once_turned(points):
    half = points.copy()
    half[::2] += 50
    whole = points[:1000]  # a sample of so many is all of them
    assert share_turned(whole * TURN, half, 1e-9) == 0.5
    assert share_turned(whole * TURN, half, 1e-9, tile=100) == 0.5


def test_a_comparison_in_pieces_tells_it_too(points):
    assert told(points * TURN, points, memory_limit="1GB")
