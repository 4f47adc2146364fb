"""The sections of a command's help: every option in one of them, and no name in vain."""

import click
import pytest
from click.testing import CliRunner

from gscli.cli import main
from gscli.cli._sections import SHARED, Command
from tests.commands import commands

CUT = {name: command for name, command in commands().items() if isinstance(command, Command)}


def shown_options(name):
    """What ``--help`` shows behind its examples."""
    shown = CliRunner().invoke(main, [*name.split(), "--help"], terminal_width=80).stdout
    return shown.partition("\n  Examples:\n")[2]


def options(command):
    return {str(p.name) for p in command.params if isinstance(p, click.Option)}


@pytest.mark.parametrize("name", [name for name, command in CUT.items() if "device" in options(command)])
def test_only_what_a_gpu_leaves_as_it_is_is_called_the_same(name):
    shown, merges = " ".join(shown_options(name).split()), name.split()[-1] in {"simplify", "lod"}
    assert ("By a GPU's pictures other Gaussians may be merged." in shown) == merges
    assert ("The output is the same; pictures agree" in shown) != merges


@pytest.mark.parametrize("name", CUT)
def test_an_option_is_shown_once(name):
    rows = [
        line.split()[0].rstrip(",") for line in shown_options(name).splitlines() if line.startswith("  -")
    ]
    spelt = [row.partition("[")[0] for row in rows]
    assert sorted(spelt) == sorted(
        [*(p.opts[0] for p in CUT[name].params if isinstance(p, click.Option)), "-h"]
    )


def test_what_commands_share_stands_behind_their_own():
    shown = shown_options("compare").partition("\n\n")[2]
    places = [
        shown.index(what)
        for what in ("Options:", "--pair", "\nLimits:", "--require", "\nPictures:", "--size")
    ]
    assert places == sorted(places)
    assert shown.index("\nReporting:") < shown.index("--json ") < shown.index("-h, --help")


def test_few_options_need_no_sections():
    shown = shown_options("doctor")
    assert "Options:" in shown
    assert "Reporting:" not in shown


def test_a_section_names_options_that_there_are():
    everything = {"help"}.union(*(options(command) for command in CUT.values()))
    assert [name for names in SHARED.values() for name in names if name not in everything] == []


@pytest.mark.parametrize("name", CUT)
def test_a_commands_own_sections_name_its_options(name):
    named = {option for names in CUT[name].sections.values() for option in names}
    assert named - options(CUT[name]) - {"patterns"} == set()
