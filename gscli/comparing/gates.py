"""Limits that a comparison has to keep: ``gaussians.w2.p95 <= 0.01``, parsed, never evaluated as code."""

from __future__ import annotations

import dataclasses
import difflib
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import UsageError

OPERATORS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
    "==": operator.eq,
    "!=": operator.ne,
}
FITNESS = "source_to_target.at[0].fitness"
RMSE = "source_to_target.at[0].inlier_rmse"
MATCHED = "source_to_target.at[0].matched"
_LIMIT = re.compile(r"\s*([\w.\[\]]+)\s*(<=|>=|==|!=|<|>)\s*(\S+)\s*")


@dataclass(frozen=True)
class Limit:
    """A number of the report, a comparison and the number to compare it with.

    Attributes:
        needs: a count without which the number means nothing and the limit is missed.
    """

    metric: str
    comparison: str
    bound: float
    needs: str | None = None


@dataclass(frozen=True)
class Gate:
    """A limit and whether it was kept.

    Attributes:
        metric: which number, as a dotted path into the report.
        comparison: such as ``<=``; limit: the number to compare with.
        value: the number; None where it does not exist.
        passed: whether it keeps the limit. A number that does not exist keeps none.
    """

    metric: str
    comparison: str
    limit: float
    value: float | None
    passed: bool

    def __str__(self) -> str:
        value = "missing" if self.value is None else f"{self.value:.6g}"
        return f"{self.metric} is {value}, {'' if self.passed else 'not '}{self.comparison} {self.limit:g}"


def parse(text: str) -> Limit:
    """Read ``PATH COMPARISON NUMBER``.

    Raises:
        UsageError: it is not of that form.
    """
    match = _LIMIT.fullmatch(text)
    try:
        bound = float(match[3]) if match else math.nan
    except ValueError:
        bound = math.nan
    if match is None or math.isnan(bound):
        raise UsageError(
            f"--require {text!r} is no limit", remedy="write it like 'source_to_target.mean <= 0.01'"
        )
    return Limit(match[1], match[2], bound)


def limits(min_fitness: float | None, max_rmse: float | None, require: Sequence[str]) -> list[Limit]:
    """The limits that options ask for: source -> target at the first threshold, and any number.

    Raises:
        UsageError: a limit that no number could be held to.
    """
    found = []
    if min_fitness is not None:
        if not 0 <= min_fitness <= 1:
            raise UsageError(f"--min-fitness must be between 0 and 1, not {min_fitness:g}")
        found.append(Limit(FITNESS, ">=", min_fitness))
    if max_rmse is not None:
        if not 0 <= max_rmse < math.inf:
            raise UsageError(f"--max-rmse must be a number from 0, not {max_rmse:g}")
        found.append(Limit(RMSE, "<=", max_rmse, needs=MATCHED))
    return [*found, *(parse(text) for text in require)]


def check(limit: Limit, report: Any) -> Gate:
    """Hold a number of a report to a limit.

    Args:
        limit: what is asked for; ``at[0]`` and ``at.0`` both name the first of a list.
        report: dataclasses, mappings and sequences of numbers, any of them None where it does not exist.

    Raises:
        UsageError: the report has no such number.
    """
    value = number(limit.metric, report)
    if limit.needs is not None and not number(limit.needs, report):
        value = None
    passed = value is not None and OPERATORS[limit.comparison](value, limit.bound)
    return Gate(limit.metric, limit.comparison, limit.bound, value, passed)


def number(metric: str, report: Any) -> float | None:
    """The number at a path; None where it does not exist, NaN and infinities included.

    Raises:
        UsageError: the report has no such path, or no number there.
    """
    value = report
    for step in re.findall(r"\w+", metric):
        value = _step(value, step, metric)
        if value is None:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        inner = f", but holds {', '.join(_keys(value))}" if _keys(value) else ""
        raise UsageError(f"--require {metric} is no number{inner}")
    return value if math.isfinite(value) else None


def _step(value: Any, step: str, metric: str) -> Any:
    keys = _keys(value)
    if step not in keys:
        near = difflib.get_close_matches(step, keys, 1)
        known = f"did you mean {near[0]}?" if near else f"choose from {', '.join(keys) or 'nothing'}"
        raise UsageError(f"--require {metric}: the report has no {step} there", remedy=known)
    if isinstance(value, Mapping):
        return value[step]
    return value[int(step)] if isinstance(value, Sequence) else getattr(value, step)


def _keys(value: Any) -> list[str]:
    """What can be asked of a part of a report."""
    if isinstance(value, Mapping):
        return [str(key) for key in value]
    if dataclasses.is_dataclass(value):
        return [field.name for field in dataclasses.fields(value)]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [str(number) for number in range(len(value))]
    return []
