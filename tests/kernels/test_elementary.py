"""Exponentials and logarithms without a library."""

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
