"""The tests of uniformity themselves: calibrated on ideal sampling, and exact where tables exist."""

import math

import numpy as np
import pytest

from gscli.kernels.statistics import chi_square_survival, uniformity


def ideal(counts, k, draws, seed):
    """Sampling without replacement by sorting random numbers: the slow twin of any sampler."""
    rng = np.random.default_rng(seed)
    kept = np.zeros((draws, counts.sum()), bool)
    for draw in range(draws):
        start = 0
        for n, some in zip(counts, k, strict=True):
            kept[draw, start + rng.permutation(n)[:some]] = True
            start += n
    return np.r_[0, np.cumsum(counts)], kept


@pytest.mark.parametrize(
    ("x", "freedom", "p"),
    [(3.841458820694124, 1, 0.05), (18.307038053275146, 10, 0.05), (135.80672317102676, 100, 0.01)],
)
def test_the_tail_of_chi_square_agrees_with_printed_tables(x, freedom, p):
    assert chi_square_survival(x, freedom) == pytest.approx(p, rel=1e-9)


def test_with_two_degrees_of_freedom_the_tail_is_an_exponential():
    for x in (0.01, 1.0, 3.9, 4.1, 50.0, 400.0):
        assert chi_square_survival(x, 2) == pytest.approx(math.exp(-x / 2), rel=1e-10)


def test_nothing_and_everything_lie_at_the_ends():
    assert chi_square_survival(0.0, 5) == 1.0
    assert chi_square_survival(1e6, 5) == 0.0
    assert 0.49 < chi_square_survival(99_999.0, 100_000) < 0.51


def test_ideal_sampling_of_cells_of_many_sizes_gets_p_values_spread_evenly():
    values = {}
    for seed in range(60):
        rng = np.random.default_rng(1000 + seed)
        counts = rng.choice([1, 2, 3, 4, 5, 8, 13], 300)
        k = np.maximum(1, (counts * rng.uniform(0.3, 0.7, len(counts))).astype(int))
        for test in uniformity(*ideal(counts, k, draws=4, seed=seed)):
            values.setdefault(test.name, []).append(test.p)
    assert set(values) == {"inclusion", "pairs", "subsets", "neighbours", "epochs"}
    assert min(values.pop("subsets")) > 1e-4  # two tests in one: its p is an upper bound
    for name, p in values.items():
        # The largest gap between 60 uniform values and the diagonal exceeds 0.25 once in 1,000 times.
        gap = np.abs(np.sort(p) - (np.arange(60) + 0.5) / 60).max()
        assert gap < 0.25, (name, gap)


def test_what_cannot_be_tested_is_no_evidence():
    offsets = np.arange(11)  # ten cells of one row, all kept
    assert [test.p for test in uniformity(offsets, np.ones((2, 10), bool))] == [1.0] * 5


def test_one_draw_says_nothing_about_epochs():
    offsets, kept = ideal(np.full(200, 6), np.full(200, 3), draws=1, seed=0)
    assert {t.name: t.p for t in uniformity(offsets, kept)}["epochs"] == 1.0
