"""Rotations all over, and the shift at which two clouds overlap most."""

from __future__ import annotations

import numpy as np
import pytest

from gscli import scene
from gscli.aligning.correlation import CELLS, FINE, SIDE, TURNS, overlaps, rotations, slightly
from gscli.kernels.registration import angle
from tests.turning import turn

CLOUD = scene.make(3000, sh_degree=0).xyz.astype(np.float64)


def some_rotations(count: int) -> np.ndarray:
    quaternions = np.random.default_rng(0).normal(size=(count, 4))
    q = quaternions / np.linalg.norm(quaternions, axis=1)[:, None]
    angles = 2 * np.degrees(np.arccos(np.abs(q[:, 3])))
    axes = q[:, :3] * np.sign(q[:, 3:]) / np.linalg.norm(q[:, :3], axis=1)[:, None]
    return np.stack([turn(axis, degrees) for axis, degrees in zip(axes, angles, strict=True)])


@pytest.mark.parametrize(("count", "degrees"), [(TURNS, 22), (FINE, 11)])
def test_no_rotation_is_far_from_one_that_is_tried(count: int, degrees: float) -> None:
    found = rotations(count)
    np.testing.assert_allclose(
        found @ found.swapaxes(1, 2), np.broadcast_to(np.eye(3), found.shape), atol=1e-12
    )
    np.testing.assert_allclose(np.linalg.det(found), 1)
    traces = np.einsum("nij,mij->nm", some_rotations(300), found).max(axis=1)
    assert np.degrees(np.arccos((traces - 1) / 2)).max() < degrees


def test_slight_ones_are_those_up_to_an_angle() -> None:
    angles = [angle(rotation) for rotation in slightly(25.0)]
    assert max(angles) <= 25
    assert len(angles) == sum(angle(rotation) <= 25 for rotation in rotations(FINE)) > 20


@pytest.mark.parametrize("scale", [1.0, 2.0])
def test_the_best_pose_is_that_of_a_cloud_of_which_a_part_is_missing(scale: float) -> None:
    target = CLOUD - CLOUD.mean(0)
    target /= np.sqrt(target.var(0).sum())
    rotation, shift = rotations(TURNS)[123], np.array([0.4, -0.2, 0.1])
    part = target[target[:, 0] < np.quantile(target[:, 0], 2 / 3)]
    source = (part - shift) @ rotation / scale
    told: list[int] = []
    best, *others = overlaps(source, target, [scale, 1.5 * scale], 5, told.append)
    np.testing.assert_allclose(best[:3, :3], scale * rotation)
    assert np.abs(best[:3, 3] - shift).max() < 2.5 * SIDE / CELLS
    assert len(others) == 4
    assert sum(told) == 2 * TURNS
