"""One colour scale for distances: grey-blue where clouds agree, through amber to dark red where not."""

from __future__ import annotations

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


def palette() -> npt.NDArray[np.uint8]:
    """(255, 3) colours in sRGB, interpolated linearly between the anchors."""
    at, *channels = np.array(ANCHORS).T
    share = np.linspace(0.0, 1.0, SIZE)
    return np.stack([np.rint(np.interp(share, at, c)).astype(np.uint8) for c in channels], axis=1)


def levels(values: npt.NDArray[Any], top: float) -> npt.NDArray[np.uint8]:
    """Which colour of the palette each value has: 0 for 0, the last for `top` and beyond.

    Args:
        values: (N,) floats >= 0.
        top: the value at the end of the scale; where it is 0, all values have the first colour.
    """
    share = np.minimum(values, top) / top if top > 0 else np.zeros(len(values))
    return np.rint(share * (SIZE - 1)).astype(np.uint8)
