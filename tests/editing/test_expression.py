"""Conditions say what Python would say of each row, and nothing else of Python gets through."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gscli.editing.expression import DEEPEST, FUNCTIONS, LONGEST, STORED, Condition
from gscli.errors import UsageError

COLUMNS = {
    "x": np.array([0.0, -1.5, 2, 1e6, -0.25, 3]),
    "y": np.array([1.0, 2, -2, 0.5, 0.25, 3]),
    "label": np.array([0.0, 1, 2, 3, 4, 255]),
}


def holds(text: str, columns: dict[str, npt.NDArray[Any]] = COLUMNS) -> list[bool]:
    return Condition.of(text).holds(columns, len(next(iter(columns.values())))).tolist()


def by_python(text: str) -> list[bool]:
    """The slow twin: Python itself, row by row."""
    allowed = {"abs": abs, "min": min, "max": max, "isfinite": math.isfinite, "sqrt": math.sqrt}
    found = []
    for row in zip(*COLUMNS.values(), strict=True):
        found.append(bool(eval(text, {"__builtins__": {}}, allowed | dict(zip(COLUMNS, row, strict=True)))))
    return found


@pytest.mark.parametrize(
    "text",
    [
        "x > 0",
        "x >= y",
        "label == 2",
        "label != 2",
        "-1 < x <= 2 < y + 1.5",
        "x > 0 and y > 0",
        "x > 0 and y > 0 and label < 200",
        "x > 0 or y > 0 and label < 3",
        "not x > 0",
        "not (x > 0 or not y > 0)",
        "x + y * 2 - 1 > y / 2",
        "-x < +y",
        "label % 2 == 1",
        "label // 2 == 1",
        "(x + y) % 3 < 1.5",
        "abs(x) < 2",
        "max(x, y, label) > 2.5",
        "min(x, -y) < -1",
        "sqrt(x * x + y * y) < 3",
        "isfinite(x) and x > 0",
        "isfinite(x)",
        "x > 1e5 or x < -1_0e-1",
        "  x\t>  0  ",
        "(x >\n0)",
    ],
)
def test_a_condition_holds_where_python_says_so(text: str) -> None:
    assert holds(text) == by_python(text)
    assert len(set(holds(text))) == 2 or text == "isfinite(x)"


def amounts() -> st.SearchStrategy[str]:
    leaves = st.sampled_from(["x", "y", "label", "1", "2.5", "0.125"])
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
            st.builds("-{}".format, inner),
            st.builds("abs({})".format, inner),
            st.builds("max({}, {})".format, inner, inner),
        ),
        max_leaves=6,
    )


@given(
    st.recursive(
        st.builds(
            "({} {} {})".format, amounts(), st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), amounts()
        ),
        lambda inner: st.one_of(
            st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner),
            st.builds("(not {})".format, inner),
        ),
        max_leaves=5,
    )
)
def test_any_condition_holds_where_python_says_so(text: str) -> None:
    try:
        assert holds(text) == by_python(text)
    except UsageError as error:
        assert "names no column" in str(error)  # noqa: PT017  of numbers alone


def test_it_names_what_it_asks_for_once_and_in_order() -> None:
    assert Condition.of("y > x and x < 3 and column('a b') > y").names == ("y", "x", f"{STORED}a b")


def test_a_column_in_quotes_is_any_column() -> None:
    assert holds('column("scalar Intensity") > 1', {f"{STORED}scalar Intensity": np.array([0.0, 2])}) == [
        False,
        True,
    ]


def test_what_is_not_finite_holds_nothing() -> None:
    odd = {"x": np.array([np.nan, np.inf, -np.inf, 1])}
    assert holds("x > 0", odd) == [False, True, False, True]
    assert holds("x <= 0", odd) == [False, False, True, False]
    assert holds("isfinite(x)", odd) == [False, False, False, True]
    assert holds("log(x) > -9", odd) == [False, True, False, True]


def test_logarithms_and_exponentials_reach_their_ends() -> None:
    column = np.array([0.0, 1, np.e, 1e-310, -1, 800, -800, np.inf, -np.inf])
    log, exp = (FUNCTIONS[name][0](column) for name in ("log", "exp"))
    with np.errstate(all="ignore"):
        np.testing.assert_allclose(log, np.log(column), rtol=1e-13)
        np.testing.assert_allclose(exp, np.exp(column), rtol=1e-13)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("x", "no condition"),
        ("x + 1", "no condition"),
        ("1 < 2", "names no column"),
        ("x > 0 and y", "takes the number y"),
        ("not x", "takes the number x"),
        ("(x > 0) + 1 > 1", "calculates with the condition"),
        ("(x > 0) == (y > 0)", "calculates with the condition"),
        ("abs(x > 0) > 0", "calculates with the condition"),
        ("x > 0 & y > 0", "write and"),
        ("~x > 0", "write not"),
        ("x ** 2 > 1", "x * x"),
        ("x is 1", "write =="),
        ("x in (1, 2)", "which no condition takes"),
        ("x > 'a'", "'a'"),
        ("x > True", "True"),
        ("x > None", "None"),
        ("x > 1j", "1j"),
        ("x > b''", "b''"),
        ("x > ...", "..."),
        ("x > 1e999", "beyond all numbers"),
        ("x > " + "9" * 400, "beyond all numbers"),
        ("x.real > 0", "x.real"),
        ("x[0] > 0", "x[0]"),
        ("(y := x) > 0", "y := x"),
        ("(lambda: x)() > 0", "no function here"),
        ("[x for x in y] > 0", "which no condition takes"),
        ("f'{x}' > 0", "which no condition takes"),
        ("x if y > 0 else x", "which no condition takes"),
        ("x > *y", "no condition"),
        ("cosine(x) > 0", "choose from abs"),
        ("abss(x) > 0", "did you mean abs?"),
        ("abs() > x", "it takes 1"),
        ("max(x) > 0", "it takes 2 to 9"),
        ("max(x, y, key=x) > 0", "no function here"),
        ("max(*x, y) > 0", "which no condition takes"),
        ("column(x) > 0", "no name in quotes"),
        ("column('x', 'y') > 0", "no name in quotes"),
        ("__import__('os').system('true') > x", "no function here"),
        ("().__class__ > x", "().__class__"),
        ("open('/etc/passwd') > x", "no function here"),
        ("exec('1') > x", "no function here"),
        ("x > 0; y", "no condition"),
        ("import os", "no condition"),
        ("x >", "no condition"),
        ("x\0 > 0", "no condition"),
        ("x > 0)", "no condition"),
    ],
)
def test_anything_else_is_refused_by_name(text: str, word: str) -> None:
    with pytest.raises(UsageError) as refused:
        Condition.of(text)
    assert word in str(refused.value)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("text", ["", "  ", None, 3, b"x > 0", ["x > 0"]])
def test_what_is_no_text_is_refused(text: Any) -> None:
    with pytest.raises(UsageError, match="must be a condition"):
        Condition.of(text)


@pytest.mark.parametrize(
    "text",
    [
        "x > " + "-" * 1900 + "1",
        "not " * 450 + "x > 0",
        "x > " + "(" * 60 + "1" + ")" * 60 + " + y" * 300,
        "x > " + "abs(" * 400 + "1" + ")" * 400,
        "(" * 990 + "x > 0" + ")" * 990,
        "x" + " > x[" * 150 + "0" + "]" * 150,
        "[" * 150 + "x" + "]" * 150 + " > 0",
        "x > 0" + " and x > 0" * LONGEST,
        "x" * (LONGEST + 1),
    ],
)
def test_depth_and_length_are_bounded(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        Condition.of(text)
    assert len(str(refused.value)) < 400


def test_what_is_less_deep_and_long_is_taken() -> None:
    assert holds("x > " + "-" * (DEEPEST - 2) + "1")
    long = "x > 0" + " or x < 3" * 200
    assert len(long) <= LONGEST
    assert holds(long) == [True] * 6


def test_a_column_may_be_called_as_a_function_is() -> None:
    assert holds("max > 1 and max(max, 3) > 3", {"max": np.array([0.0, 2, 4])}) == [False, False, True]


def test_columns_are_left_alone() -> None:
    column = np.array([1.0, 2])
    holds("-x + 1 > 0 and x * 2 > x", {"x": column})
    np.testing.assert_array_equal(column, [1, 2])
