"""The library and the command line have one set of names."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib import import_module
from typing import Any

import click
import pytest

from gscli.bench import compare as bench_compare
from gscli.bench import resample as bench_resample
from gscli.cli._actions import Action
from tests.commands import commands

HERE = {  # what a command does with a result, and the library leaves to its caller
    "align": {"as_json", "report", "quiet", "verbose"},
    "bench compare": {"as_json"},
    "bench resample": {"as_json"},
    "compare": {"as_json", "report", "quiet", "verbose", "html"},
    "convert": {"as_json", "report", "quiet", "verbose"},
    "coprune": {"as_json", "report", "quiet", "verbose"},
    "demo": set(),
    "edit": {"as_json", "report", "quiet", "verbose"},
    "info": {"as_json", "html"},
    "lod": {"as_json", "report", "quiet", "verbose"},
    "render": {"as_json", "report", "quiet", "verbose"},
    "resample": {"as_json", "report", "quiet", "verbose", "no_cache"},
    "simplify": {"as_json", "report", "quiet", "verbose"},
    "verify": {"as_json", "report", "quiet", "verbose"},
    "view": {"as_json", "report", "quiet", "verbose", "page"},
    "watch": {"quiet"},
}
THERE = {
    "also_written",
    "cache",
    "glance",
    "say",
    "track",
}  # what a caller in Python hands over, and a command makes
SHORTER = {"grid_file", "as_json"}  # --grid and --json, which say less than their arguments


def function(command: str) -> Callable[..., Any]:
    benches = {"bench compare": bench_compare.bench, "bench resample": bench_resample.bench}
    if command in benches:
        return benches[command]
    found: Callable[..., Any] = getattr(import_module(f"gscli.{command}"), command)
    return found


@pytest.mark.parametrize("command", HERE)
def test_a_command_has_the_arguments_of_its_function_under_their_names(command: str) -> None:
    parameters = {
        "actions" if isinstance(parameter, Action) else parameter.name
        for parameter in commands()[command].params
    }
    assert HERE[command] <= parameters
    assert parameters - HERE[command] == set(inspect.signature(function(command)).parameters) - THERE


@pytest.mark.parametrize("command", HERE)
def test_an_option_is_called_as_its_argument(command: str) -> None:
    for parameter in commands()[command].params:
        if isinstance(parameter, click.Option) and parameter.name not in SHORTER:
            name = f"no_{parameter.name}" if parameter.default is True else str(parameter.name)
            dashes = "-" if len(name) == 1 else "--"
            assert dashes + name.replace("_", "-") in parameter.opts


def test_every_command_of_a_tool_is_held_to_that() -> None:
    others = {"cache clear", "cache info", "doctor", "formats"}  # which take nothing but --json
    assert {name for name in commands() if not name.startswith("batch")} == {*HERE, *others}
    for name in others:
        assert {parameter.name for parameter in commands()[name].params} <= {"as_json"}
