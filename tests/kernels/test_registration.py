"""Motions between points that belong together, and rotations as angles."""

from __future__ import annotations

import numpy as np
import pytest

from gscli.kernels.registration import angle, motion, pose, scale_of, told
from tests.turning import turn

RNG = np.random.default_rng(2)
POINTS = RNG.normal(size=(50, 3))


def moved(matrix: np.ndarray, xyz: np.ndarray) -> np.ndarray:
    return xyz @ matrix[:3, :3].T + matrix[:3, 3]


@pytest.mark.parametrize("degrees", [0, 1e-6, 30, 90, 179.9, 180])
@pytest.mark.parametrize("scale", [1.0, 0.3, 40.0])
def test_a_motion_is_found_again(degrees: float, scale: float) -> None:
    wanted = pose(turn(np.array([0.6, 0, 0.8]), degrees), scale, POINTS[0], np.array([5.0, -3, 100]))
    found = motion(POINTS, moved(wanted, POINTS), scaled=True)
    np.testing.assert_allclose(found, wanted, atol=1e-12 * scale * 100)
    assert scale_of(found) == pytest.approx(scale)
    assert angle(found[:3, :3] / scale) == pytest.approx(degrees, abs=1e-5)


def test_lengths_stay_unless_they_may_change() -> None:
    found = motion(POINTS, 3 * POINTS, scaled=False)
    np.testing.assert_allclose(found, pose(np.eye(3), 1, np.zeros(3), 2 * POINTS.mean(0)), atol=1e-12)


def test_no_motion_near_it_has_a_smaller_sum_of_squares() -> None:
    target = moved(pose(turn(np.array([1.0, 0, 0]), 40), 1.7, np.zeros(3), np.ones(3)), POINTS)
    target += RNG.normal(scale=0.2, size=target.shape)
    for scaled in (False, True):
        found = motion(POINTS, target, scaled=scaled)
        least = np.square(moved(found, POINTS) - target).sum()
        for axis in np.eye(3):
            for step in (-0.01, 0.01):
                near = [pose(turn(axis, step), 1, np.zeros(3), step * axis)]
                near += [pose(np.eye(3), 1 + step, np.zeros(3), np.zeros(3))] if scaled else []
                assert all(np.square(moved(other @ found, POINTS) - target).sum() > least for other in near)


def test_what_is_mirrored_is_not_mirrored_back() -> None:
    found = motion(POINTS, POINTS * (1, 1, -1), scaled=True)
    assert np.linalg.det(found[:3, :3]) > 0


def test_a_turn_is_counterclockwise_seen_from_the_tip_of_its_axis() -> None:
    np.testing.assert_allclose(turn(np.array([0.0, 0, 1]), 90) @ (1, 0, 0), (0, 1, 0), atol=1e-15)


def test_what_a_matrix_does_is_told() -> None:
    matrix = pose(turn(np.array([0.0, 1, 0]), 30), 1.25, np.zeros(3), np.zeros(3))
    assert told(matrix) == "turned by 30 degrees, lengths times 1.25"
