"""What the table says of picks is what they do."""

import numpy as np
import pytest

from gscli.cloud import GaussianCloud
from gscli.errors import InputError, UsageError
from gscli.grids.methods import method
from gscli.grids.picking import PICKS, Pick, pick
from gscli.grids.voxel_grid import VoxelGrid

N = 2000
GAUSSIAN = ("x", "y", "z", "opacity", "scale_0", "scale_1", "scale_2")


def cloud(names=GAUSSIAN):
    rng = np.random.default_rng(0)
    rows = np.zeros(N, [(name, "<f4") for name in names])
    for name in names:
        rows[name] = rng.normal(size=N)
    return GaussianCloud(rows)


def drawn(picked, epochs):
    """(epochs, N) which rows are kept, three of a cell."""
    c = cloud()
    grid = VoxelGrid.from_points(c.xyz, voxel_size=1.0)
    how, keys = method("k-per-grid", k=3, pick=picked.name), grid.pick_keys(c, picked)
    kept = np.zeros((epochs, N), bool)
    for epoch in range(epochs):
        kept[epoch, grid.draw(how, epoch=epoch, keys=keys).rows] = True
    return grid, kept


@pytest.mark.parametrize("picked", PICKS.values(), ids=str)
def test_a_pick_is_seeded_where_two_epochs_keep_different_rows(picked):
    _, kept = drawn(picked, 2)
    assert picked.seeded == (kept[0] != kept[1]).any()


@pytest.mark.parametrize("picked", PICKS.values(), ids=str)
def test_a_uniform_pick_keeps_every_row_of_a_cell_equally_often(picked):
    """The largest deviation of a row's share, of 2000 rows: an ideal sampler passes 6 times in a billion."""
    epochs = 400
    grid, kept = drawn(picked, epochs)
    share = np.minimum(grid.counts, 3) / grid.counts
    expected = np.repeat(share, grid.counts)
    loose = (expected > 0) & (expected < 1)
    deviation = np.abs(kept.mean(0)[grid.order] - expected)[loose]
    spread = np.sqrt(expected * (1 - expected) / epochs)[loose]
    assert picked.uniform == bool((deviation < 6 * spread).all())


@pytest.mark.parametrize("picked", PICKS.values(), ids=str)
def test_a_pick_needs_its_columns_and_no_others(picked):
    needed = picked.columns(GAUSSIAN)
    assert (picked.by_columns is not None) == bool(needed)
    grid = VoxelGrid.from_points(cloud().xyz, voxel_size=1.0)
    grid.pick_keys(cloud(("x", "y", "z", *needed)), picked)
    if needed:
        with pytest.raises(InputError, match="opacity"):
            grid.pick_keys(cloud(("x", "y", "z")), picked)


@pytest.mark.parametrize("picked", PICKS.values(), ids=str)
def test_a_pick_by_place_needs_a_lattice_and_the_others_do_not(picked):
    grid = VoxelGrid.from_ids(np.zeros(N, np.int64))
    if picked.by_place is None:
        grid.pick_keys(cloud(), picked)
    else:
        with pytest.raises(UsageError, match=f"pick='{picked.name}' needs a lattice"):
            grid.pick_keys(cloud(), picked)


@pytest.mark.parametrize("picked", PICKS.values(), ids=str)
def test_keys_and_picks_that_do_not_go_together_are_refused(picked):
    grid = VoxelGrid.from_points(cloud().xyz, voxel_size=1.0)
    keys = np.zeros(N, np.uint32) if picked.uniform else None
    with pytest.raises(UsageError, match="go together"):
        grid.draw(method("single", pick=picked.name), keys=keys)


def test_flat_splats_are_important_by_their_two_scales():
    two = ("opacity", "scale_0", "scale_1")
    assert PICKS["importance"].columns(("x", *two)) == two
    assert PICKS["importance"].columns(("opacity",)) == (*two, "scale_2")


def test_a_pick_goes_by_its_name():
    assert {name: pick(name) for name in PICKS} == PICKS
    assert all(picked.name == name for name, picked in PICKS.items())
    with pytest.raises(UsageError, match="choose from random, opacity"):
        pick("best")


@pytest.mark.parametrize("chance", [False, True])
@pytest.mark.parametrize("columns", [False, True])
@pytest.mark.parametrize("place", [False, True])
def test_only_what_is_all_chance_is_uniform(chance, columns, place):
    picked = Pick(
        "any",
        "any",
        0,
        by_columns=(lambda _: np.zeros(1, np.uint32)) if columns else None,
        by_place=(lambda *_: np.zeros(1, np.uint32)) if place else None,
        by_chance=(lambda *_: np.zeros(1, np.uint32)) if chance else None,
    )
    assert picked.seeded == chance
    assert picked.uniform == (chance and not columns and not place)
