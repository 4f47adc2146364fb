"""Levels of detail as streamed SOG: files of each level, and the tree of boxes in lod-meta.json.

Space is cut in boxes by the finest level, each at the median of its longest side, until few rows are in
one. A row of any level is in the box where its centre is. What a box holds lies together in a file, so that
viewers take each box from the level that its distance asks for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..formats import sog, streamed_sog
from ..kernels import covariances, elementary
from ..version import __version__
from . import boxes

Array = npt.NDArray[Any]

BOX = 1 << 17  # rows of the finest level in a box, at most
FILE = 1 << 19  # rows in a file, after which another one is begun
DIGITS = 7  # of bounds, as float32 has them


@dataclass
class Held:
    """What a box of the finest level holds.

    Attributes:
        low, high: (3,) around what is in it. lods: of each level, where that is.
    """

    low: Array = field(default_factory=lambda: np.full(3, np.inf))
    high: Array = field(default_factory=lambda: np.full(3, -np.inf))
    lods: dict[int, dict[str, int]] = field(default_factory=dict)


class Stream:
    """Writes levels into a folder, one after the other, the finest first.

    Attributes:
        names: the files written so far, within the folder.
    """

    def __init__(self, folder: Path, finest: GaussianCloud) -> None:
        self.names: list[str] = []
        self._folder, self._counts = folder, list[int]()
        self._tree = boxes.cut(finest.xyz, BOX)
        self._leaves: list[Held] = []  # from left to right

    def add(self, cloud: GaussianCloud) -> list[str]:
        """Write the next level; the names of its files."""
        level, first = len(self._counts), len(self.names)
        self._counts.append(len(cloud))
        waiting: list[Array] = []
        held = 0

        def write() -> None:
            nonlocal held
            if held:
                name = f"{level}_{len(self.names) - first}"
                sog.write_folder(self._folder / name, cloud, np.concatenate(waiting))
                self.names.append(f"{name}/meta.json")
                waiting.clear()
                held = 0

        placed = boxes.placed(self._tree, cloud.xyz)
        self._leaves = self._leaves or [Held() for _ in placed]
        for leaf, rows in zip(self._leaves, placed, strict=True):
            if not len(rows):
                continue
            leaf.lods[level] = {"file": len(self.names), "offset": held, "count": len(rows)}
            low, high = reach(cloud.take(rows))
            leaf.low, leaf.high = np.minimum(leaf.low, low), np.maximum(leaf.high, high)
            waiting.append(sog.along_curve(cloud, rows))
            held += len(rows)
            if held >= FILE:
                write()
        write()
        return self.names[first:]

    def finish(self) -> None:
        """Write lod-meta.json."""
        meta = {
            "version": 1,
            "asset": {"generator": f"gscli {__version__}"},
            "count": sum(self._counts),
            "counts": self._counts,
            "lodLevels": len(self._counts),
            "filenames": self.names,
            "tree": _described(self._tree, iter(self._leaves)),
        }
        (self._folder / streamed_sog.META).write_text(json.dumps(meta, separators=(",", ":")))


def _described(box: boxes.Box, leaves: Iterator[Held]) -> dict[str, Any]:
    """A box as lod-meta.json has it, its bounds those of its children."""
    held = None if box.children else next(leaves)
    children = [_described(child, leaves) for child in box.children]
    if held is not None:
        bound = {"min": _digits(held.low), "max": _digits(held.high)}
        return {"bound": bound, "lods": {str(level): where for level, where in held.lods.items()}}
    ends = ("min", np.minimum), ("max", np.maximum)
    bound = {end: _digits(of(*(np.array(child["bound"][end]) for child in children))) for end, of in ends}
    return {"bound": bound, "children": children}


def reach(cloud: GaussianCloud) -> tuple[Array, Array]:
    """The corners of a box around Gaussians, to one standard deviation."""
    low, high = np.full(3, np.inf), np.full(3, -np.inf)
    for _, block in cloud.column_blocks((*fields.POSITION, *fields.SCALE, *fields.ROTATION)):
        xyz, scales, rotations = np.split(block.astype(np.float64), (3, 6))
        out = np.sqrt(covariances.of_axes(elementary.exp(scales), rotations)[[0, 3, 5]])
        low, high = np.minimum(low, (xyz - out).min(axis=1)), np.maximum(high, (xyz + out).max(axis=1))
    return low, high


def _digits(corner: Array) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in corner.tolist()]
