"""What harmonics show turns with the scene."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from gscli.kernels import harmonics
from gscli.kernels.harmonics import turned, turns

Array = npt.NDArray[Any]

QUARTER = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])  # about z: x becomes y


def basis(ways: Array, degree: int) -> Array:
    """(K, N) the harmonics of degrees 1 on of (N, 3) unit vectors, by their formulas (Kerbl et al. 2023)."""
    x, y, z = ways.T
    xx, yy, zz = x * x, y * y, z * z
    every = [
        *(-0.4886025119029199 * y, 0.4886025119029199 * z, -0.4886025119029199 * x),
        1.0925484305920792 * x * y,
        -1.0925484305920792 * y * z,
        0.31539156525252005 * (2 * zz - xx - yy),
        -1.0925484305920792 * x * z,
        0.5462742152960396 * (xx - yy),
        -0.5900435899266435 * y * (3 * xx - yy),
        2.890611442640554 * x * y * z,
        -0.4570457994644658 * y * (4 * zz - xx - yy),
        0.3731763325901154 * z * (2 * zz - 3 * xx - 3 * yy),
        -0.4570457994644658 * x * (4 * zz - xx - yy),
        1.445305721320277 * z * (xx - yy),
        -0.5900435899266435 * x * (xx - 3 * yy),
        2.5033429417967046 * x * y * (xx - yy),
        -1.7701307697799304 * y * z * (3 * xx - yy),
        0.9461746957575601 * x * y * (7 * zz - 1),
        -0.6690465435572892 * y * z * (7 * zz - 3),
        0.10578554691520431 * (zz * (35 * zz - 30) + 3),
        -0.6690465435572892 * x * z * (7 * zz - 3),
        0.47308734787878004 * (xx - yy) * (7 * zz - 1),
        -1.7701307697799304 * x * z * (xx - 3 * yy),
        0.6258357354491761 * (xx * (xx - 3 * yy) - yy * (3 * xx - yy)),
    ]
    return np.stack(every[: (degree + 1) ** 2 - 1]) if degree else np.empty((0, len(ways)))


def fitted(rotation: Array, degree: int) -> Array:
    """(K, K), found by looking: the slow twin of `turns`, all degrees at once."""
    ways = np.random.default_rng(1).normal(0, 1, (300, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    there, before = basis(ways, degree), basis(ways @ rotation, degree)
    return np.linalg.lstsq(there.T, before.T, rcond=None)[0]


def some_rotation(seed: int, *, mirrors: bool = False) -> Array:
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(0, 1, (3, 3)))
    if (np.linalg.det(rotation) < 0) != mirrors:
        rotation[0] *= -1
    return rotation


def block(by: list[Array]) -> Array:
    size = sum(len(matrix) for matrix in by)
    whole, at = np.zeros((size, size)), 0
    for matrix in by:
        whole[at : at + len(matrix), at : at + len(matrix)] = matrix
        at += len(matrix)
    return whole


@pytest.mark.parametrize("degree", range(5))
@pytest.mark.parametrize("mirrors", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_a_turn_is_the_one_that_is_found_by_looking(degree: int, mirrors: bool, seed: int) -> None:
    rotation = some_rotation(seed, mirrors=mirrors)
    by = turns(rotation, degree)
    assert [matrix.shape for matrix in by] == [(2 * order + 1,) * 2 for order in range(1, degree + 1)]
    np.testing.assert_allclose(block(by), fitted(rotation, degree), atol=1e-13)


@pytest.mark.parametrize("degree", range(5))
def test_what_was_seen_along_a_way_is_seen_along_the_turned_way(degree: int) -> None:
    rng, rotation = np.random.default_rng(2), some_rotation(5)
    ways = rng.normal(0, 1, (7, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    held = (degree + 1) ** 2 - 1
    before = rng.normal(0, 1, (3 * held, 40))
    after = turned(before, turns(rotation, degree))
    for channel in range(3):
        part = slice(channel * held, (channel + 1) * held)
        np.testing.assert_allclose(
            basis(ways @ rotation.T, degree).T @ after[part], basis(ways, degree).T @ before[part], atol=1e-13
        )


def test_turns_one_after_the_other_are_one_turn() -> None:
    one, two = some_rotation(1), some_rotation(2)
    for first, second, both in zip(turns(one, 4), turns(two, 4), turns(two @ one, 4), strict=True):
        np.testing.assert_allclose(second @ first, both, atol=1e-13)


def test_a_turn_back_gives_everything_back() -> None:
    rotation = some_rotation(3)
    before = np.random.default_rng(0).normal(0, 1, (72, 20))
    again = turned(turned(before, turns(rotation, 4)), turns(rotation.T, 4))
    np.testing.assert_allclose(again, before, atol=1e-13)


def test_no_turn_changes_no_bit() -> None:
    before = np.random.default_rng(0).normal(0, 1, (72, 20)).astype(np.float32)
    np.testing.assert_array_equal(turned(before, turns(np.eye(3), 4)), before)


@pytest.mark.parametrize("power", [1, 2, 3])
def test_a_right_angle_leaves_each_degree_what_it_was_but_for_places_and_signs(power: int) -> None:
    first, *_ = turns(np.linalg.matrix_power(QUARTER, power), 1)
    assert set(np.abs(first).ravel()) == {0.0, 1.0}


def test_an_x_that_becomes_y_shows_as_y() -> None:
    towards_x = np.array([[0.0], [0], [-1]])  # -y, z, -x
    np.testing.assert_array_equal(turned(towards_x, turns(QUARTER, 1)), [[-1], [0], [0]])


def test_a_mirror_through_the_middle_turns_odd_degrees_round() -> None:
    for order, matrix in enumerate(turns(-np.eye(3), 4), 1):
        np.testing.assert_array_equal(matrix, np.eye(2 * order + 1) * (-1) ** order)


def test_planes_in_float32_are_added_up_in_float64_and_left_alone() -> None:
    before = np.random.default_rng(0).normal(0, 1, (45, 1000)).astype(np.float32)
    kept, by = before.copy(), turns(some_rotation(4), 3)
    after = turned(before, by)
    np.testing.assert_array_equal(before, kept)
    np.testing.assert_array_equal(after, turned(before.astype(np.float64), by))
    assert after.dtype == np.float64


def test_values_that_are_not_finite_stay_in_their_row() -> None:
    before = np.ones((9, 3))
    before[4, 1] = np.nan
    assert np.isfinite(turned(before, turns(some_rotation(4), 1))).all(0).tolist() == [True, False, True]


def test_of_degree_0_there_is_nothing_to_turn() -> None:
    assert turns(QUARTER, 0) == []
    assert turned(np.empty((0, 5)), []).shape == (0, 5)


@pytest.mark.parametrize("degree", [-1, harmonics.MOST + 1])
def test_other_degrees_are_refused(degree: int) -> None:
    with pytest.raises(ValueError, match=str(degree)):
        turns(QUARTER, degree)
