"""How numbers are spread, against NumPy's own and against a loop."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gscli.kernels.distributions import BINS, PERCENTS, Distribution, distribution

RNG = np.random.default_rng(4)
NUMBERS = {
    "float32": RNG.normal(3, 2, 1000).astype(np.float32),
    "float64": RNG.normal(-3, 1e-9, 333) + 1e5,
    "far out": np.append(RNG.normal(0, 1, 500), [1e9, -1e12]),
    "bytes": RNG.integers(0, 255, 700).astype(np.uint8),
    "large integers": RNG.integers(-(2**52), 2**52, 100),
    "yes and no": RNG.random(90) < 0.3,
    "two": np.array([1.0, 2.0]),
    "steps": np.repeat([0.0, 1.0], [990, 10]),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_moments_and_quantiles_are_numpys(name: str) -> None:
    values = NUMBERS[name].astype(np.float64)
    found = distribution(NUMBERS[name])
    assert (found.count, found.nan, found.infinite) == (len(values), 0, 0)
    assert (found.min, found.max) == (values.min(), values.max())
    np.testing.assert_allclose(found.mean, values.mean(), rtol=1e-12)
    np.testing.assert_allclose(found.deviation, values.std(), rtol=1e-9)
    np.testing.assert_allclose(found.quantiles, np.percentile(values, PERCENTS), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", NUMBERS)
def test_every_number_is_in_the_bin_between_whose_edges_it_lies(name: str) -> None:
    values = NUMBERS[name].astype(np.float64)
    found = distribution(NUMBERS[name])
    assert found.edges is not None
    assert found.histogram is not None
    low, high = found.edges
    assert low < high
    counts = [0] * BINS
    edges = np.linspace(low, high, BINS + 1)
    for value in values:
        counts[min(max(int(np.searchsorted(edges, value, "right")) - 1, 0), BINS - 1)] += 1
    on_an_edge = int(np.isin(values, edges[1:-1]).sum())
    assert sum(found.histogram) == len(values)
    assert np.abs(np.array(found.histogram) - counts).sum() <= 2 * on_an_edge


def test_what_is_not_finite_counts_for_nothing_else() -> None:
    whole = distribution(np.array([1, 2, 4], np.float32))
    found = distribution(np.array([np.nan, 1, np.inf, 2, -np.inf, 4, np.nan], np.float32))
    assert (found.count, found.nan, found.infinite) == (3, 2, 2)
    assert found == Distribution(3, 2, 2, *list(vars(whole).values())[3:])


@pytest.mark.parametrize("values", [[], [math.nan], [math.inf, -math.inf]])
def test_of_nothing_nothing_is_said(values: list[float]) -> None:
    found = distribution(np.array(values))
    assert (found.count, found.min, found.quantiles, found.histogram) == (0, None, None, None)


@pytest.mark.parametrize("value", [0.0, -2.5, 1e-310, 1.7e308])
def test_one_value_is_all_there_is(value: float) -> None:
    found = distribution(np.full(9, value))
    assert (found.min, found.max, found.mean, found.deviation) == (value, value, pytest.approx(value), 0)
    assert found.quantiles == (value,) * len(PERCENTS)
    assert found.edges == (value, value)
    assert sum(found.histogram or ()) == 9


def test_the_largest_numbers_do_not_overflow() -> None:
    largest = np.finfo(np.float64).max
    found = distribution(np.array([-largest, largest] * 50))
    assert (found.mean, found.deviation) == (0, pytest.approx(largest))
    assert found.edges == (-largest, largest)
    assert found.histogram == (50, *[0] * (BINS - 2), 50)


def test_numbers_are_left_as_they_were() -> None:
    values = np.array([3.0, 1.0, np.nan])
    distribution(values)
    np.testing.assert_array_equal(values, [3.0, 1.0, np.nan])
