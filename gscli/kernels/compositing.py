"""Pictures of footprints, and images shared out among them, by kernels in Triton."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..device import to_numpy
from . import launches
from .footprints import COLOR_CUT, FIELDS, XRAY_CUT, Footprints
from .splatting import SHARE_UNIT
from .tiles import Window, windows

if TYPE_CHECKING:
    from torch import Tensor

TILE, BLOCK = 16, 16  # pixels, each way: of a list, and of a program
UNROLL, WARPS = 4, 4
# of a program that shares out, which adds up over its pixels again and again
SHARED_BLOCK, SHARED_WARPS = 8, 1


class Drawn(NamedTuple):
    """What a view shows, float32; see `gscli.kernels.splatting.Drawn`.

    Attributes:
        color: (H, W, 3), of an X-ray (0, W, 3). alpha: (H, W). depth: (H, W), or (0, W) where not asked for.
        room: the memory of all three, which a GPU sends in one piece.
    """

    color: Any
    alpha: Any
    depth: Any
    room: Any

    @classmethod
    def within(cls, room: Any, width: int, height: int, *, xray: bool) -> Drawn:
        """A view in memory that has a number for each of its values."""
        color = 0 if xray else 3 * height * width
        alpha = color + height * width
        return cls(
            room[:color].reshape(-1, width, 3),
            room[color:alpha].reshape(height, width),
            room[alpha:].reshape(-1, width),
            room,
        )

    def to_numpy(self) -> Drawn:
        """The same as NumPy arrays, by one transfer."""
        height, width = self.alpha.shape
        return self.within(to_numpy(self.room), width, height, xray=not len(self.color))


def composite(seen: Footprints, width: int, height: int, *, xray: bool, depth: bool) -> Drawn:
    """Draw footprints.

    Args:
        seen: of `footprints.footprints`. xray: whether they are added up.
        depth: whether to find the depths too; not of an X-ray.
    """
    listed = windows(seen, width, height, XRAY_CUT if xray else COLOR_CUT, TILE)
    return _drawn(seen, listed, width, height, xray=xray, depth=depth)


def share(
    seen: Footprints, width: int, height: int, count: int, image: Callable[[Drawn], Tensor]
) -> tuple[Drawn, Tensor]:
    """Draw footprints, and share an image out among them, as `gscli.kernels.splatting.share` does.

    The sums are of whole numbers, so that they are the same in any order.

    Args:
        seen: of `footprints.footprints`, no X-ray's. count: N, of all Gaussians.
        image: what to share out, given what was drawn: (H, W, channels) float32 from -1 to 1.

    Returns:
        The view; (N, channels) float64, 0 of what is not seen. A product is cut to 2^-22.
    """
    import torch

    from .gpu import composite as kernels

    listed = [*windows(seen, width, height, COLOR_CUT, TILE)]
    drawn = _drawn(seen, listed, width, height, xray=False, depth=False)
    given = image(drawn)
    sums = torch.zeros((count, given.shape[2]), dtype=torch.int64, device=given.device)
    for window in listed:
        _launch(
            *(kernels.share, window, SHARED_BLOCK, SHARED_WARPS),
            *(seen.records, window.footprints, window.starts, _longest(window), given, sums),
            *(width, height),
            CHANNELS=given.shape[2],
            UNIT=SHARE_UNIT,
            CUT=COLOR_CUT,
            FIELDS=FIELDS,
        )
    return drawn, sums.double() / SHARE_UNIT


def _drawn(
    seen: Footprints, listed: Iterable[Window], width: int, height: int, *, xray: bool, depth: bool
) -> Drawn:
    from .gpu import composite as kernels

    records = seen.records
    room = records.new_empty(height * width * (1 if xray else 4 + depth))
    drawn = Drawn.within(room, width, height, xray=xray)
    for window in listed:
        _launch(
            *(kernels.composite, window, BLOCK, WARPS),
            *(records, window.footprints, window.starts, _longest(window), *drawn[:3]),
            *(width, height),
            XRAY=xray,
            DEEP=depth,
            CUT=XRAY_CUT if xray else COLOR_CUT,
            FIELDS=FIELDS,
        )
    return drawn


def _longest(window: Window) -> Tensor:
    """The tiles of a window, those with the longest lists first."""
    import torch

    return torch.sort(window.starts.diff(), descending=True, stable=True).indices


def _launch(kernel: Any, window: Window, block: int, warps: int, *arguments: Any, **constants: Any) -> None:
    """Launch a kernel for each block of pixels of a window."""
    launches.launch(
        kernel,
        (window.columns * window.rows * (TILE // block) ** 2,),
        *(*arguments, window.left, window.top, window.columns),
        warps=warps,
        TILE=TILE,
        BLOCK=block,
        UNROLL=UNROLL,
        **constants,
    )
