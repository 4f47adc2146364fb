"""Make the scene of the documents' examples: python tests/data/make_scene.py scene.ply

The tabletop of `gscli.scene` without what surrounds it, in as few columns as a Gaussian needs.
"""

from __future__ import annotations

import sys

import numpy as np

import gscli
from gscli import fields, scene

HALF = 2.5  # of the width of what is kept, in scene units
HEIGHT = 2.0


def make() -> gscli.GaussianCloud:
    """About ten thousand Gaussians of SH degree 0: 56 bytes each."""
    made = scene.make(14_000, sh_degree=0, flyaways=0)
    x, y, z = made.xyz.T
    names = [name for name in made.fields if name not in fields.NORMAL]
    rows = made.rows[(abs(x) < HALF) & (abs(y) < HALF) & (z < HEIGHT)]
    kept = np.empty(len(rows), [(name, "<f4") for name in names])
    for name in names:
        kept[name] = rows[name]
    return gscli.GaussianCloud(kept)


if __name__ == "__main__":
    gscli.write(sys.argv[1], make())
