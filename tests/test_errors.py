"""One line for every expected failure, in the words of whoever reads it."""

from __future__ import annotations

import pytest

from gscli.errors import GscliError, UsageError


def test_a_line_names_the_file_what_is_wrong_and_what_to_do() -> None:
    error = GscliError("is\n empty", path="a.ply", remedy="check\tits writer")
    assert str(error) == "a.ply: is empty; check its writer"


def test_arguments_are_named_as_python_does_and_as_the_caller_spells_them() -> None:
    error = UsageError("`seed` has no effect", remedy="drop `seed`, or `voxel_size`")
    assert str(error) == "seed has no effect; drop seed, or voxel_size"
    assert error.told(lambda name: f"--{name.replace('_', '-')}") == (
        "--seed has no effect; drop --seed, or --voxel-size"
    )


@pytest.mark.parametrize("said", ["a ` b", "`Seed`", "``", "`two words`"])
def test_other_backticks_stay(said: str) -> None:
    assert UsageError(said).told(str.upper) == said


def test_a_path_is_no_argument() -> None:
    assert UsageError("is odd", path="`seed`").told(str.upper) == "`seed`: is odd"
