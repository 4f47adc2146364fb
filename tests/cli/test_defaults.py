"""What --help says of defaults is what they are: it imports nothing that knows them."""

from __future__ import annotations

import click
import pytest

from gscli.cameras import FOV
from gscli.cameras.camera import NEAR
from gscli.cameras.orbit import NEAR as OF_DISTANCE
from gscli.cli import main
from gscli.grids import lattice
from gscli.rendering import views
from gscli.simplifying import look
from gscli.view import TURNS

WIDTH, HEIGHT = views.SIZE


@pytest.mark.parametrize(
    ("command", "option", "said"),
    [
        ("render", "views", f"[default: {views.VIEWS}, or 1 picture]"),
        ("render", "size", f"[default: {WIDTH}x{HEIGHT}, or as --cameras says]"),
        ("render", "fov", f"[default: {FOV:g}]"),
        ("render", "near", f"[default: {OF_DISTANCE:.0%} of an orbit's distance, {NEAR} of --cameras]"),
        ("resample", "points_per_cell", f"[default: {lattice.DEFAULT_POINTS_PER_CELL:g}]"),
        (
            "simplify",
            "views",
            f"[default: {look.VIEWS}; {look.FEW} for {look.PART:.0%} and more; "
            f"{look.FROM_FILE} of --cameras]",
        ),
    ],
)
def test_help_says_the_defaults_that_are_taken(command: str, option: str, said: str) -> None:
    assert said in (_option(command, option).help or "")


def test_a_page_has_as_many_turns_as_the_library_makes() -> None:
    assert _option("view", "turns").default == TURNS


def _option(command: str, name: str) -> click.Option:
    found = main.get_command(click.Context(main), command)
    assert found is not None
    option = next(each for each in found.params if each.name == name)
    assert isinstance(option, click.Option)
    return option
