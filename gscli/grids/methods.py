"""The resampling methods: from the points of each cell to how many of them stay.

`half-density` keeps a random 30 to 70 % of every cell, which thins a scene and keeps its relative
density. `one-per-grid` and `k-per-grid` equalise density. `dense` keeps everything.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from operator import index

from ..errors import UsageError

NAMES = ("half-density", "one-per-grid", "k-per-grid", "dense")
ALIASES = {"half": "half-density", "single": "one-per-grid"}
PICKS = ("random", "opacity", "importance", "center")
DEFAULT_RATIO = (0.3, 0.7)


@dataclass(frozen=True)
class Method:
    """One of `NAMES` with its settings. Make it with `method`, which checks them.

    Attributes:
        ratio: half-density draws the share to keep of each cell uniformly from [ratio[0], ratio[1]).
        min_per_cell: half-density keeps at least so many rows of every cell (or all it has).
        k: k-per-grid keeps at most so many rows of every cell.
        target: half-density keeps exactly so many rows in total: a number, or a share as ``25%``.
        pick: which rows: ``random``, or those first in one of the other orders of `PICKS`.
    """

    name: str = "half-density"
    ratio: tuple[float, float] = DEFAULT_RATIO
    min_per_cell: int = 1
    k: int | None = None
    target: str | None = None
    pick: str = "random"

    @property
    def uses_seed(self) -> bool:
        """Whether two seeds can draw differently."""
        if self.name == "dense":
            return False
        drawn_ratio = self.name == "half-density" and self.target is None
        return self.pick == "random" or drawn_ratio


def method(
    name: str,
    *,
    ratio: tuple[float, float] | None = None,
    min_per_cell: int | None = None,
    k: int | None = None,
    target: str | int | None = None,
    pick: str | None = None,
) -> Method:
    """A `Method` with the settings that were given; None means not given.

    Raises:
        UsageError: an unknown name, a setting that the method does not use, or a bad value.
    """
    return methods([name], ratio=ratio, min_per_cell=min_per_cell, k=k, target=target, pick=pick)[0]


def methods(
    names: Sequence[str],
    *,
    ratio: tuple[float, float] | None = None,
    min_per_cell: int | None = None,
    k: int | None = None,
    target: str | int | None = None,
    pick: str | None = None,
) -> list[Method]:
    """Several methods that share their settings; each setting must serve at least one of them."""
    full = [ALIASES.get(name, name) for name in names]
    for name in full:
        if name not in NAMES:
            raise UsageError(f"no method {name!r}", remedy=f"choose one of {', '.join(NAMES)}")
    if len(set(full)) < len(full):
        raise UsageError("the same method is asked for twice", remedy="use --repeat for several draws of it")
    for option, given, owner in (
        ("--ratio", ratio, "half-density"),
        ("--min-per-cell", min_per_cell, "half-density"),
        ("--target", target, "half-density"),
        ("-k", k, "k-per-grid"),
    ):
        if given is not None and owner not in full:
            raise UsageError(
                f"{option} belongs to --method {owner}", remedy=f"drop {option} or use that method"
            )
    if target is not None and (ratio is not None or min_per_cell is not None):
        other = "--ratio" if ratio is not None else "--min-per-cell"
        raise UsageError(f"--target replaces {other}", remedy="give one of the two")
    if pick is not None and pick not in PICKS:
        raise UsageError(f"no pick {pick!r}", remedy=f"choose one of {', '.join(PICKS)}")
    if pick is not None and full == ["dense"]:
        raise UsageError("--pick has no effect with --method dense, which keeps everything")
    if "k-per-grid" in full and k is None:
        raise UsageError("--method k-per-grid needs -k, the most points to keep in a cell")
    if k is not None and not 1 <= k < 2**63:
        raise UsageError(f"-k must be between 1 and 2^63 - 1, not {k}")
    if min_per_cell is not None and not 0 <= min_per_cell < 2**63:
        raise UsageError(f"--min-per-cell must be between 0 and 2^63 - 1, not {min_per_cell}")
    if ratio is not None and not (0.0 <= ratio[0] <= ratio[1] <= 1.0):
        raise UsageError(
            f"--ratio {ratio[0]:g}:{ratio[1]:g} is no range within 0 to 1",
            remedy="write LO:HI, or one number",
        )
    if target is not None:
        rows_wanted(str(target), None)
    made = []
    for name in full:
        half = name == "half-density"
        made.append(
            Method(
                name,
                ratio=(float(ratio[0]), float(ratio[1])) if half and ratio is not None else DEFAULT_RATIO,
                min_per_cell=index(min_per_cell) if half and min_per_cell is not None else 1,
                k=index(k) if name == "k-per-grid" and k is not None else None,
                target=str(target) if half and target is not None else None,
                pick=pick or "random",
            )
        )
    return made


def rows_wanted(target: str, points: int | None) -> int:
    """How many rows a ``--target`` of ``N`` or ``P%`` asks for: of a share, floor(points P / 100).

    Args:
        points: how many there are; None only checks the spelling.

    Raises:
        UsageError: no number, negative, or more than there are.
    """
    percent = target.endswith("%")
    spelling = r"\d{1,18}(\.\d{1,18})?%" if percent else r"\d{1,18}"
    if not re.fullmatch(spelling, target, re.ASCII):
        raise UsageError(
            f"--target {target} is neither a number of points nor a percentage", remedy="write N or P%"
        )
    from fractions import Fraction

    number = Fraction(target.removesuffix("%"))
    if percent and number > 100:
        raise UsageError(f"--target {target} is more than everything", remedy="ask for 100% at most")
    if points is None:
        return 0
    rows = math.floor(points * number / 100) if percent else int(number)
    if rows > points:
        raise UsageError(f"--target {target} exceeds the {points:,} points there are", remedy="ask for fewer")
    return rows
