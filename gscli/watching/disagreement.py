"""Where two models of one scene disagree, both are unreliable (CoR-GS, Zhang et al. 2024).

The scalars that trainers log, under the names they log them by.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import device as devices
from .. import neighbors
from ..arguments import span
from ..comparing.conventions import corgs
from ..errors import InputError
from ..kernels import images
from ..progress import nothing
from . import MATCHED_WITHIN

if TYPE_CHECKING:
    import torch

Array = npt.NDArray[Any]

POINTS = "corgs/point"
RENDERS = "corgs/render"
LARGEST = float(np.finfo(np.float32).max)
SLACK = 1.0  # a render may overshoot 0..1 so far; values of 0..255 do not


def points(
    a: Array,
    b: Array,
    *,
    threshold: float = MATCHED_WITHIN,
    tag: str = POINTS,
    where: torch.device | None = None,
) -> dict[str, float]:
    """Exact nearest-neighbour fitness and RMSE of two sets of centres, both ways.

    Args:
        a, b: (N, 3) and (M, 3) positions in scene units.
        threshold: a centre is matched when its nearest counterpart is nearer than this.
        tag: what the names begin with.
        where: to search, as of `gscli.device.resolve`.

    Returns:
        ``TAG_fitness`` and ``TAG_rmse`` from a to b, ``TAG_fitness_reverse`` and
        ``TAG_rmse_reverse`` from b to a: the ``corgs`` convention of `gscli.comparing.conventions`, whose
        RMSE is infinite where nothing matched.

    Raises:
        InputError: no centres, or some that are not finite.
        EngineUnavailable: the GPU has not enough memory.
    """
    a, b = (xyz.astype(np.float64) if xyz.dtype.kind in "iu" else xyz for xyz in (a, b))
    scalars = {}
    for direction, queries, targets in (("", a, b), ("_reverse", b, a)):
        engine, _ = neighbors.choose(len(queries), len(targets), where)
        with devices.enough_memory(f"to search {len(targets):,} points"):
            index = neighbors.ENGINES.get(engine).index(targets, device=where)
        distances = neighbors.nearest(index, queries, nothing).distances
        found = corgs(devices.to_numpy(distances), threshold)
        scalars[f"{tag}_fitness{direction}"] = found.fitness
        scalars[f"{tag}_rmse{direction}"] = found.rmse
    return scalars


def renders(a: Array, b: Array, *, data_range: float | None = None) -> dict[str, float]:
    """PSNR and SSIM between two renders of one camera, in the convention of splatting trainers.

    PSNR is 10 log10(1 / (MSE + 1e-8)), so 80 dB where renders are equal; SSIM (Wang et al. 2004; a Gaussian
    window of 11 pixels, sigma 1.5, every channel on its own) has a window around every pixel, and beyond
    the border pixels count as zero.

    Args:
        a, b: (H, W), (C, H, W) or (H, W, C) with C of 1, 3 or 4; 0..1, or uint8 of 0..255.
        data_range: what to divide values by, such as the maximum of X-ray renders. They may then be any
            finite floats.

    Returns:
        ``corgs/render_psnr_diff`` and ``corgs/render_ssim_diff``.

    Raises:
        InputError: shapes that differ or are no image's, integers that are not uint8, or values that
            are not finite or, without `data_range`, far outside 0..1; uint8 with it.
        UsageError: a `data_range` that is not a positive number.
    """
    wanted = 1.0 if data_range is None else span(data_range, "data_range")
    if a.shape != b.shape:
        raise InputError(f"two renders of one camera have shapes {a.shape} and {b.shape}")
    a, b = (_in_range(_channels_last(image), data_range) for image in (a, b))
    psnr, ssim = images.trainers_psnr(a, b, wanted), images.trainers_ssim(a, b, wanted)
    return {f"{RENDERS}_psnr_diff": psnr, f"{RENDERS}_ssim_diff": ssim}


def _channels_last(image: Array) -> Array:
    channels = (1, 3, 4)
    if image.ndim == 3 and image.shape[0] in channels:
        image = np.moveaxis(image, 0, 2)
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in channels) or not image.size:
        raise InputError(f"an array of shape {image.shape} is no image")
    return image


def _in_range(image: Array, data_range: float | None) -> Array:
    """The image as floats."""
    if image.dtype == np.uint8 and data_range is not None:
        raise InputError("a render of uint8 spans 0..255", remedy="leave out `data_range`")
    if image.dtype == np.uint8:
        return image.astype(np.float32) / np.float32(255)
    if image.dtype.kind != "f":
        raise InputError(f"a render of {image.dtype}: integers must be uint8, of 0..255")
    low, high = float(image.min()), float(image.max())
    if not (low >= -LARGEST and high <= LARGEST):  # which NaN is not either
        raise InputError("a render has values that are not finite")
    if data_range is None and (low < -SLACK or high > 1 + SLACK):
        raise InputError(
            f"a render has values of {low:g} to {high:g} where 0..1 is expected",
            remedy="say what they span by `data_range`",
        )
    return image
