"""Which draws are asked for: out of range, or to no effect, they are refused by name."""

import numpy as np
import pytest

from gscli.errors import UsageError
from gscli.grids.methods import method, methods
from gscli.grids.voxel_grid import VoxelGrid
from gscli.resampling.draws import asked_for, check_draws, shared_out

LAST = 2**64 - 1


def test_draws_are_refused_by_the_number_that_is_out_of_range():
    check_draws(LAST, LAST - 2, 3)
    check_draws(None, None, None)
    for seed, epoch, repeat, name in (
        (-1, 0, 3, "seed"),
        (0, -1, 3, "epoch"),
        (LAST + 1, 0, 1, "seed"),
        (0, LAST, 2, "repeat"),
        (0, 0, 0, "repeat"),
    ):
        with pytest.raises(UsageError, match=f"^{name} "):
            check_draws(seed, epoch, repeat)


def test_options_ask_for_methods_by_the_names_of_the_command_line():
    assert asked_for({}) == [method("half")]
    assert asked_for({"target": "5%", "pick": "center"}) == [method("half", target="5%", pick="center")]
    assert asked_for({"method": ("single", "k-per-grid"), "k": 3}) == methods(["single", "k-per-grid"], k=3)


@pytest.mark.parametrize("option", ["seed", "epoch", "repeat"])
@pytest.mark.parametrize(
    ("options", "how"),
    [
        ({"method": ["dense"]}, "dense with pick='random'"),
        ({"method": ["one-per-grid", "dense"], "pick": "opacity"}, "one-per-grid with pick='opacity'"),
        ({"method": ["k-per-grid"], "k": 5, "pick": "center"}, "k-per-grid with pick='center'"),
    ],
)
def test_an_option_that_nothing_is_drawn_at_random_by_is_refused(options, how, option):
    asked_for(options)
    with pytest.raises(UsageError, match=f"^{option} has no effect: {how} draws nothing at random"):
        asked_for({**options, option: 1})


@pytest.mark.parametrize(
    "options", [{}, {"pick": "opacity"}, {"target": 5, "pick": "center"}, {"method": ["dense", "single"]}]
)
def test_an_option_that_something_is_drawn_at_random_by_is_taken(options):
    asked_for({**options, "seed": 1, "epoch": 2, "repeat": 3})


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (
            method("single", target=2),
            "one-per-grid to 2 points: one point each of 2 of 3 cells, drawn at random",
        ),
        (method("single", target=3), "one-per-grid to 3 points: 1 point of every cell"),
        (
            method("k-per-grid", target=6),
            "k-per-grid to 6 points: 2 points of every cell, or all it has, "
            "and one more of 1 of the 2 that have it, drawn at random",
        ),
        (method("k-per-grid", target=9), "k-per-grid to 9 points: 4 points of every cell, or all it has"),
        (method("k-per-grid", target=0), "k-per-grid to 0 points: nothing"),
        (method("half", target=2), None),
        (method("single"), None),
    ],
    ids=str,
)
def test_what_a_total_comes_to_is_told(how, told):
    grid = VoxelGrid.from_ids(np.repeat([0, 1, 2], [1, 4, 4]))
    assert shared_out(how, grid) == told
