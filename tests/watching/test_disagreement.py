"""What trainers log of two renders: their convention, and X-ray renders of any range."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gscli.errors import InputError, UsageError
from gscli.watching import disagreement

RNG = np.random.default_rng(0)


def pair(shape: tuple[int, ...] = (20, 24)) -> tuple[Any, Any]:
    a = RNG.random(shape).astype(np.float32)
    return a, 0.9 * a


def test_the_numbers_are_those_that_trainers_log() -> None:
    """Frozen: an image of integers and a darker one, with zeros beyond the border."""
    y, x, c = np.indices((16, 20, 3))
    image = ((3 * y + 5 * x + 11 * c) % 97).astype(np.float32) / np.float32(96)
    scalars = disagreement.renders(image, image * np.float32(0.75))
    assert scalars["corgs/render_psnr_diff"] == pytest.approx(16.861937625770082, rel=1e-9)
    assert scalars["corgs/render_ssim_diff"] == pytest.approx(0.9226443821041783, rel=1e-9)


@pytest.mark.parametrize("shape", [(20, 24), (1, 20, 24), (3, 20, 24), (20, 24, 3)])
def test_renders_are_divided_by_their_range(shape: tuple[int, ...]) -> None:
    a, b = pair(shape)
    assert disagreement.renders(8 * a, 8 * b, data_range=8.0) == pytest.approx(disagreement.renders(a, b))


def test_with_a_range_any_finite_numbers_will_do() -> None:
    a, b = pair()
    for image in (100 * a, -100 * a):
        with pytest.raises(InputError, match=r"where 0..1 is expected; say what they span by data_range"):
            disagreement.renders(image, image)
        assert disagreement.renders(image, image, data_range=100.0)["corgs/render_ssim_diff"] == 1
    for value in (math.nan, math.inf, -math.inf):
        b[3, 3] = value
        for given in (None, 1.0):
            with pytest.raises(InputError, match="not finite"):
                disagreement.renders(a, b, data_range=given)


@pytest.mark.parametrize("data_range", [0.0, -1.0, math.inf, math.nan])
def test_a_range_that_is_none_is_refused(data_range: float) -> None:
    with pytest.raises(UsageError, match="data_range must be a positive number"):
        disagreement.renders(*pair(), data_range=data_range)


def test_bytes_have_their_range() -> None:
    image = np.zeros((12, 12), np.uint8)
    with pytest.raises(InputError, match="leave out data_range"):
        disagreement.renders(image, image, data_range=255.0)


@pytest.mark.parametrize("shape", [(5,), (2, 4, 5), (0, 4), (2, 3, 4, 3)])
def test_what_is_no_image_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="is no image"):
        disagreement.renders(np.zeros(shape), np.zeros(shape))
