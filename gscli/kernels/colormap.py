"""Colour scales for distances: grey-blue where clouds agree, through amber to dark red where not.

`palette` and `levels` are the scale of files, which is linear. `judging_palette` and `judged` are that of
pages: what is nearer than a threshold is calm, what is not is warm, and the step between them is seen.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

ANCHORS = (  # position, red, green, blue
    (0.00, 176, 190, 208),
    (0.20, 104, 152, 190),
    (0.45, 240, 190, 84),
    (0.70, 218, 88, 34),
    (1.00, 110, 6, 28),
)
SIZE = 255  # colours
CALM = 102  # of the colours of a page are for what is nearer than the threshold
JUDGING = (  # colour, red, green, blue; each is told from white and from black
    (0, 142, 160, 184),
    (CALM - 1, 52, 104, 164),
    (CALM, 226, 156, 34),
    (170, 216, 84, 24),
    (SIZE - 1, 168, 12, 62),
)
DECADES = 12  # of the threshold, at most, that the warm colours span


def palette() -> npt.NDArray[np.uint8]:
    """(255, 3) colours in sRGB, interpolated linearly between the anchors."""
    return _interpolated(ANCHORS, np.linspace(0.0, 1.0, SIZE))


def judging_palette() -> npt.NDArray[np.uint8]:
    """(255, 3) colours in sRGB: `CALM` calm ones, and then warm ones."""
    return _interpolated(JUDGING, np.arange(SIZE))


def levels(values: npt.NDArray[Any], top: float) -> npt.NDArray[np.uint8]:
    """Which colour of the palette each value has: 0 for 0, the last for `top` and beyond.

    Args:
        values: (N,) floats >= 0.
        top: the value at the end of the scale; where it is 0, all values have the first colour.
    """
    share = np.minimum(values, top) / top if top > 0 else np.zeros(len(values))
    return np.rint(share * (SIZE - 1)).astype(np.uint8)


def decades(threshold: float, largest: float) -> int:
    """How many powers of ten of the threshold the warm colours span: one, or as many as reach `largest`."""
    if not largest > threshold:
        return 1
    reach = math.log10(largest) - math.log10(threshold)
    return min(DECADES, max(1, math.ceil(reach - 1e-9)))


def judged(values: npt.NDArray[Any], threshold: float, spanned: int) -> npt.NDArray[np.uint8]:
    """Which colour of the `judging_palette` each value has.

    Args:
        values: (N,) floats >= 0.
        threshold: > 0; what is below has a calm colour, the first for 0, and is linear.
        spanned: how many decades the warm colours span: logarithmic, the last for ``threshold 10^spanned``
            and beyond.
    """
    calm = values < threshold
    found = np.empty(len(values), np.uint8)
    found[calm] = np.minimum(values[calm] / threshold * CALM, CALM - 1)
    share = (np.log10(values[~calm]) - math.log10(threshold)) / spanned
    found[~calm] = CALM + np.rint(np.minimum(share, 1.0) * (SIZE - 1 - CALM)).astype(np.uint8)
    return found


def _interpolated(anchors: Sequence[tuple[float, int, int, int]], share: Any) -> npt.NDArray[np.uint8]:
    at, *channels = np.array(anchors).T
    return np.stack([np.rint(np.interp(share, at, c)).astype(np.uint8) for c in channels], axis=1)
