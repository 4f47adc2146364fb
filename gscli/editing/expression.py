"""Conditions on rows, as ``opacity > 0.1 and scale_max < 0.5``: a little of Python's own grammar.

The text is parsed by `ast` and never run: what is not in the tables here is refused by name. What comes of it
works on arrays of float64, in operations that are the same on every machine.

One module: what a grammar takes, and what it refuses, stands side by side.
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UsageError, did_you_mean
from ..kernels import elementary

Array = npt.NDArray[Any]
Columns = Mapping[str, Array]
Value = Callable[[Columns], Any]  # (N,) float64 or bool, or one for all rows

LONGEST = 2_000  # characters
DEEPEST = 40  # of parentheses, calls and operators within each other


def _log(x: Any) -> Any:
    """The logarithm, -inf of 0 and NaN of what is below."""
    x = np.asarray(x, np.float64)
    usual = np.isfinite(x) & (x > 0)
    odd = np.where(x == 0, -np.inf, np.where(x == np.inf, np.inf, np.nan))
    return np.where(usual, elementary.log(np.where(usual, x, 1.0)), odd)


def _exp(x: Any) -> Any:
    """The exponential, 0 of -inf and inf of what is beyond all numbers."""
    x = np.asarray(x, np.float64)
    beyond = np.abs(x) > elementary.LARGEST
    return np.where(beyond, np.where(x > 0, np.inf, 0.0), elementary.exp(x))


FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {  # and of how many arguments, at least and most
    "abs": (np.abs, 1, 1),
    "sqrt": (np.sqrt, 1, 1),
    "exp": (_exp, 1, 1),
    "log": (_log, 1, 1),
    "min": (np.minimum, 2, 9),
    "max": (np.maximum, 2, 9),
    "isfinite": (np.isfinite, 1, 1),
}
_TRUTHS = ("isfinite",)  # the functions that answer yes or no
_COLUMN = "column"  # the function that takes a name in quotes
STORED = "column:"  # before the names of columns that are asked for as they are stored
_OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_INSTEAD: dict[type[ast.AST], str] = {
    ast.BitAnd: "write and",
    ast.BitOr: "write or",
    ast.Invert: "write not",
    ast.Pow: "write the product, as x * x",
    ast.Is: "write ==",
    ast.IsNot: "write !=",
}


@dataclass(frozen=True)
class Condition:
    """A condition on rows.

    Attributes:
        text: as it was written.
        names: of the quantities that it asks for, in the order in which it names them; after `STORED` that
            of a column.
    """

    text: str
    names: tuple[str, ...]
    _holds: Value

    @classmethod
    def of(cls, text: str) -> Condition:
        """The condition that a text states.

        >>> Condition.of("opacity > 0.1 and max(x, y) < 3").names
        ('opacity', 'x', 'y')

        Raises:
            UsageError: it states none, or takes more of Python's grammar than there is here.
        """
        building = _Building(text)
        holds, truth = building.value(_parsed(text).body)
        if not truth:
            raise _refused(text, "is a number and no condition", "compare it with something")
        if not building.names:
            raise _refused(text, "names no column", "name one, as in opacity > 0.1")
        return cls(text, tuple(building.names), holds)

    def holds(self, columns: Columns, count: int) -> npt.NDArray[np.bool_]:
        """(count,) where it holds, of (count,) float64 columns by name; comparisons with NaN do not hold."""
        with np.errstate(all="ignore"):
            return np.broadcast_to(np.asarray(self._holds(columns), bool), count)


class _Building:
    """A condition while it is made of a tree: the names found so far."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: dict[str, None] = {}

    def value(self, node: ast.expr, depth: int = 0) -> tuple[Value, bool]:
        """What works a node out, and whether its answer is yes or no."""
        if depth > DEEPEST:
            raise _refused(self.text, f"is nested more than {DEEPEST} deep", "write two conditions")
        match node:
            case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
                return self.number(number), False
            case ast.Name(id=name):
                return self.column(name), False
            case ast.Call():
                return self.call(node, depth)
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                truth = self.truth(inner, depth)
                return lambda columns: np.logical_not(truth(columns)), True
            case ast.UnaryOp(op=op, operand=inner):
                one, by = self.amount(inner, depth), self.operator(op)
                return lambda columns: by(one(columns)), False
            case ast.BinOp(left=left, op=op, right=right):
                one, other, by = self.amount(left, depth), self.amount(right, depth), self.operator(op)
                return lambda columns: by(one(columns), other(columns)), False
            case ast.BoolOp(op=op, values=values):
                parts = [self.truth(each, depth) for each in values]
                joined = np.logical_and if isinstance(op, ast.And) else np.logical_or
                return lambda columns: _joined(joined, [part(columns) for part in parts]), True
            case ast.Compare(left=left, ops=ops, comparators=others):
                return self.comparison(left, ops, others, depth), True
        raise self.odd(node)

    def truth(self, node: ast.expr, depth: int) -> Value:
        value, truth = self.value(node, depth + 1)
        if not truth:
            what = f"takes the number {self.words(node)} for a condition"
            raise _refused(self.text, what, "compare it with something, as in > 0")
        return value

    def amount(self, node: ast.expr, depth: int) -> Value:
        value, truth = self.value(node, depth + 1)
        if truth:
            what = f"calculates with the condition {self.words(node)}"
            raise _refused(self.text, what, "join conditions by and and or")
        return value

    def comparison(self, left: ast.expr, ops: list[ast.cmpop], others: list[ast.expr], depth: int) -> Value:
        amounts = [self.amount(each, depth) for each in (left, *others)]
        compared = [self.operator(op) for op in ops]

        def holds(columns: Columns) -> Any:
            found = [amount(columns) for amount in amounts]
            pairs = zip(compared, found[:-1], found[1:], strict=True)
            return _joined(np.logical_and, [by(one, other) for by, one, other in pairs])

        return holds

    def call(self, node: ast.Call, depth: int) -> tuple[Value, bool]:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name == _COLUMN:
            match node:
                case ast.Call(args=[ast.Constant(value=str(column))], keywords=[]):
                    return self.column(STORED + column), False
            raise _refused(self.text, "calls column() with no name in quotes", 'write column("name")')
        if name not in FUNCTIONS or node.keywords:
            hint = did_you_mean(str(name), FUNCTIONS)
            raise _refused(self.text, f"calls {self.words(node.func)}, which is no function here", hint)
        function, least, most = FUNCTIONS[name]
        if not least <= len(node.args) <= most:
            wanted = f"{least}" if least == most else f"{least} to {most}"
            raise _refused(self.text, f"gives {name}() {len(node.args)} arguments", f"it takes {wanted}")
        parts = [self.amount(each, depth) for each in node.args]
        return lambda columns: _joined(function, [part(columns) for part in parts]), name in _TRUTHS

    def number(self, number: float) -> Value:
        try:
            found = float(number)
        except OverflowError:
            found = math.inf
        if not math.isfinite(found):
            raise _refused(self.text, "holds a number that is beyond all numbers", "write a smaller one")
        return lambda columns: found

    def column(self, name: str) -> Value:
        self.names[name] = None
        return lambda columns: columns[name]

    def operator(self, op: ast.AST) -> Callable[..., Any]:
        found = _OPERATORS.get(type(op))
        if found is None:
            raise self.odd(op)
        return found

    def odd(self, node: ast.AST) -> UsageError:
        what = self.words(node) if isinstance(node, ast.expr) else "an operator"
        remedy = "it takes numbers, columns, + - * / // %, comparisons, and, or, not, and functions"
        told = f"has {what} in it, which no condition takes"
        return _refused(self.text, told, _INSTEAD.get(type(node), remedy))

    def words(self, node: ast.expr) -> str:
        """A part as it was written, cut if it is long."""
        found = ast.get_source_segment(self.text.strip(), node) or "a part"
        return found if len(found) <= 40 else f"{found[:37]}..."


def _joined(by: Callable[..., Any], parts: list[Any]) -> Any:
    """One by one, from the left; a single part is what `by` makes of it, or itself where it takes two."""
    if len(parts) == 1:
        return parts[0] if by is np.logical_and else by(parts[0])
    found = parts[0]
    for part in parts[1:]:
        found = by(found, part)
    return found


def _parsed(text: str) -> ast.Expression:
    if not isinstance(text, str) or not text.strip():
        raise UsageError("`where` must be a condition such as 'opacity > 0.1'")
    if len(text) > LONGEST:
        raise _refused(text, f"has more than {LONGEST:,} characters", "write several conditions")
    try:
        with warnings.catch_warnings():  # of the parser, on what is refused here
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        told = getattr(error, "msg", None) or "it cannot be parsed"
        raise _refused(text, f"is no condition ({told})", "write one as opacity > 0.1 and x < 3") from None


def _refused(text: str, what: str, remedy: str) -> UsageError:
    shown = text if len(text) <= 80 else f"{text[:77]}..."
    return UsageError(f"`where` {shown!r} {what}", remedy=remedy)
