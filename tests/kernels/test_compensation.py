"""Rows that stand for others: how many, and how opaque they are for it."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest

from gscli.kernels import compensation
from gscli.kernels.parallel import BLOCK


def twin(logit: float, weight: float) -> float:
    """The logit of 1 - (1 - a)^w, in 400 digits."""
    with localcontext() as context:
        context.prec = 400
        through = (1 / (1 + Decimal(logit).exp())) ** Decimal(weight)
        return float(((1 - through) / through).ln())


@pytest.mark.parametrize("weight", [1.0, 1.0625, 2.0, 20.7, 1e6])
def test_an_opacity_is_that_of_so_many_on_top_of_each_other(weight):
    logits = np.concatenate([np.linspace(-60, 60, 49), [-300.0, -11.6, -11.5, -11.4, 0.0, 300.0]])
    logits = logits[weight * np.logaddexp(0, logits) < 800]  # as far as those digits go
    found = compensation.raised(logits, np.full(len(logits), weight))
    np.testing.assert_allclose(found, [twin(x, weight) for x in logits], rtol=1e-9, atol=1e-10)


def test_what_stands_for_itself_alone_is_as_opaque_as_it_was():
    logits = np.linspace(-40, 40, 999)
    np.testing.assert_allclose(compensation.raised(logits, np.ones(999)), logits, rtol=1e-10, atol=1e-10)


def test_infinities_and_nan_stay():
    found = compensation.raised([np.inf, -np.inf, np.nan], np.full(3, 4.0))
    assert found[0] == np.inf
    assert found[1] == -np.inf
    assert np.isnan(found[2])


@pytest.mark.parametrize("rows", [1, 7, BLOCK - 1, BLOCK + 1])
def test_a_row_stands_for_its_share_of_the_cell(rows):
    rng = np.random.default_rng(rows)
    cells = rng.integers(0, max(1, rows // 6), rows)
    kept = rng.random(rows) < 0.3
    order = np.argsort(cells, kind="stable").astype(np.int32)
    offsets = np.append(np.flatnonzero(np.diff(cells[order], prepend=-1)), rows)
    found = np.full(rows, 7.0, np.float32)
    alone = compensation.weights(kept, order, offsets, found)
    expected, nobody = np.full(rows, 7.0, np.float32), 0
    for cell in set(cells.tolist()):
        inside = cells == cell
        if (kept & inside).any():
            expected[kept & inside] = inside.sum() / (kept & inside).sum()
        else:
            nobody += int(inside.sum())
    assert found.tolist() == expected.tolist()
    assert alone == nobody


def test_no_cells_have_no_weights():
    empty = np.empty(0, np.int32)
    assert compensation.weights(np.zeros(3, bool), empty, np.zeros(1, np.int64), np.zeros(3)) == 0
