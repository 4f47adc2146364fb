"""What compiled kernels that draw are told: where Gaussians lie in rows, whence they are seen; and splats."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

COLUMNS = np.dtype(
    [(name, "i8") for name in ("stride", "degree", "raw", "wide")]
    + [("position", "i8", 3), ("opacity", "i8"), ("scales", "i8", 3), ("rotation", "i8", 4)]
    + [("color", "i8", 3), ("harmonics", "i8", 72)]
)
VIEW = np.dtype(
    [("position", "f8", 3), ("rotation", "f8", (3, 3))]
    + [(name, "f8") for name in ("fx", "fy", "cx", "cy", "near")]
    + [(name, "i8") for name in ("width", "height", "antialiased", "xray", "parallel")]
)
SPLAT = np.dtype(
    [(name, "f4") for name in ("u", "v", "shear", "kx", "ky", "peak", "reach", "depth")]
    + [("color", "f4", 3), ("row", "u4")]
)
BOX = np.dtype([(name, "u2") for name in ("left", "right", "top", "bottom")])


def require_within(columns: Array, stride: int) -> None:
    """Refuse (1,) of `COLUMNS` that do not lie within rows of so many bytes.

    Raises:
        ValueError: see above.
    """
    found = columns[0]
    rest = 3 * ((int(found["degree"]) + 1) ** 2 - 1)
    singles = [
        found["opacity"],
        *found["scales"],
        *found["rotation"],
        *found["color"],
        *found["harmonics"][:rest],
    ]
    doubled = 8 if found["wide"] else 4
    ends = [int(offset) + 4 for offset in singles] + [int(offset) + doubled for offset in found["position"]]
    if found["stride"] != stride or not 0 <= found["degree"] <= 4 or max(ends) > stride or min(ends) < 4:
        raise ValueError(f"columns that are not within rows of {stride} bytes")
