"""Draws of every method are uniform, without replacement and independent, down to the smallest cells.

Small cells are where weak schemes break: an affine permutation of three or five rows looks random
row by row and is not random pair by pair.
"""

import numpy as np
import pytest

from gscli.grids.methods import method
from gscli.grids.voxel_grid import VoxelGrid
from gscli.kernels.statistics import uniformity

SIZES = [(3, 1), (5, 2), (8, 4), (13, 5), (20, 10), (37, 18)]
CELLS, DRAWS = 5_000, 6
UNLIKELY = 1e-5


def cells_of(n, cells=CELLS):
    """A grid of equal cells whose rows lie scattered in the input."""
    ids = np.repeat(np.arange(cells), n)
    return VoxelGrid.from_ids(np.random.default_rng(n).permutation(ids))


def kept_by(grid, draw):
    """(E, N) bool in sorted-row order, from a function of the epoch that gives input rows."""
    kept = np.zeros((DRAWS, grid.rows), bool)
    for epoch in range(DRAWS):
        chosen = np.zeros(grid.rows, bool)
        chosen[draw(epoch)] = True
        kept[epoch] = chosen[grid.order]
    return kept


def suspicious(grid, draw):
    return {t.name for t in uniformity(grid.offsets, kept_by(grid, draw)) if t.p < UNLIKELY}


@pytest.mark.parametrize("seed", [0, 12345])
@pytest.mark.parametrize(("n", "k"), SIZES)
def test_every_point_and_pair_of_a_cell_is_kept_equally_often(n, k, seed):
    grid = cells_of(n)
    how = method("k-per-grid", k=k)
    assert not suspicious(grid, lambda epoch: grid.draw(how, seed=seed, epoch=epoch).rows)


@pytest.mark.parametrize("n", [2, 3, 5, 8, 13, 20, 37])
@pytest.mark.parametrize("name", ["half-density", "one-per-grid"])
def test_the_scenarios_of_training_are_uniform(n, name):
    grid = cells_of(n)
    assert not suspicious(grid, lambda epoch: grid.draw(name, seed=7, epoch=epoch).rows)


def test_draws_from_the_torch_code_are_the_same_draws():
    torch = pytest.importorskip("torch")
    grid = cells_of(5, 500)
    there = grid.to(torch.device("cpu"))
    for name in ("half-density", "one-per-grid"):
        assert (
            there.draw(name, seed=3, epoch=2).rows.tolist() == grid.draw(name, seed=3, epoch=2).rows.tolist()
        )


def prefix(n, k, rng):
    """The first k rows of every cell, always."""
    return np.tile(np.arange(k), (CELLS, 1))


def affine(n, k, rng):
    """i -> (a i + b) mod n with a prime to n: every row equally often, pairs far from it."""
    prime_to_n = [a for a in range(1, n) if np.gcd(a, n) == 1]
    a, b = rng.choice(prime_to_n, (CELLS, 1)), rng.integers(0, n, (CELLS, 1))
    return (a * np.arange(k) + b) % n


def block(n, k, rng):
    """k rows in a row, from a random start."""
    return (rng.integers(0, n, (CELLS, 1)) + np.arange(k)) % n


def alike(n, k, rng):
    """One good draw, the same in every cell but for one swap in a hundred cells."""
    return np.tile(rng.permutation(n)[:k], (CELLS, 1))


def drawn_by(scheme, n, k, grid, *, per_epoch=True):
    def draw(epoch):
        rng = np.random.default_rng(epoch if per_epoch else 0)
        return grid.order[(grid.offsets[:-1, None] + scheme(n, k, rng)).ravel()]

    return draw


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_a_sampler_that_keeps_a_prefix_of_each_cell_is_caught(n, k):
    grid = cells_of(n)
    assert {"inclusion", "neighbours", "epochs"} <= suspicious(grid, drawn_by(prefix, n, k, grid))


@pytest.mark.parametrize(("n", "k"), [(8, 4), (20, 10)])
def test_an_affine_permutation_is_caught_by_its_pairs(n, k):
    grid = cells_of(n)
    assert suspicious(grid, drawn_by(affine, n, k, grid)) == {"pairs", "subsets"}


@pytest.mark.parametrize(("n", "k"), [(13, 5), (37, 18)])
def test_an_affine_permutation_of_a_prime_number_is_caught_by_its_few_subsets(n, k):
    grid = cells_of(n)
    assert suspicious(grid, drawn_by(affine, n, k, grid)) == {"subsets"}


@pytest.mark.parametrize(("n", "k"), [(5, 2), (8, 4), (13, 5), (20, 10), (37, 18)])
def test_keeping_neighbours_in_the_file_together_is_caught(n, k):
    grid = cells_of(n)
    assert "pairs" in suspicious(grid, drawn_by(block, n, k, grid))


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_cells_that_all_draw_alike_are_caught(n, k):
    grid = cells_of(n)
    assert "neighbours" in suspicious(grid, drawn_by(alike, n, k, grid))


def ideal(n, k, rng):
    return rng.random((CELLS, n)).argsort(1)[:, :k]


@pytest.mark.parametrize(("n", "k"), SIZES)
def test_a_draw_that_ignores_the_epoch_is_caught_by_that_alone(n, k):
    grid = cells_of(n)
    assert suspicious(grid, drawn_by(ideal, n, k, grid)) == set()
    frozen = suspicious(grid, drawn_by(ideal, n, k, grid, per_epoch=False))
    assert "epochs" in frozen
