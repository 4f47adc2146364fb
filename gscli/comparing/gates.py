"""Limits that a comparison has to keep: ``gaussians.w2.p95 <= 0.01``, parsed, never evaluated as code."""

from __future__ import annotations

import dataclasses
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from .. import arguments
from ..errors import UsageError, did_you_mean

__all__ = ["Gate"]

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
PSNR = "render.psnr.mean"
_LIMIT = re.compile(r"\s*(\w+(?:\.\w+|\[\d+\])*)\s*(<=|>=|==|!=|<|>)\s*(\S+)\s*")


@dataclass(frozen=True)
class Limit:
    """A number of the report, a comparison and the number to compare it with."""

    metric: str
    comparison: str
    bound: float


@dataclass(frozen=True)
class Gate:
    """A limit and whether it was kept.

    Attributes:
        metric: which number, as a dotted path into the report.
        comparison: such as ``<=``; limit: the number to compare with.
        value: the number; None where it does not exist.
        passed: whether it keeps the limit. A number that does not exist keeps none, unless it stands for
            another: PSNR is infinite where nothing differs, which JSON has no number for.
    """

    metric: str
    comparison: str
    limit: float
    value: float | None
    passed: bool

    def __str__(self) -> str:
        return f"{self.metric} is {self.found}, {'' if self.passed else 'not '}{self.asked}"

    @property
    def asked(self) -> str:
        """The comparison and the limit, with all its digits."""
        return f"{self.comparison} {_exactly(self.limit)}"

    @property
    def found(self) -> str:
        """The number to six digits, or to as many as tell that the limit was kept or missed."""
        if self.value is None and self.passed:
            return "no difference"
        if self.value is None:
            return "missing, for nothing matched" if self.metric.endswith("inlier_rmse") else "missing"
        rounded = f"{self.value:.6g}"
        agrees = OPERATORS[self.comparison](float(rounded), self.limit) == self.passed
        return rounded if agrees else _exactly(self.value)


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
    if match is None or not math.isfinite(bound):
        raise UsageError(
            f"`require` {text!r} is no limit", remedy="write it like 'source_to_target.mean <= 0.01'"
        )
    return Limit(match[1], match[2], bound)


def limits(
    min_fitness: float | None,
    max_rmse: float | None,
    require: Sequence[str],
    min_psnr: float | None = None,
) -> list[Limit]:
    """The limits that options ask for: source -> target at the first threshold, renders, and any number.

    Raises:
        UsageError: a limit that no number could be held to.
    """
    found = []
    if min_fitness is not None:
        if not arguments.is_number(min_fitness) or not 0 <= min_fitness <= 1:
            what = f"`min_fitness` must be between 0 and 1, not {arguments.spelt(min_fitness)}"
            percent = arguments.is_number(min_fitness) and 1 < min_fitness <= 100
            meant = f"{min_fitness:g} % is {min_fitness / 100:g}" if percent else None
            raise UsageError(what, remedy=meant)
        found.append(Limit(FITNESS, ">=", min_fitness))
    if max_rmse is not None:
        if not (arguments.is_number(max_rmse) and 0 <= max_rmse < math.inf):
            raise UsageError(f"`max_rmse` must be a number from 0, not {arguments.spelt(max_rmse)}")
        found.append(Limit(RMSE, "<=", max_rmse))
    if min_psnr is not None:
        if not (arguments.is_number(min_psnr) and 0 < min_psnr < math.inf):
            raise UsageError(f"`min_psnr` must be a number of dB over 0, not {arguments.spelt(min_psnr)}")
        found.append(Limit(PSNR, ">=", min_psnr))
    return [*found, *(parse(text) for text in require)]


def require_number(metric: str, parts: Mapping[str, Any], length: int) -> None:
    """Refuse a path that leads to no number, before there is a report.

    Args:
        metric: the path; ``at[0]`` and ``at.0`` both name the first of a list.
        parts: the type of each part of the report: dataclasses, tuples, numbers, or None instead.
        length: of every list in it.

    Raises:
        UsageError: no report has such a path, or no number there.
    """
    kind: Any = parts
    for step in _steps(metric):
        inner = _inner(kind, length)
        if step not in inner:
            what = f"`require` {metric}: the report has no {step} there"
            if get_origin(_present(kind)) is Sequence:
                what = f"`require` {metric}: what is listed there cannot be required"
                raise UsageError(what, remedy="require a number over all, such as render.psnr.worst")
            raise UsageError(what, remedy=did_you_mean(step, inner))
        kind = inner[step]
    if _present(kind) not in (int, float):
        inner = _inner(kind, length)
        holds = f", but holds {', '.join(inner)}" if inner else ""
        raise UsageError(f"`require` {metric} is no number{holds}")


def check(limit: Limit, report: Any) -> Gate:
    """Hold a number of a report to a limit.

    Args:
        limit: what is asked for, with a path that `require_number` let pass.
        report: dataclasses, mappings and sequences of numbers, any of them None where it does not exist.
    """
    *above, last = _steps(limit.metric)
    part = _followed(above, report)
    value = _number(_followed([last], part))
    held = getattr(part, "absent", None) if value is None else value
    passed = held is not None and OPERATORS[limit.comparison](held, limit.bound)
    return Gate(limit.metric, limit.comparison, limit.bound, value, passed)


def number(metric: str, report: Any) -> float | None:
    """The number at a path; None where it does not exist, NaN and infinities included."""
    return _number(_followed(_steps(metric), report))


def _number(value: Any) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _followed(steps: Sequence[str], value: Any) -> Any:
    """What a path leads to; None where it leads nowhere."""
    for step in steps:
        if value is None:
            return None
        if isinstance(value, Mapping):
            value = value[step]
        else:
            value = value[int(step)] if isinstance(value, Sequence) else getattr(value, step)
    return value


def _exactly(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _steps(metric: str) -> list[str]:
    return re.findall(r"\w+", metric)


def _present(kind: Any) -> Any:
    """A type without the None that may stand instead."""
    options = get_args(kind)
    return next(k for k in options if k is not NoneType) if NoneType in options else kind


def _inner(kind: Any, length: int) -> Mapping[str, Any]:
    """What can be asked of a part of a report, and the type of each."""
    kind = _present(kind)
    if isinstance(kind, Mapping):
        return kind
    if dataclasses.is_dataclass(kind):
        return get_type_hints(kind)
    return {str(i): get_args(kind)[0] for i in range(length)} if get_origin(kind) is tuple else {}
