"""Where two models of one scene disagree, both are unreliable (CoR-GS, Zhang et al. 2024).

The scalars that trainers log, under the names they log them by.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import neighbors
from ..comparing.conventions import corgs
from ..errors import InputError
from ..kernels import images
from . import MATCHED_WITHIN

Array = npt.NDArray[Any]

POINTS = "corgs/point"
RENDERS = "corgs/render"
SLACK = 1.0  # a render may overshoot 0..1 so far; values of 0..255 do not


def points(a: Array, b: Array, *, threshold: float = MATCHED_WITHIN, tag: str = POINTS) -> dict[str, float]:
    """Exact nearest-neighbour fitness and RMSE of two sets of centres, both ways.

    Args:
        a, b: (N, 3) and (M, 3) positions in scene units.
        threshold: a centre is matched when its nearest counterpart is nearer than this.
        tag: what the names begin with.

    Returns:
        ``TAG_fitness`` and ``TAG_rmse`` from a to b, ``TAG_fitness_reverse`` and
        ``TAG_rmse_reverse`` from b to a: the ``corgs`` convention of `gscli.comparing.conventions`, whose
        RMSE is infinite where nothing matched.

    Raises:
        InputError: no centres, or some that are not finite.
    """
    a, b = (xyz.astype(np.float64) if xyz.dtype.kind in "iu" else xyz for xyz in (a, b))
    scalars = {}
    for direction, queries, targets in (("", a, b), ("_reverse", b, a)):
        engine, _ = neighbors.choose(len(queries), len(targets))
        distances = neighbors.ENGINES.get(engine).index(targets).nearest(queries).distances
        found = corgs(distances, threshold)
        scalars[f"{tag}_fitness{direction}"] = found.fitness
        scalars[f"{tag}_rmse{direction}"] = found.rmse
    return scalars


def renders(a: Array, b: Array) -> dict[str, float]:
    """PSNR and SSIM between two renders of one camera.

    Args:
        a, b: (H, W), (C, H, W) or (H, W, C) with C of 1, 3 or 4; 0..1, or uint8 of 0..255.

    Raises:
        InputError: shapes that differ or are no image's, integers that are not uint8, or values that
            are not finite or far outside 0..1.
    """
    if a.shape != b.shape:
        raise InputError(f"two renders of one camera have shapes {a.shape} and {b.shape}")
    a, b = _channels_first(a), _channels_first(b)
    return {f"{RENDERS}_psnr_diff": images.psnr(a, b), f"{RENDERS}_ssim_diff": images.ssim(a, b)}


def _channels_first(image: Array) -> Array:
    channels = (1, 3, 4)
    if image.ndim == 3 and image.shape[0] not in channels and image.shape[2] in channels:
        image = np.moveaxis(image, 2, 0)
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[0] not in channels) or not image.size:
        raise InputError(f"an array of shape {image.shape} is no image")
    if image.dtype == np.uint8:
        return image.astype(np.float32) / np.float32(255)
    if image.dtype.kind != "f":
        raise InputError(f"a render of {image.dtype}: integers must be uint8, of 0..255")
    if not np.isfinite(image).all():
        raise InputError("a render has values that are not finite")
    if image.min() < -SLACK or image.max() > 1 + SLACK:
        raise InputError(f"a render has values of {image.min():g} to {image.max():g} where 0..1 is expected")
    return image
