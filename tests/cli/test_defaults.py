"""What --help says of defaults is what they are: it imports nothing that knows them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import click

import gscli
from gscli.cameras import FOV
from gscli.cameras.camera import NEAR
from gscli.cameras.orbit import NEAR as OF_DISTANCE
from gscli.cli import main
from gscli.comparing import centers, m3c2_options
from gscli.files import qualities, upwards
from gscli.formats import _gltf_attributes, spz
from gscli.grids import lattice
from gscli.grids.methods import Method
from gscli.rendering import FILE_TYPES, views
from gscli.simplifying import asked, look
from gscli.view import SIZE as SIDE
from gscli.view import TURNS
from gscli.watching import drawing

WIDTH, HEIGHT = views.SIZE
_AXES = f"{spz.AXES} for SPZ and USD, {_gltf_attributes.AXES} for glTF"
_METHOD = Method()

# What stands behind "[default: ", by command and option, or by the option alone where all commands say it.
SAID: dict[tuple[str, str] | str, str] = {
    ("render", "views"): f"{views.VIEWS}, or 1 picture",
    ("compare", "views"): f"{views.VIEWS}",
    ("watch", "views"): f"{drawing.VIEWS}",
    ("simplify", "views"): f"{look.VIEWS}; {look.FEW} for {look.PART:.0%} and more; "
    f"{look.FROM_FILE} of --cameras",
    ("lod", "views"): f"{look.VIEWS}; {look.FROM_FILE} of --cameras",
    ("render", "size"): f"{WIDTH}x{HEIGHT}, or as --cameras says",
    ("compare", "size"): f"{WIDTH}x{HEIGHT}, or as --cameras says",
    ("watch", "size"): "{}x{}, or as --cameras says".format(*drawing.SIZE),
    ("view", "size"): f"{SIDE}x{SIDE}",
    ("view", "near"): f"{OF_DISTANCE:.0%} of an orbit's distance",
    "near": f"{OF_DISTANCE:.0%} of an orbit's distance, {NEAR} of --cameras",
    "fov": f"{FOV:g}",
    "up": f"{upwards.AUTO}, as the file says or its ground lies, or else -y",
    "points_per_cell": f"{lattice.DEFAULT_POINTS_PER_CELL:g}",
    "ratio": "{}:{}".format(*_METHOD.ratio),
    "min_per_cell": f"{_METHOD.min_per_cell}",
    "pick": _METHOD.pick.name,
    "axes": _AXES,
    "quality": qualities.NAMES[0],
    "threshold": centers.DEFAULT_THRESHOLD,
    "m3c2_depth": f"{m3c2_options.DEPTHS} times C",
    "file_type": FILE_TYPES[0],
    **dict.fromkeys(("seed", "epoch", "registration_error"), "0"),
    **dict.fromkeys(("origin",), "0,0,0"),
    "orientation": "0,0,1",
    "pair": "nearest",
    "background": "black",
    # no values
    "mode": "what SOURCE holds",
    "out_dir": "a new temporary folder",
    "expect": "believe the comment in each DRAW",
    "rows": "merge again",
    ("lod", "levels"): f"{asked.LEVELS}, or as many as keep --max-error",
    ("watch", "data_range"): "the largest value of the first two models'",
    "data_range": "the largest value of the reference's",
}


def every_option() -> Iterator[tuple[str, click.Option]]:
    """Each option with the command that has it; those of batches are the same."""
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        yield from ((name, each) for each in command.params if isinstance(each, click.Option))


OPTIONS = [*every_option()]


def test_help_says_the_defaults_that_are_taken() -> None:
    told = {
        (name, str(option.name)): said[1]
        for name, option in OPTIONS
        if (said := re.search(r"\[default: (.*)\]$", option.help or ""))
    }
    assert len(told) > 50
    held = {key: SAID.get(key, SAID.get(key[1])) for key in told}
    assert told == held
    unused = [key for key in SAID if key not in told and key not in {option for _, option in told}]
    assert unused == []


def test_defaults_of_options_are_those_of_the_functions() -> None:
    """Where both have one: an option without a default leaves it to the function, which may know more."""
    compared = 0
    for name, option in OPTIONS:
        tool = getattr(getattr(gscli, name, None), name, None) or getattr(gscli, name, None)
        known = inspect.signature(tool).parameters if inspect.isroutine(tool) else {}
        if option.name in known and option.default not in (None, False) and option.show_default:
            wanted: Any = known[option.name].default
            given: Any = option.default
            assert (list(given) if isinstance(given, list | tuple) else given) in (wanted, [wanted]), (
                name,
                option.name,
            )
            compared += 1
    assert compared > 8


def test_a_page_has_as_many_turns_as_the_library_makes() -> None:
    assert _option("view", "turns").default == TURNS


def _option(command: str, name: str) -> click.Option:
    found = main.get_command(click.Context(main), command)
    assert found is not None
    option = next(each for each in found.params if each.name == name)
    assert isinstance(option, click.Option)
    return option
