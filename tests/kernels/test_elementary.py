"""Exponentials, logarithms and sines without a library."""

from __future__ import annotations

import numpy as np
import pytest

from gscli import _core, fields
from gscli.kernels import elementary


def test_the_exponential_is_one() -> None:
    x = np.concatenate([np.linspace(-690, 690, 5001), np.linspace(-1, 1, 101), [0.0, 1e-300]])
    np.testing.assert_allclose(elementary.exp(x), np.exp(x), rtol=1e-15)
    assert elementary.exp(0.0) == 1
    assert np.isfinite(elementary.exp([-np.inf, np.inf, 1e30])).all()
    assert np.isnan(elementary.exp(np.nan))


def test_the_logarithm_is_one() -> None:
    x = np.concatenate([np.logspace(-42, 250, 4001), [1.0, 0.5, 2.0, np.sqrt(0.5), np.nextafter(1, 0)]])
    np.testing.assert_allclose(elementary.log(x), np.log(x), rtol=1e-13, atol=1e-16)


def test_the_sigmoid_is_one() -> None:
    x = np.concatenate([np.linspace(-60, 60, 999), [np.inf, -np.inf, 0.0]])
    np.testing.assert_allclose(elementary.sigmoid(x), fields.sigmoid(x), rtol=1e-14)


def test_sines_and_cosines_are_some() -> None:
    right = np.arange(-8, 9) * np.pi / 4
    x = np.concatenate([np.linspace(-1000, 1000, 100_001), np.linspace(-4, 4, 10_001), right, [1e-300, -0.0]])
    sine, cosine = elementary.sine_and_cosine(x)
    np.testing.assert_allclose(sine, np.sin(x), rtol=0, atol=1e-15)
    np.testing.assert_allclose(cosine, np.cos(x), rtol=0, atol=1e-15)
    assert np.isnan(elementary.sine_and_cosine([np.nan, np.inf])).all()


@pytest.mark.compiled
@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 1001])
def test_compiled_kernels_give_the_same_bits(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = [np.nan, np.inf, -np.inf, 0.0, -0.0, 700.0, -700.0, 1e300, 5e-324]
    wide = np.concatenate([odd, np.random.default_rng(0).normal(0, 100, 1001)])[:count]
    positive = np.exp(np.random.default_rng(1).normal(0, 100, 2 * count)).reshape(2, count)
    ranges = (wide, wide[::2], positive, positive.T, np.abs(wide))  # the last has logarithms of no number
    with np.errstate(all="ignore"):
        compiled = [of(x) for of in (elementary.exp, elementary.log, elementary.sigmoid) for x in ranges]
        monkeypatch.setattr(_core, "available", lambda: False)
        plain = [of(x) for of in (elementary.exp, elementary.log, elementary.sigmoid) for x in ranges]
    for one, other in zip(compiled, plain, strict=True):
        assert one.shape == other.shape
        np.testing.assert_array_equal(one, other)
