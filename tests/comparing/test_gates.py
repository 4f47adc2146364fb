"""Limits are read as written, and a number that does not exist keeps none."""

import math
from dataclasses import dataclass

import pytest

from gscli.comparing import gates
from gscli.errors import UsageError

REPORT = {
    "mean": 0.5,
    "at": ({"matched": 0, "x": 1.0}, {"matched": 3, "x": 2.0}),
    "none": None,
    "inf": math.inf,
}


@dataclass
class Part:
    depth: float


@dataclass
class Whole:
    at: tuple[Part, ...]
    absent: Part | None
    path: str
    count: int | None = None


PARTS = {"mean": float, "whole": Whole, "sizes": tuple[float | None, ...]}


@pytest.mark.parametrize(
    "text, passed",
    [
        ("mean <= 0.5", True),
        ("mean<0.5", False),
        ("mean >= 5e-1", True),
        (" mean > .4 ", True),
        ("at[1].x == 2", True),
        ("at.1.x != 2", False),
        ("part.depth <= -1", False),
    ],
)
def test_a_number_is_held_to_its_limit(text, passed):
    gate = gates.check(gates.parse(text), {**REPORT, "part": Part(3.0)})
    assert gate.passed is passed


@pytest.mark.parametrize("text", ["none <= 1", "none.deeper >= 0", "inf >= 0", "inf <= 1"])
def test_what_does_not_exist_keeps_no_limit(text):
    gate = gates.check(gates.parse(text), REPORT)
    assert gate.value is None
    assert not gate.passed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mean",
        "mean <= ",
        "mean <= x",
        "mean <= nan",
        "mean < inf",
        "mean > -1e999",
        "<= 3",
        "mean =< 3",
        "__import__('os') <= 1",
        "a+b <= 1",
        "mean. <= 1",
        ".mean <= 1",
        "at]..x <= 1",
        "at[x] <= 1",
        "at[1 <= 1",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(UsageError, match="no limit"):
        gates.parse(text)


@pytest.mark.parametrize(
    "path", ["mean", "sizes[1]", "whole.at[0].depth", "whole.at.1.depth", "whole.absent.depth", "whole.count"]
)
def test_a_path_to_a_number_is_known_before_there_is_one(path):
    gates.require_number(path, PARTS, length=2)


@pytest.mark.parametrize(
    "path, words",
    [
        ("maen", "did you mean mean"),
        ("whole.absent.dept", "did you mean depth"),
        ("whole.at[2].depth", "no 2 there; choose from 0, 1"),
        ("sizes.first", "no first there; choose from 0, 1"),
        ("whole.at", "is no number, but holds 0, 1"),
        ("whole.absent", "is no number, but holds depth"),
        ("whole.path", "is no number$"),
        ("mean.real", "no real there; choose from nothing"),
    ],
)
def test_a_path_to_no_number_is_refused_before_there_is_a_report(path, words):
    with pytest.raises(UsageError, match=words):
        gates.require_number(path, PARTS, length=2)


@pytest.mark.parametrize(
    "value, limit, said",
    [
        (0.9816666, ">= 0.9816667", "mean is 0.9816666, not >= 0.9816667"),
        (12345678.5, "< 12345678", "mean is 1.23457e+07, not < 12345678"),
        (1 / 3, "== 0.333333", "mean is 0.3333333333333333, not == 0.333333"),
        (1 / 3, "<= 1e-9", "mean is 0.333333, not <= 1e-09"),
        (0.25, "<= 0.5", "mean is 0.25, <= 0.5"),
    ],
)
def test_a_missed_limit_has_the_digits_that_tell_why(value, limit, said):
    assert str(gates.check(gates.parse(f"mean {limit}"), {"mean": value})) == said


def test_rmse_without_a_match_is_missed():
    path = "source_to_target.at[0].inlier_rmse"
    for limit in (*gates.limits(None, 0.1, []), gates.parse(f"{path} <= 0.1")):
        gate = gates.check(limit, {"source_to_target": {"at": [{"inlier_rmse": None}]}})
        assert (gate.passed, gate.value) == (False, None)
        assert str(gate) == f"{path} is missing, for nothing matched, not <= 0.1"
        assert gates.check(limit, {"source_to_target": {"at": [{"inlier_rmse": 0.0}]}}).passed


@pytest.mark.parametrize(
    "fitness, rmse", [(1.1, None), (-0.1, None), (math.nan, None), (None, -1), (None, math.nan)]
)
def test_limits_that_nothing_could_be_held_to(fitness, rmse):
    with pytest.raises(UsageError):
        gates.limits(fitness, rmse, [])
