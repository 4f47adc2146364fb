"""What is found of how far two scenes look apart: numbers of all views, and the pictures that differ most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..rendering.metrics import Psnr, Ssim, ViewAlike

Image = npt.NDArray[np.float32]

CAVEAT = (
    "PSNR and SSIM rank splats only loosely as people do (Spearman .31 to .52 in 3DGS-VBench and MUGSQA)."
)


@dataclass(frozen=True)
class OnWhite:
    """The same views on white: what is see-through or thin differs there in another way."""

    psnr: Psnr
    ssim: Ssim


@dataclass(frozen=True)
class Looks:
    """How alike two scenes look.

    Attributes:
        views: how many. width, height: pixels of each; None where they differ.
        cameras_sha256: of what decides pixels: numbers of two comparisons can be held against each other
            only where it is one.
        around: where the cameras are: those of a file, or an orbit, around which scene, and which way is up.
        engine: one of `gscli.rasterizers.RASTERIZERS`.
        background: of `psnr` and `ssim`; None for X-rays, which have none.
        alpha_mae: mean absolute difference of opacity; covered: the share of pixels in which either scene is
            seen. None for X-rays.
        data_range: of PSNR and SSIM. on_white: None for X-rays.
        each: every view, in order.
    """

    views: int
    width: int | None
    height: int | None
    cameras_sha256: str
    around: str
    engine: str
    background: str | None
    psnr: Psnr
    ssim: Ssim
    alpha_mae: float | None
    covered: float | None
    data_range: float
    on_white: OnWhite | None
    each: Sequence[ViewAlike]


@dataclass(frozen=True)
class Differing:
    """The pictures of a view, float32: (H, W, 3) on black, or (H, W) of an X-ray."""

    view: ViewAlike
    source: Image
    target: Image
