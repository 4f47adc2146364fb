"""One line for every expected failure, in the words of whoever reads it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

import gscli
from gscli.cli import _spelling, main
from gscli.errors import GscliError, UsageError

PACKAGE = Path(gscli.__file__).parent
LIBRARY = sorted(path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] != "cli")
OPTION = re.compile(r"(?<![\w-])--[a-z]|(?<!\S)-k\b")
MARKED = re.compile(r"`([a-z_]+)[`=]")
COMMANDS = {  # what may say options, and which: commands to run, or that are told of
    "batch/dask.py": ["(--resources "],
    "bench/compare.py": ["--quiet", "--threshold", "--no-gaussians", "--no-slow"],
    "bench/resample.py": ["--target 25%", "-k 8", "--quiet", "--no-cache", "--no-slow"],
    "doctor.py": ["--device torch-cpu", "--engine faiss", "--scheduler"],
}


def strings(source: str) -> Iterator[str]:
    """The strings of a module, those of messages in pieces, but for its docstrings."""
    tree = ast.parse(source)
    docs = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def parameters(source: str) -> Iterator[str]:
    """The parameters of the public functions of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef) and (node.name == "__init__" or node.name[0] != "_"):
            yield from (argument.arg for argument in (*node.args.args, *node.args.kwonlyargs))


def options(source: str, commands: Iterable[str] = ()) -> list[str]:
    """The strings of a module that name an option, other than in these commands."""
    found = list(strings(source))
    for command in commands:
        assert any(command in said for said in found)
        found = [said.replace(command, "") for said in found]
    return [said for said in found if OPTION.search(said)]


def test_a_line_names_the_file_what_is_wrong_and_what_to_do() -> None:
    error = GscliError("is\n empty", path="a.ply", remedy="check\tits writer")
    assert str(error) == "a.ply: is empty; check its writer"


def test_arguments_are_named_as_python_does_and_as_the_caller_spells_them() -> None:
    error = UsageError("`seed` has no effect", remedy="drop `seed`, or `voxel_size`")
    assert str(error) == "seed has no effect; drop seed, or voxel_size"
    assert error.told(lambda name: f"--{name.replace('_', '-')}") == (
        "--seed has no effect; drop --seed, or --voxel-size"
    )


def test_an_argument_may_be_marked_with_its_value() -> None:
    error = UsageError("`k` belongs to `method='k-per-grid'`", remedy="add `overwrite=True`")
    assert str(error) == "k belongs to method='k-per-grid'; add overwrite=True"
    told = error.told(lambda argument: _spelling.spelt(argument, main))
    assert told == "-k belongs to --method k-per-grid; add --overwrite"


@pytest.mark.parametrize("said", ["a ` b", "`Seed`", "``", "`two words`"])
def test_other_backticks_stay(said: str) -> None:
    assert UsageError(said).told(str.upper) == said


def test_a_path_is_no_argument() -> None:
    assert UsageError("is odd", path="`seed`").told(str.upper) == "`seed`: is odd"


def test_the_library_does_not_speak_command_line() -> None:
    modules = {path.relative_to(PACKAGE).as_posix(): path.read_text(encoding="utf-8") for path in LIBRARY}
    found = {
        name: options(source, COMMANDS.get(name, ()))
        for name, source in modules.items()
        if not name.startswith("report/")
    }
    assert {name: said for name, said in found.items() if said} == {}
    assert set(COMMANDS) <= set(modules)


@pytest.mark.parametrize("said", ["'--seed is odd'", "f'{x}: add --overwrite'", "'give -k'", "'-k is odd'"])
def test_options_are_noticed(said: str) -> None:
    assert len(options(f"def f(x):\n    'Not of --this.'\n    return {said}\n")) == 1


def test_every_argument_that_is_marked_is_one() -> None:
    marked: set[str] = set()
    known = set(_spelling.spellings(main))
    for path in LIBRARY:
        source = path.read_text(encoding="utf-8")
        marked |= {name for said in strings(source) for name in MARKED.findall(said)}
        known |= set(parameters(source))
    assert marked - known == set()
    assert {"origin", "device", "overwrite"} <= marked  # by itself, with a value, and as a flag
