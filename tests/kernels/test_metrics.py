"""Sums, quantiles, matches at the border and samples."""

import math

import numpy as np
import pytest

from gscli.kernels import metrics
from gscli.kernels.parallel import BLOCK


@pytest.mark.parametrize("n", [1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5])
def test_sums_are_right_across_blocks(n):
    values = np.random.default_rng(n).exponential(size=n)
    assert metrics.power_sum(values) == pytest.approx(math.fsum(values), rel=1e-13)
    assert metrics.power_sum(values, 2) == pytest.approx(math.fsum(values**2), rel=1e-13)


def test_a_match_is_decided_by_the_square():
    threshold = math.sqrt(2)
    below = np.nextafter(threshold * threshold, 0)
    squared = np.array([below, threshold * threshold, 1.0, 3.0, 0.0])
    distances = np.sqrt(squared)
    assert distances[0] == threshold  # the root cannot tell
    matched = metrics.within(distances, threshold, lambda at: squared[at])
    assert matched.tolist() == [True, False, True, False, True]


def test_only_distances_at_the_border_are_looked_at_again():
    asked = []
    distances = np.array([0.5, 1.0, 1.0 + 1e-12, 2.0])
    metrics.within(distances, 1.0, lambda at: asked.extend(at) or distances[at] ** 2)
    assert asked == [1]


@pytest.mark.parametrize("wanted", [1, 7, 99, 100, 101, 5000])
def test_a_sample_has_distinct_rows_in_order(wanted):
    rows = metrics.sample(100, wanted, 3)
    assert len(rows) == min(wanted, 100)
    assert (np.diff(rows) > 0).all()
    assert rows[0] >= 0
    assert rows[-1] < 100


def test_every_row_is_sampled_equally_often():
    hits = np.zeros(30)
    for seed in range(3000):
        hits[metrics.sample(30, 20, seed)] += 1
    expected, spread = 2000, math.sqrt(3000 * 2 / 3 / 3)
    assert np.abs(hits - expected).max() < 5 * spread


def test_a_sample_depends_on_its_seed_alone():
    assert (metrics.sample(10**5, 50, 8) == metrics.sample(10**5, 50, 8)).all()
    assert (metrics.sample(10**5, 50, 8) != metrics.sample(10**5, 50, 9)).any()
