from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gscli.kernels import hashing, shares
from gscli.kernels.shares import Cells

COUNTS = st.lists(st.integers(1, 12) | st.integers(1, 10**9), max_size=40)


def cells_of(counts, seed=0, *, few_words=False):
    """Cells of these counts, with words of a seed, and lowest rows in another order."""
    count = len(counts)
    words = hashing.cell_words(np.arange(count), hashing.stream(seed, 0, "half-density", hashing.ROUND))
    if few_words:  # so that lowest rows decide
        words = words >> np.uint64(63)
    rows = np.random.default_rng(seed).permutation(count)
    return Cells(np.array(counts, np.int64), words, rows)


def in_proportion(cells, total, seed=0):
    start = hashing.stream(seed, 0, "half-density", hashing.RATIO)
    return shares.in_proportion(*np.unique(cells.counts, return_counts=True), total, start)


def level(cells, total):
    return shares.level(*np.unique(cells.counts, return_counts=True), total)


def kept_of(asked, cells):
    return asked.drawn(lambda: [cells]).of(cells)


def drawn_slowly(asked, cells):
    """What `drawn` and `of` give: every lot sorted whole."""
    kept = asked.sure[np.searchsorted(asked.sizes, cells.counts)]
    lots = asked.lots[np.searchsorted(asked.sizes, cells.counts)]
    for lot, lucky in enumerate(asked.lucky):
        members = np.flatnonzero(lots == lot)
        assert len(members) == asked.cells[lot]
        order = sorted(members, key=lambda c: (cells.words[c], cells.first_rows[c]))
        kept[order[:lucky]] += 1
    return kept


@given(COUNTS, st.data())
def test_a_total_in_proportion_is_exact_and_each_cell_is_within_one_of_its_share(counts, data):
    cells, rows = cells_of(counts), sum(counts)
    total = data.draw(st.integers(0, rows))
    kept = kept_of(in_proportion(cells, total, data.draw(st.integers(0, 9))), cells)
    assert kept.sum() == total
    for n, k in zip(counts, kept, strict=True):
        share = Fraction(n * total, rows)
        assert math.floor(share) <= k <= math.ceil(share)


@given(COUNTS, st.data())
def test_a_level_total_is_exact_and_cells_differ_by_one_at_most(counts, data):
    cells = cells_of(counts)
    total = data.draw(st.integers(0, sum(counts)))
    asked, k = level(cells, total)
    kept = kept_of(asked, cells)
    assert kept.sum() == total
    assert all(min(n, k) <= got <= min(n, k + 1) for n, got in zip(counts, kept, strict=True))


@pytest.mark.parametrize("few_words", [False, True])
@pytest.mark.parametrize("rule", [in_proportion, lambda cells, total: level(cells, total)[0]])
def test_lots_go_to_the_smallest_words_and_among_equals_to_the_lowest_rows(rule, few_words):
    rng = np.random.default_rng(3)
    for total in (1, 77, 400, 1100):
        cells = cells_of(rng.geometric(0.2, 300), few_words=few_words)
        asked = rule(cells, total)
        assert kept_of(asked, cells).tolist() == drawn_slowly(asked, cells).tolist()


def test_cells_are_drawn_alike_however_they_come():
    """A few at a time, in any order, as the tiles of a grid on disk do."""
    cells = cells_of(np.random.default_rng(5).geometric(0.05, 5000))
    order = np.random.default_rng(6).permutation(5000)
    tiles = [Cells(*(part[order[i::7]] for part in cells)) for i in range(7)]
    asked = in_proportion(cells, 1234)
    whole, apart = asked.drawn(lambda: [cells]), asked.drawn(lambda: tiles)
    assert whole.of(cells)[order[2::7]].tolist() == apart.of(tiles[2]).tolist()
    assert sum(int(apart.of(tile).sum()) for tile in tiles) == 1234


def test_a_lot_whose_words_are_no_chance_is_drawn_all_the_same():
    """Its last word is far from where it is expected, and is looked for again."""
    cells = cells_of([3] * 1000)
    odd = Cells(cells.counts, cells.words >> np.uint64(8), cells.first_rows)
    asked = in_proportion(odd, 1500)
    assert kept_of(asked, odd).tolist() == drawn_slowly(asked, odd).tolist()


@pytest.mark.parametrize(("counts", "total"), [([1] * 40 + [60], 1), ([1, 2, 3, 5, 9, 20, 60], 7)])
def test_over_seeds_every_cell_keeps_its_share(counts, total):
    """By largest remainder, the small cells would keep nothing whatever the seed."""
    seeds = 4000
    kept = np.zeros(len(counts))
    for seed in range(seeds):
        cells = cells_of(counts, seed)
        kept += kept_of(in_proportion(cells, total, seed), cells)
    share = np.array(counts) * total / sum(counts)
    error = np.sqrt(np.maximum(share % 1 * (1 - share % 1), 1e-9) / seeds)
    assert np.abs((kept / seeds - share) / error).max() < 4.5


@pytest.mark.parametrize("total", [0, 1, 2, 5, 9, 10])
def test_sizes_share_their_luck_as_marks_on_a_line_do(total):
    """The twin: every cell's remainder laid on a line, sizes ascending, and marks from a start on."""
    sizes, cells = np.array([1, 2, 3]), np.array([3, 2, 1])
    for start in (0, 1 << 62, 3 << 62, (1 << 64) - 1):
        asked = shares.in_proportion(sizes, cells, total, start)
        at, lucky = Fraction(start * 10 >> 64, 10), []
        for n, m in zip((1, 2, 3), (3, 2, 1), strict=True):
            end = at + m * (Fraction(n * total, 10) % 1)
            lucky.append(math.floor(end) - math.floor(at))
            at = end
        assert asked.lucky.tolist() == lucky


def test_no_rows_share_nothing():
    none = cells_of([])
    assert kept_of(in_proportion(none, 0), none).tolist() == []
    assert kept_of(level(none, 0)[0], none).tolist() == []


def test_counts_beyond_what_products_in_64_bits_hold():
    cells = cells_of([5 * 10**9, 5 * 10**9 + 1])
    kept = kept_of(in_proportion(cells, 10**10), cells)
    assert kept.sum() == 10**10
