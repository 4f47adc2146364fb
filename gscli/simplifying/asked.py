"""What is asked of a simplification: how few Gaussians, and from where to look."""

from __future__ import annotations

import math
import os

from .. import _core, arguments
from ..errors import EngineUnavailable, UsageError
from ..grids.settings import rows_wanted
from ..rendering.views import MOST


def require_sense(
    target: int | str | None,
    min_psnr: float | None,
    views: int | None,
    cameras: str | os.PathLike[str] | None,
) -> None:
    """Refuse arguments of `gscli.simplify` that make no sense, or not together.

    Raises:
        UsageError: such. EngineUnavailable: nothing can be rendered here.
    """
    if (target is None) == (min_psnr is None):
        raise UsageError("give either `target` or `min_psnr`")
    if target is not None:
        rows_wanted(str(target), None)
    elif not arguments.is_number(min_psnr) or min_psnr is None or not 0 < min_psnr < math.inf:
        raise UsageError(f"`min_psnr` must be a number of dB over 0, not {arguments.told(min_psnr)}")
    if views is not None and (not arguments.is_whole(views) or not 0 <= views <= MOST):
        raise UsageError(f"`views` must be a whole number from 0 to {MOST:,}, not {arguments.told(views)}")
    for name, asked in (("cameras", cameras), ("min_psnr", min_psnr)):
        if views == 0 and asked is not None:
            raise UsageError(f"`{name}` has no effect with `views=0`", remedy="drop one")
    if views != 0 and (found := _core.trouble()):
        instead = ", or merge without looking, by `views=0`" if min_psnr is None else ""
        raise EngineUnavailable(
            f"cannot look at the scene: compiled kernels {found.what}", remedy=f"{found.remedy}{instead}"
        )
