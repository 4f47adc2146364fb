"""Lengths, opacities and rotations: near what they should be, and of the same bits everywhere."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gscli import _core
from gscli.kernels import activations

LOW, HIGH = 2.0**-151, 1 - 2.0**-26
UNCOMMON = [
    np.nan,
    np.inf,
    -np.inf,
    0.0,
    -0.0,
    88.72,
    88.73,
    -103.97,
    -103.98,
    1e-45,
    700.5,
    -800,
    3e38,
    -3e38,
]


def numbers(count: int) -> np.ndarray:
    """Floats of every size within those that are common, and the uncommon ones."""
    rng = np.random.default_rng(count)
    return np.concatenate([rng.normal(0, 8, count), UNCOMMON]).astype(np.float32)


def shares(count: int) -> np.ndarray:
    ends = [0.0, 1.0, 1e-45, 1 - 2.0**-24, 0.5, math.sqrt(0.5)]
    rng = np.random.default_rng(count)
    return np.concatenate([rng.random(count), 10.0 ** rng.uniform(-40, 0, count), ends]).astype(np.float32)


QUATERNIONS = np.random.default_rng(0).normal(0, 2, (333, 4)).astype(np.float32)
QUATERNIONS[:4] = (0, 0, 0, 0), (-0.0, 0, -0.0, 0), (0.5, 0.5, 0.5, 0.50000003), (0, -1, 0, 0)
FLIPS = np.array([1, -1, 1, -1], np.float32)


@pytest.mark.compiled
@pytest.mark.parametrize("count", [0, 1, 49, 50, 51, 114, 1000])
def test_compiled_kernels_give_the_bits_that_numpy_gives(monkeypatch, count):
    def everything():
        x, p = numbers(count), shares(count)
        yield activations.exp(x)
        yield activations.sigmoid(x)
        yield activations.log(np.abs(x[~np.isnan(x)]), LOW)
        yield activations.logit(p, LOW, HIGH)
        yield activations.unit(QUATERNIONS[:count], (1, 2, 3, 0), FLIPS)[0]
        colours = x[np.isfinite(x)][: count // 3 * 3].reshape(-1, 3)
        light = np.arange(1024).astype(np.uint8)
        yield activations.shade(colours, p[: len(colours), None], 0.5, 0.28, light)

    compiled = list(everything())
    monkeypatch.setattr(_core, "available", lambda: False)
    for one, other in zip(compiled, everything(), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
        assert one.tobytes() == other.tobytes() or np.isnan(one).any()


@pytest.mark.usefixtures("kernels")
def test_they_are_the_nearest_floats_to_what_they_should_be():
    x, p = numbers(500)[:500], shares(500)
    nearest = np.float32(2.0**-24)  # half a step of a float32
    for found, expected in (
        (activations.exp(x), [math.exp(v) for v in x.tolist()]),
        (activations.sigmoid(x), [1 / (1 + math.exp(-v)) for v in x.tolist()]),
        (activations.log(np.abs(x), LOW), [math.log(abs(v)) for v in x.tolist()]),
    ):
        np.testing.assert_allclose(found, expected, rtol=1.001 * nearest, atol=1e-12)
    bounded = np.clip(p.astype(np.float64), LOW, HIGH)
    expected = [math.log(v) - math.log1p(-v) for v in bounded.tolist()]
    np.testing.assert_allclose(activations.logit(p, LOW, HIGH), expected, rtol=1.001 * nearest, atol=1e-12)
    assert activations.exp(np.float32([[-np.inf, 89.0]])).tolist() == [[0.0, np.inf]]
    assert activations.sigmoid(np.float32([-np.inf, np.inf])).tolist() == [0.0, 1.0]


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_the_logarithm_of_an_infinite_length_is_infinite(kind):
    assert activations.log(np.array([np.inf, 1.0, 0.0], kind), 0.5).tolist() == [
        np.inf,
        0.0,
        float(np.float32(math.log(0.5))),
    ]


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_quaternions_of_length_one_keep_their_bits_and_of_zero_are_no_rotation(kind):
    found, clean = activations.unit(QUATERNIONS.astype(kind), (1, 2, 3, 0), FLIPS)
    assert clean
    assert found.dtype == np.float32
    assert np.abs(found[:2]).tolist() == [[0, 0, 0, 1]] * 2
    assert found[2:4].tolist() == [[0.5, -0.5, float(np.float32(0.50000003)), -0.5], [-1, 0, 0, 0]]
    np.testing.assert_allclose((found.astype(float) ** 2).sum(axis=1), 1.0, atol=3e-7)
    for odd in (np.nan, np.inf):
        assert not activations.unit(np.array([[1, 0, odd, 0]], kind), (0, 1, 2, 3), FLIPS)[1]
