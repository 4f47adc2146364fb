"""What a camera is, and which numbers make none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gscli.cameras import Camera, digest
from gscli.errors import UsageError
from tests.drawn import look


def pixel(camera: Camera, point: tuple[float, float, float]) -> tuple[float, float]:
    """Where a camera sees a point."""
    x, y, z = (camera.world_to_camera @ (*point, 1))[:3]
    return camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy


def test_it_stands_where_its_pose_says() -> None:
    camera = look((1.0, -2, 3), (4, 5, 6))
    np.testing.assert_allclose(camera.position, (1, -2, 3))
    np.testing.assert_allclose(pixel(camera, (4, 5, 6)), (camera.cx, camera.cy))


def test_another_size_shows_the_same() -> None:
    camera = look((3, 1, 2), width=80, height=60)
    other = camera.resized(160, 30)
    u, v = pixel(camera, (0.3, 0.2, 0.1))
    np.testing.assert_allclose(pixel(other, (0.3, 0.2, 0.1)), (2 * u, v / 2))
    assert (other.width, other.height) == (160, 30)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"width": 0}, "a width of 0 pixels"),
        ({"height": 100_000}, "a height of 100000 pixels"),
        ({"fx": 0.0}, "focal length"),
        ({"fy": float("nan")}, "focal length"),
        ({"cx": float("inf")}, "not finite"),
        ({"near": -1.0}, "not finite|negative"),
        ({"world_to_camera": np.full((4, 4), np.nan)}, "finite numbers"),
        ({"world_to_camera": np.eye(3)}, "4 x 4"),
        ({"world_to_camera": np.zeros((4, 4))}, "no rotation"),
        ({"world_to_camera": np.diag([1.0, 1, -1, 1])}, "no rotation"),
        ({"world_to_camera": np.diag([2.0, 2, 2, 1])}, "no rotation"),
    ],
)
def test_what_makes_no_picture_is_refused(changed: dict[str, object], told: str) -> None:
    with pytest.raises(UsageError, match=f"camera here has .*({told})"):
        replace(look((1, 2, 3)), **changed)


def test_the_digest_is_of_what_decides_pixels() -> None:
    camera = look((1, 2, 3))
    assert digest([camera]) == digest([replace(camera, name="other")])
    others = {"fx": 1.0, "cy": 2.0, "width": 9, "near": 0.3, "parallel": True}
    found = {digest([replace(camera, **{name: value})]) for name, value in others.items()}
    assert len(found | {digest([camera]), digest([]), digest([camera] * 2)}) == len(others) + 3
    fixed = Camera("a", np.eye(4), 1.0, 2.0, 3.0, 4.0, 5, 6)
    assert digest([fixed]).startswith("b1a9ccf83ee06841")
