"""Draw the picture that README opens with: a made scene, the same with things missing, and where they differ.

As a script: python tests/update_pictures.py
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gscli import scene
from gscli.compare import compare
from gscli.fields import rgb_from_dc
from gscli.kernels import colormap
from gscli.rendering import pictures
from gscli.report.looks import difference_levels

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "looks.jpg"
POINTS, SIZE, GAP = 1_000_000, (560, 360), 8


def draw() -> bytes:
    """The picture as a JPEG: a scene, the same with things missing, and their difference, side by side."""
    whole = scene.make(POINTS, sh_degree=2)
    red, green, blue = (rgb_from_dc(whole[name]) for name in ("f_dc_0", "f_dc_1", "f_dc_2"))
    box = (red > 0.7) & (green > 0.5) & (blue < 0.4)
    leaves = (green > red + 0.1) & (green > blue + 0.1)
    third = np.arange(POINTS) % 3 == 0
    changed = whole[~box & ~(leaves & third)]
    result = compare(changed, whole, render=True, views=1, size=SIZE)
    assert result.evidence is not None
    (worst,) = result.evidence.pictures
    apart = colormap.palette()[difference_levels(worst.source, worst.target, 0.25)] / 255
    gap = np.ones((SIZE[1], GAP, 3))
    row = [worst.target.clip(0, 1), gap, worst.source.clip(0, 1), gap, apart]
    return pictures.encoded(np.concatenate(row, axis=1).astype(np.float32), "rgb", ".jpg")


if __name__ == "__main__":
    PICTURE.write_bytes(draw())
    print(PICTURE.stat().st_size)
