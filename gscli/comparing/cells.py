"""Nearest neighbours a tile of the targets at a time: the same answers in less memory.

A coarse k-d tree cuts space into cells that hold about as many targets as may be indexed at once. A
query is first asked of the cell that it lies in. Where the answer is nearer than every face of the cell
it is proven, for all other targets lie beyond. Any other query is asked again, of every cell the box of
whose targets is not farther than the best answer so far: one cell's edge for most, all cells for a point
that is far from everything.

Distances to faces and boxes are computed with the operations of a point distance, in their order.
Rounding is monotone, so that no target beyond comes out nearer: the proof is exact, without slack. It
takes strictly nearer, so that among equally near targets the one of lowest row is found wherever it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from ..kernels.distances import squared_distances
from ..kernels.parallel import blocks
from ..neighbors import kdtree
from ..positions import as_array
from ..progress import nothing
from ..runtime import memory

Array = npt.NDArray[Any]

SAMPLE = 1 << 16  # targets that cells are cut by
FILL = 0.8  # of a tile: what cells are cut for, since a sample halves only roughly
DEEPEST = 12  # levels of the cells' tree; fuller cells are searched in several tiles


@dataclass(frozen=True)
class Work:
    """What it took: indices built over part of the targets, and queries that one cell did not settle."""

    tiles: int
    asked_again: int


@dataclass(frozen=True)
class Cells:
    """Space cut in 2^depth cells; nodes are numbered as in `gscli.kernels.box_tree`.

    Attributes:
        axes, cuts: (C - 1,) of each inner node: a point goes right where its coordinate >= the cut.
        low, high: (C, 3) float64: a cell's points have low <= x < high; infinite at the outside.
    """

    axes: Array
    cuts: Array
    low: Array
    high: Array

    def of(self, points: Array) -> npt.NDArray[np.uint16]:
        """The cell of each of (N, 3) points."""
        out = np.empty(len(points), np.uint16)
        for block in blocks(len(points)):
            part = points[block].astype(np.float64)
            node = np.zeros(len(part), np.int64)
            while node[0] < len(self.cuts):
                right = part[np.arange(len(part)), self.axes[node]] >= self.cuts[node]
                node = 2 * node + 1 + right
            out[block] = node - len(self.cuts)
        return out

    def proven(self, points: Array, homes: Array, distances: Array) -> Array:
        """(N,) bool: whether nothing outside their cells is as near to (N, 3) points as (N,) distances."""
        gap = np.minimum(points - self.low[homes], self.high[homes] - points).min(axis=1)
        certain: Array = distances < np.sqrt(gap * gap)  # the square may underflow, as a point's would
        return certain


def halve(points: Array, depth: int) -> Cells:
    """Cut space at the medians of (N, 3) points, or of a sample, each part along its widest axis."""
    parts = [points[:: -(-len(points) // SAMPLE)].astype(np.float64)]
    sides = [(np.full(3, -np.inf), np.full(3, np.inf))]
    axes, cuts = [], []
    for _ in range(depth):
        halves, next_sides = [], []
        for part, (low, high) in zip(parts, sides, strict=True):
            axis = int(np.argmax(np.ptp(part, axis=0))) if len(part) else 0
            values = part[:, axis]
            cut = np.partition(values, len(values) // 2)[len(values) // 2] if len(part) else 0.0
            axes.append(axis)
            cuts.append(cut)
            halves += [part[values < cut], part[values >= cut]]
            left, right = high.copy(), low.copy()
            left[axis], right[axis] = min(cut, high[axis]), max(cut, low[axis])
            next_sides += [(low, left), (right, high)]
        parts, sides = halves, next_sides
    return Cells(
        np.array(axes, np.int64),
        np.array(cuts, np.float64),
        np.array([low for low, _ in sides]),
        np.array([high for _, high in sides]),
    )


@dataclass
class Question:
    """Points to find the nearest target of, and what is known by now.

    Raises `InputError` for points that `gscli.neighbors` refuses.

    Attributes:
        points: (Q, 3) float32 or float64.
        elsewhere: ask for the nearest target at another position than the query's own.
        distances: (Q,) float64, infinite before anything is known.
        rows: (Q,) the row of that target, -1 before; untouched with `elsewhere`.
        homes: (Q,) the cell that each query lies in.
        open: (Q,) bool, whether targets of other cells may be nearer.
    """

    points: Array
    elsewhere: bool = False
    distances: Array = field(init=False, repr=False)
    rows: Array = field(init=False, repr=False)
    homes: Array = field(init=False, repr=False)
    open: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        as_array(self.points, "queries")

    def begin(self, cells: Cells, targets: Array) -> None:
        """Know nothing yet."""
        count = len(self.points)
        self.distances = np.full(count, np.inf)
        self.rows = np.full(
            0 if self.elsewhere else count, -1, np.int32 if len(targets) < 2**31 else np.int64
        )
        self.homes = cells.of(self.points)
        self.open = np.ones(count, bool)

    def prove(self, cells: Cells) -> None:
        """Close the queries whose answer no other cell can change."""
        for part in blocks(len(self.points)):
            self.open[part] = ~cells.proven(self.points[part], self.homes[part], self.distances[part])

    def at_home(self, part: slice, cell: int) -> Array:
        """Which queries of a slice lie in a cell."""
        mask: Array = self.homes[part] == cell
        return mask

    def reaching(self, part: slice, cell: int, box: Array) -> Array:
        """Which open queries of a slice may have their nearest target in another cell, of that box."""
        mask: Array = self.open[part] & (self.homes[part] != cell)
        rows = np.flatnonzero(mask)
        points = self.points[part][rows].astype(np.float64)
        nearest_in_box = np.minimum(np.maximum(points, box[0]), box[1])
        mask[rows] = np.sqrt(squared_distances(points, nearest_in_box)) <= self.distances[part][rows]
        return mask

    def ask(self, index: kdtree.Index, tile: Array, asked: Array, targets: Array) -> None:
        """Improve the answers at (K,) `asked` by an index of the targets at (T,) `tile`."""
        points, known = self.points[asked], self.distances[asked]
        if self.elsewhere:
            self.distances[asked] = np.minimum(known, index.spacing(points))
            return
        found = index.nearest(points)
        rows, before = tile[found.rows], self.rows[asked]
        better = found.distances < known
        tied = np.flatnonzero(found.distances == known)
        if len(tied):  # equal roots may have unequal squares, which decide
            at = points[tied].astype(np.float64)
            new, old = (squared_distances(at, targets[r[tied]].astype(np.float64)) for r in (rows, before))
            better[tied] = (new < old) | ((new == old) & (rows[tied] < before[tied]))
        self.distances[asked[better]] = found.distances[better]
        self.rows[asked[better]] = rows[better]


def search(
    targets: Array,
    questions: Sequence[Question],
    *,
    tile: int,
    advance: Callable[[int], object] = nothing,
) -> Work:
    """Answer questions exactly as an index of all targets would, with at most `tile` of them in an index.

    Args:
        targets: (M, 3) float32 or float64.
        questions: answered in place.
        tile: also how many queries are handled at a time.
        advance: told how many more queries for the nearest target have been asked.
    """
    cells = halve(targets, depth_for(len(targets), tile))
    places = cells.of(targets)
    for question in questions:
        question.begin(cells, targets)
    boxes = np.full((len(cells.low), 2, 3), np.nan)  # no point seen yet
    tiles = 0

    def tiles_of(cell: int) -> Iterator[tuple[Array, Array]]:
        """The targets of a cell, as rows and positions; at most a tile of them at a time."""
        for rows in _rows(lambda part: places[part] == cell, len(targets), tile):
            yield rows, targets[rows]

    def ask(rows: Array, held: Array, chosen: Callable[[Question, slice], Array]) -> None:
        nonlocal tiles
        index: kdtree.Index | None = None
        for question in questions:
            for asked in _rows(partial(chosen, question), len(question.points), tile):
                if index is None:
                    index, tiles = kdtree.Index(held), tiles + 1
                question.ask(index, rows, asked, targets)

    for cell in range(len(boxes)):
        for rows, held in tiles_of(cell):
            boxes[cell, 0] = np.fmin(boxes[cell, 0], held.min(axis=0))
            boxes[cell, 1] = np.fmax(boxes[cell, 1], held.max(axis=0))
            ask(rows, held, partial(Question.at_home, cell=cell))
        advance(sum(int(np.count_nonzero(q.homes == cell)) for q in questions if not q.elsewhere))
    for question in questions:
        question.prove(cells)
    again = sum(int(np.count_nonzero(q.open)) for q in questions if not q.elsewhere)
    for cell, box in enumerate(boxes):
        for rows, held in tiles_of(cell):
            ask(rows, held, partial(Question.reaching, cell=cell, box=box))
    memory.give_back()
    return Work(tiles, again)


def depth_for(targets: int, tile: int) -> int:
    """How often to halve so many targets for cells to fit in a tile, most of them."""
    return 0 if targets <= tile else min(DEEPEST, math.ceil(math.log2(targets / (FILL * tile))))


def _rows(chosen: Callable[[slice], Array], count: int, at_most: int) -> Iterator[Array]:
    """The rows among `count` that a mask of any slice marks, ascending, so many at a time."""
    held: list[Array] = []
    number = 0
    for block in blocks(count):
        held.append(np.flatnonzero(chosen(block)) + block.start)
        number += len(held[-1])
        while number >= at_most:
            together = np.concatenate(held)
            yield together[:at_most]
            held, number = [together[at_most:]], number - at_most
    if number:
        yield np.concatenate(held)
