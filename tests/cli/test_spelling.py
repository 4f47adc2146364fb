"""The command line names the library's arguments by its own options."""

from __future__ import annotations

import click
import pytest

from gscli.cli import _spelling, main


def test_options_and_arguments_are_spelt_as_help_shows_them() -> None:
    spelt = _spelling.spellings(main)
    assert (spelt["seed"], spelt["voxel_size"], spelt["k"]) == ("--seed", "--voxel-size", "-k")
    assert spelt["source"] == "SOURCE"


@pytest.mark.parametrize(
    ("argument", "option"),
    [
        ("memory_limit", "--memory-limit"),
        ("device='torch-cpu'", "--device torch-cpu"),
        ("gaussians=False", "--no-gaussians"),
        ("trust_pickle=True", "--trust-pickle"),
        ("drop_invalid=True", "--drop-invalid"),
        ("drop_invalid='gaussians'", "--drop-invalid=gaussians"),
        ("nothing", "nothing"),
    ],
)
def test_an_argument_is_spelt_with_its_value_and_a_flag_without(argument: str, option: str) -> None:
    assert _spelling.spelt(argument, main) == option


def test_a_name_is_spelt_alike_within_every_command_and_group() -> None:
    ctx = click.Context(main)
    for command in (main.get_command(ctx, name) for name in main.list_commands(ctx)):
        assert command is not None
        seen: dict[str, set[str]] = {}
        for each in _spelling._commands(command):
            for name, spelt in _spelling._own(each):
                seen.setdefault(name, set()).add(spelt)
        assert {name: spelt for name, spelt in seen.items() if len(spelt) > 1} == {}


def test_every_option_is_spelt() -> None:
    names = {p.name for c in _spelling._commands(main) for p in c.params if isinstance(p, click.Option)}
    assert names <= set(_spelling.spellings(main))


def test_a_name_is_spelt_as_the_command_that_runs_has_it() -> None:
    ctx = click.Context(main)
    commands = {name: main.get_command(ctx, name) for name in ("batch", "compare", "resample", "verify")}
    spelt = {name: _spelling.spelt("target", command) for name, command in commands.items() if command}
    assert spelt == {"batch": "--target", "compare": "TARGET", "resample": "--target", "verify": "target"}
