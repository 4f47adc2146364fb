"""What the index of a batch tells of results, by operation: columns of its table, and which result is worst.

A result is the JSON document of its tool.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ..kernels import colormap
from ..report import numbers
from ..results.shown import counted, markup

Result = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of the table: its head, and what it says of a result, as markup."""

    head: str
    cell: Callable[[Result], str]


@dataclass(frozen=True)
class Indexed:
    """What is told of the results of an operation.

    Attributes:
        title, one: what they are called, and one of them.
        first: the head of the column with their names. roles: what the folders of inputs are called.
        columns: of these results.
        told: what the table is, given the results.
        badness: by which the worst is the least.
    """

    title: str
    one: str
    first: str
    roles: tuple[str, ...]
    columns: Callable[[Sequence[Result]], list[Column]]
    told: Callable[[Sequence[Result]], str]
    badness: Callable[[Result], tuple[float, ...]]


def _number(*keys: str) -> Callable[[Result], str]:
    return lambda result: numbers.number(_found(result, *keys))


def _found(result: Any, *keys: str) -> Any:
    for key in keys:
        result = result[key]
    return result


def _psnr(result: Result) -> float | None:
    """The mean of renders in dB, infinite where all are equal; None where nothing was rendered."""
    if result["render"] is None:
        return None
    mean: float | None = result["render"]["psnr"]["mean"]
    return math.inf if mean is None else mean


def _of_compared(results: Sequence[Result]) -> list[Column]:
    """Figures at the first threshold."""

    def decibels(result: Result) -> str:
        psnr = _psnr(result)
        return "-" if psnr is None else "equal" if psnr == math.inf else f"{psnr:.2f}"

    def share(side: str) -> Callable[[Result], str]:
        def cell(result: Result) -> str:
            fitness = result[side]["at"][0]["fitness"]
            return f"{numbers.percent(fitness)}{_bar(fitness)}"

        return cell

    return [
        *([Column("PSNR, dB", decibels)] if _rendered(results) else []),
        Column("source matched", share("source_to_target")),
        Column("target matched", share("target_to_source")),
        Column("F-score", lambda result: numbers.fraction(result["symmetric"]["at"][0]["fscore"], 4)),
        Column("Chamfer", _number("symmetric", "chamfer")),
        Column("Hausdorff", _number("symmetric", "hausdorff")),
        Column("threshold", lambda result: numbers.number(result["source_to_target"]["at"][0]["threshold"])),
    ]


def _rendered(results: Sequence[Result]) -> bool:
    return any(result["render"] is not None for result in results)


def _bar(share: float) -> str:
    """A bar: what matched in a calm colour, and the rest in a warm one."""
    palette = colormap.judging_palette()
    calm, warm = (f"#{palette[level].tobytes().hex()}" for level in (0, (colormap.CALM + colormap.SIZE) // 2))
    at = f"{100 * math.floor(share * 1e4) / 1e4:.2f}%"
    return f'<div class="share" style="background:linear-gradient(90deg,{calm} {at},{warm} {at})"></div>'


def _about_compared(results: Sequence[Result]) -> str:
    return (
        "Each scene that was judged, and its reference. The worst pairs come first: those that failed or "
        f"missed a limit, then by {'PSNR' if _rendered(results) else 'F-score'}. Bars are shares of points "
        "that have a match."
    )


def _badness_of_compared(result: Result) -> tuple[float, ...]:
    """By PSNR, by F-score, and by distance."""
    both, psnr = result["symmetric"], _psnr(result)
    return math.inf if psnr is None else psnr, both["at"][0]["fscore"], -both["chamfer"]


def _of_described(results: Sequence[Result]) -> list[Column]:
    def extent(result: Result) -> str:
        bounds = result["bounds"] or {"min": [], "max": []}
        spans = [high - low for low, high in zip(bounds["min"], bounds["max"], strict=True)]
        return numbers.number(max(spans, default=None))

    def flaws(result: Result) -> str:
        return f'<span class="MISSED">{count:,}</span>' if (count := _flaws(result)) else "0"

    def size(result: Result) -> str:
        count = result["input"]["bytes"]
        return "-" if count is None else numbers.size(count)

    return [
        Column("flaws", flaws),
        Column(
            "holds", lambda result: counted(_points(result), "Gaussian" if result["gaussian"] else "point")
        ),
        Column("SH degree", lambda result: "-" if result["sh_degree"] is None else str(result["sh_degree"])),
        Column("largest extent", extent),
        Column("spacing", _number("spacing")),
        Column("size", size),
        Column("format", lambda result: markup(result["input"]["format"])),
    ]


def _points(result: Result) -> int:
    found: int = result["input"]["points"]
    return found


def _flaws(result: Result) -> int:
    """How many flaws there are; a row may have several."""
    return sum(result["invalid"][kind] or 0 for kind in ("points", "not_finite", "unrotated"))


def _badness_of_described(result: Result) -> tuple[float, ...]:
    """By the share of flaws; an empty scene is worse than any other."""
    points = _points(result)
    return (-_flaws(result) / points if points else -math.inf,)


def _about_described(results: Sequence[Result]) -> str:
    return (
        "What each scene holds. Those that failed come first, then those without points, then by the share "
        "of flaws: positions and other values that are not finite, and Gaussians without a rotation."
    )


INDEXED = {
    "compare": Indexed(
        "Comparisons",
        "comparison",
        "pair",
        ("judged in", "references in"),
        _of_compared,
        _about_compared,
        _badness_of_compared,
    ),
    "info": Indexed(
        "Scenes",
        "scene",
        "scene",
        ("scenes in",),
        _of_described,
        _about_described,
        _badness_of_described,
    ),
}
