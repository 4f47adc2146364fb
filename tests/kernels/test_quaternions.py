"""Rotations one after the other, and out of matrices."""

from __future__ import annotations

import numpy as np
import pytest

from gscli.kernels import quaternions


def matrices(wxyz: np.ndarray) -> np.ndarray:
    """(N, 3, 3), by what a quaternion does to each axis: q (0, v) q* (slow twin)."""
    out = []
    for w, x, y, z in wxyz:
        left = np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])
        right = np.array([[w, x, y, z], [-x, w, -z, y], [-y, z, w, -x], [-z, -y, x, w]])
        out.append((left @ right)[1:, 1:])
    return np.array(out)


@pytest.fixture
def pair():
    drawn = np.random.default_rng(0).normal(size=(2, 40, 4))
    return drawn / np.linalg.norm(drawn, axis=2, keepdims=True)


def test_a_product_turns_by_the_second_first(pair):
    one, other = pair
    found = matrices(quaternions.product(one, other))
    assert np.allclose(found, matrices(one) @ matrices(other))
    assert np.allclose(quaternions.product(one[0], other)[5], quaternions.product(one[:1], other[5:6])[0])


def test_a_rotation_comes_back_from_its_matrix(pair):
    for wxyz in (*pair, np.eye(4), np.eye(4)[::-1]):
        found = quaternions.of_matrices(list(matrices(wxyz).transpose(1, 2, 0)))
        assert np.allclose(np.abs((found.T * wxyz).sum(axis=1)), 1)


def test_an_axis_is_a_column_of_the_matrix(pair):
    turns, which = pair[0], np.arange(40) % 3
    found = quaternions.axes(turns, which)
    assert np.allclose(found, matrices(turns)[np.arange(40), :, which])
