"""Levels of detail as streamed SOG: files of each level, and the tree of boxes in lod-meta.json.

Space is cut in boxes by the finest level, each at the median of its longest side, until few rows are in
one. A row of any level is in the box where its centre is. What a box holds lies together in a file, so that
viewers take each box from the level that its distance asks for.
"""

from __future__ import annotations

import json
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

Array = npt.NDArray[Any]

BOX = 1 << 17  # rows of the finest level in a box, at most
FILE = 1 << 19  # rows in a file, after which another one is begun
DIGITS = 7  # of bounds, as float32 has them


@dataclass
class Node:
    """A box: cut in two across an axis, or a leaf.

    Attributes:
        axis, at: what is below `at` is in the first of the children. children: none of a leaf.
        low, high: (3,) around what is in it. lods: of a leaf, what it has of each level.
    """

    axis: int = 0
    at: float = 0.0
    children: tuple[Node, ...] = ()
    low: Array = field(default_factory=lambda: np.full(3, np.inf))
    high: Array = field(default_factory=lambda: np.full(3, -np.inf))
    lods: dict[int, dict[str, int]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """As lod-meta.json has it, its bounds those of its children."""
        for child in (children := [each.to_dict() for each in self.children]):
            self.low = np.minimum(self.low, child["bound"]["min"])
            self.high = np.maximum(self.high, child["bound"]["max"])
        bound = {"min": _digits(self.low), "max": _digits(self.high)}
        if children:
            return {"bound": bound, "children": children}
        return {"bound": bound, "lods": {str(level): held for level, held in self.lods.items()}}


class Stream:
    """Writes levels into a folder, one after the other, the finest first.

    Attributes:
        names: the files written so far, within the folder.
    """

    def __init__(self, folder: Path, finest: GaussianCloud) -> None:
        self.names: list[str] = []
        self._folder, self._counts = folder, list[int]()
        self._tree = cut(finest.xyz)

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

        for leaf, rows in placed(self._tree, cloud.xyz):
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
            "tree": self._tree.to_dict(),
        }
        (self._folder / streamed_sog.META).write_text(json.dumps(meta, separators=(",", ":")))


def cut(xyz: Array) -> Node:
    """The boxes of (N, 3) positions."""
    root = Node()
    todo = [(root, xyz)]
    while todo:
        node, here = todo.pop()
        if len(here) <= BOX:
            continue
        node.axis = int(np.argmax(here.max(axis=0) - here.min(axis=0)))
        node.at = float(np.partition(here[:, node.axis], len(here) // 2)[len(here) // 2])
        below = here[:, node.axis] < node.at
        if not below.any():  # half of them lie in the lowest place
            node.at = float(np.nextafter(here.dtype.type(node.at), here.dtype.type(np.inf)))
            below = here[:, node.axis] < node.at
            if below.all():
                continue
        node.children = Node(), Node()
        todo += [(node.children[0], here[below]), (node.children[1], here[~below])]
    return root


def placed(tree: Node, xyz: Array) -> list[tuple[Node, npt.NDArray[np.int64]]]:
    """The leaves, and the rows of (N, 3) positions in each, ascending."""
    found, todo = [], [(tree, np.arange(len(xyz)))]
    while todo:
        node, rows = todo.pop()
        if not node.children:
            found.append((node, rows))
            continue
        below = xyz[rows, node.axis] < node.at
        todo += [(node.children[1], rows[~below]), (node.children[0], rows[below])]
    return found


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
