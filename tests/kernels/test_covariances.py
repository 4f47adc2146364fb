"""Covariances there and back, and how large Gaussians look."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from gscli import _core
from gscli.kernels import covariances


def some(count: int = 500, spread: float = 1.0) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    rng = np.random.default_rng(0)
    return np.exp(rng.normal(-3, spread, (3, count))), rng.normal(0, 1, (4, count))


def full(six: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    a, b, c, d, e, f = six
    return np.array([[a, b, c], [b, d, e], [c, e, f]]).transpose(2, 0, 1)


def test_a_covariance_is_that_of_turned_axes() -> None:
    quarter = np.array([[np.sqrt(0.5)], [0], [0], [np.sqrt(0.5)]])  # about z
    found = covariances.of_axes(np.array([[2.0], [3], [5]]), quarter * 7)
    np.testing.assert_allclose(found[:, 0], [9, 0, 0, 4, 0, 25], atol=1e-14)


@pytest.mark.parametrize("spread", [0.0, 1e-9, 1.0, 3.0])
def test_axes_and_rotation_give_the_covariance_back(spread: float) -> None:
    six = covariances.of_axes(*some(spread=spread))
    variances, rotations = covariances.axes(six)
    np.testing.assert_allclose((rotations**2).sum(0), 1, rtol=1e-14)
    again = covariances.of_axes(np.sqrt(variances), rotations)
    size = np.abs(six).max(0)
    assert (np.abs(again - six).max(0) / size).max() < 1e-14
    np.testing.assert_allclose(
        np.sort(variances, 0), np.linalg.eigvalsh(full(six)).T, atol=1e-14 * size.max()
    )


@pytest.mark.parametrize("six", [[1, 0, 0, 1, 0, 1], [0] * 6, [1, 1, 1, 1, 1, 1], [4, 0, 0, 1, 0, 0]])
def test_spheres_planes_lines_and_points_have_axes(six: list[float]) -> None:
    given = np.array(six, np.float64)[:, None]
    variances, rotations = covariances.axes(given)
    np.testing.assert_allclose(covariances.of_axes(np.sqrt(variances), rotations), given, atol=1e-15)


def test_a_footprint_is_what_one_sees_of_a_gaussian_from_all_sides() -> None:
    scales, turns = some(20)
    six = covariances.of_axes(scales, turns)
    ways = np.random.default_rng(1).normal(0, 1, (200_000, 3))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    matrices = full(six)
    cofactors = np.linalg.det(matrices)[:, None, None] * np.linalg.inv(matrices)
    seen = np.einsum("wi,nij,wj->nw", ways, cofactors, ways)  # determinants of the projected covariances
    np.testing.assert_allclose(covariances.footprint(six), np.sqrt(seen.mean(1)), rtol=0.01)


@pytest.mark.compiled
@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 1001])
def test_compiled_kernels_give_the_same_bits(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    scales, turns = some(count, 3.0)
    scales[:, ::7], scales[2, ::5] = scales[0, ::7], 1e-30  # spheres, and discs
    turns[1:, ::11] = 0
    odd = np.array([[0] * 6, [1] * 6, [4, 0, 0, 1, 0, 0], [1e60, 3e59, 0, 1, 0, 1e-14]], np.float64).T
    wrong = np.array([[np.nan] * 6, [1, 0, 0, np.inf, 0, 1], [1, 0, np.nan, 1, 0, 1]]).T
    six = covariances.of_axes(scales, turns)

    def everything() -> list[npt.NDArray[np.float64]]:
        made = [covariances.of_axes(scales.astype(kind), turns.astype(kind)) for kind in (float, np.float32)]
        return [*made, *(part for given in (six, odd, wrong) for part in covariances.axes(given))]

    with np.errstate(all="ignore"):
        compiled = everything()
        monkeypatch.setattr(_core, "available", lambda: False)
        plain = everything()
    assert not np.isfinite(compiled[-2]).all(axis=0).any()
    for one, other in zip(compiled, plain, strict=True):
        np.testing.assert_array_equal(one, other)
