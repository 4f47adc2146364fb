"""The picks: which rows of a cell stay. Those with the smallest keys do, one uint32 for each row.

Keys that stay what they are from draw to draw come from columns of the cloud or from the place in the
cell. NumPy computes them in float64 and rounds to float32, whatever the device. Keys by chance are made
anew for each draw, out of nothing or out of the others. The command line lists the picks and imports
nothing heavy, so NumPy is imported where keys are computed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import UsageError, did_you_mean

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Keys = npt.NDArray[np.uint32]


def _no_columns(names: Sequence[str]) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, repr=False)
class Pick:
    """One of `PICKS`.

    Attributes:
        name: as the command line, reports and comments spell it.
        help: which points of a cell stay, in a few words.
        bytes: memory that it takes for each point.
        columns: the columns that `by_columns` needs, given the names of those there are.
        by_columns: the (N,) keys of (len(columns), N) raw values.
        by_place: the (M,) keys of rows grouped by lattice cell, from (3, N) positions, (M,) which of them,
            (C, 3) lattice coordinates, (C,) rows in each, and the lattice's cell size and corner.
        by_chance: the (M,) keys of one draw, from (M,) rows of the input on the grid's device, their (M,)
            NumPy keys by columns or place if the pick has such, and the draw's stream.
    """

    name: str
    help: str
    bytes: int
    columns: Callable[[Sequence[str]], tuple[str, ...]] = _no_columns
    by_columns: Callable[[npt.NDArray[Any]], Keys] | None = None
    by_place: Callable[..., Keys] | None = None
    by_chance: Callable[[Any, Keys | None, int], Any] | None = None

    def __repr__(self) -> str:
        return f"<Pick {self.name}>"

    @property
    def seeded(self) -> bool:
        """Whether two seeds can pick differently."""
        return self.by_chance is not None

    @property
    def uniform(self) -> bool:
        """Whether every row of a cell is as likely as any other: there is nothing but chance."""
        return self.seeded and self.by_columns is None and self.by_place is None

    def keys(self, rows: Any, fixed: Keys | None, stream: int) -> Any:
        """The keys of one draw; arguments as of `by_chance`."""
        return fixed if self.by_chance is None else self.by_chance(rows, fixed, stream)


def pick(name: str) -> Pick:
    """The pick of a name.

    Raises:
        UsageError: there is none.
    """
    if not isinstance(name, str) or name not in PICKS:
        raise UsageError(f"no pick {name!r}", remedy=did_you_mean(name, PICKS))
    return PICKS[name]


def _at_random(rows: Any, fixed: Keys | None, stream: int) -> Any:
    from ..kernels.picks import random_keys

    return random_keys(rows, stream)


def _opacity(names: Sequence[str]) -> tuple[str, ...]:
    from .. import fields

    return (fields.OPACITY,)


def _most_opaque(columns: npt.NDArray[Any]) -> Keys:
    """The logit orders as the opacity does, and keeps apart what a sigmoid rounds to 1."""
    import numpy as np

    from ..kernels.picks import ordered_keys

    return ordered_keys(-columns[0].astype(np.float64))


def _opacity_and_scales(names: Sequence[str]) -> tuple[str, ...]:
    from .. import fields

    scales = fields.scale_names(names)
    return (fields.OPACITY, *(scales if len(scales) >= 2 else fields.SCALE))


def _most_important(columns: npt.NDArray[Any]) -> Keys:
    """Largest alpha x surface area first: volume is near zero for flat splats."""
    import numpy as np

    from .. import fields
    from ..kernels import parallel
    from ..kernels.picks import ordered_keys

    keys = np.empty(columns.shape[1], np.uint32)
    for part in parallel.blocks(columns.shape[1]):
        with np.errstate(over="ignore", invalid="ignore"):
            area = fields.ellipsoid_area(np.exp(columns[1:, part].astype(np.float64)))
            keys[part] = ordered_keys(-fields.sigmoid(columns[0, part]) * area)
    return keys


def _nearest_to_the_middle(
    xyz: npt.NDArray[Any],
    order: npt.NDArray[Any],
    cells: npt.NDArray[Any],
    counts: npt.NDArray[Any],
    size: float,
    origin: Sequence[float],
) -> Keys:
    import numpy as np

    from ..kernels.picks import ordered_keys

    squared = np.zeros(len(order))
    for axis in range(3):
        middle = np.repeat(origin[axis] + (cells[:, axis] + 0.5) * size, counts)
        squared += (xyz[axis][order] - middle) ** 2
    return ordered_keys(squared)


RANDOM = Pick("random", "random", 0, by_chance=_at_random)
PICKS = {
    pick.name: pick
    for pick in (
        RANDOM,
        Pick("opacity", "the most opaque", 8, _opacity, _most_opaque),
        Pick(
            "importance",
            "the most important (opacity x surface area)",
            24,
            _opacity_and_scales,
            _most_important,
        ),
        Pick("center", "the nearest to the cell's centre", 40, by_place=_nearest_to_the_middle),
    )
}
