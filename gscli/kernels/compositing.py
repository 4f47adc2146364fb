"""Pictures of footprints, drawn by a kernel in Triton."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from . import launches
from .footprints import COLOR_CUT, XRAY_CUT
from .tiles import windows

if TYPE_CHECKING:
    from torch import Tensor

TILE, BLOCK = 16, 16  # pixels, each way: of a list, and of a program
UNROLL, WARPS = 4, 4


class Drawn(NamedTuple):
    """What a view shows, float32; see `gscli.kernels.splatting.Drawn`."""

    color: Tensor
    alpha: Tensor
    depth: Tensor


def composite(records: Tensor, width: int, height: int, *, xray: bool, depth: bool) -> Drawn:
    """Draw footprints.

    Args:
        records: of `footprints.footprints`. xray: whether they are added up.
        depth: whether to find the depths too; not of an X-ray.
    """
    import torch

    from .gpu import composite as kernels

    cut = XRAY_CUT if xray else COLOR_CUT
    color = records.new_empty((0, width, 3) if xray else (height, width, 3))
    through = records.new_empty((height, width))
    deep = records.new_empty((height, width) if depth else (0, width))
    for window in windows(records, width, height, cut, TILE):
        longest = torch.sort(window.starts.diff(), descending=True, stable=True).indices.int()
        launches.launch(
            kernels.composite,
            (window.columns * window.rows * (TILE // BLOCK) ** 2,),
            *(records, window.footprints, window.starts, longest, color, through, deep),
            *(width, height, window.left, window.top, window.columns),
            warps=WARPS,
            XRAY=xray,
            DEEP=depth,
            CUT=cut,
            FIELDS=records.shape[1],
            TILE=TILE,
            BLOCK=BLOCK,
            UNROLL=UNROLL,
        )
    return Drawn(color, through if xray else 1 - through, deep)
