"""PSNR and SSIM against their definitions, written out pixel by pixel."""

import math

import numpy as np
import pytest

from gscli.kernels.images import psnr, ssim


def ssim_twin(a, b):
    half = 5
    g = np.exp(-(np.arange(-half, half + 1) ** 2) / (2 * 1.5**2))
    window = np.outer(g, g) / g.sum() ** 2
    pa, pb = np.pad(a, half), np.pad(b, half)
    values = []
    for y in range(a.shape[0]):
        for x in range(a.shape[1]):
            wa, wb = pa[y : y + 11, x : x + 11], pb[y : y + 11, x : x + 11]
            ma, mb = (window * wa).sum(), (window * wb).sum()
            va, vb = (window * (wa - ma) ** 2).sum(), (window * (wb - mb) ** 2).sum()
            cov = (window * (wa - ma) * (wb - mb)).sum()
            values.append(
                (2 * ma * mb + 1e-4) * (2 * cov + 9e-4) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4))
            )
    return np.mean(values)


@pytest.mark.parametrize("shape", [(1, 1), (5, 30), (13, 17)])
def test_ssim_is_its_definition(shape):
    rng = np.random.default_rng(0)
    a, b = rng.random(shape), rng.random(shape)
    assert ssim(a, b) == pytest.approx(ssim_twin(a, b), rel=1e-9)


def test_ssim_of_a_colour_image_is_the_mean_over_channels():
    a, b = np.random.default_rng(1).random((2, 3, 20, 24))
    assert ssim(a, b) == pytest.approx(np.mean([ssim_twin(a[c], b[c]) for c in range(3)]), rel=1e-9)


def test_an_image_is_like_itself_and_unlike_its_negative():
    image = np.random.default_rng(2).random((32, 32)).astype(np.float32)
    assert ssim(image, image) == pytest.approx(1)
    assert ssim(image, 1 - image) < 0
    assert psnr(image, image) == pytest.approx(80)


def test_psnr_of_a_known_error():
    image = np.full((4, 4), 0.5)
    assert psnr(image, image + 0.1) == pytest.approx(10 * math.log10(1 / (0.01 + 1e-8)))
