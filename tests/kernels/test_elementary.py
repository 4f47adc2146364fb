"""Exponentials, logarithms and sines without a library."""

from __future__ import annotations

import numpy as np

from gscli import fields
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
