"""Exact nearest neighbours on a GPU: packets of queries walk a tree of boxes.

Each query first goes down to one leaf, which gives a bound. Queries of the same or neighbouring leaves make a
packet, which goes through the nodes in order, by a link past each subtree that none of its queries needs. A
box is needed where it is nearer than the farthest neighbour so far, or as near and holds a lower row: so
equal points need no special care, and ties go to the lowest row.

Distances to boxes are computed as those to points are, in the same order and without fused operations.
Rounding is monotone, so that no point comes out nearer than its box. What defeats a packet (at the centre of
a sphere all boxes are equally far) is answered by trying every point.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from . import box_tree
from .launches import launch

if TYPE_CHECKING:
    from torch import Tensor

PACKET = 32  # queries, by one warp
SEVERAL = 16  # neighbours of a query at most, which are in registers
VISITS = 2000  # of boxes by a packet, before it is defeated
MOST = (1 << 31) - 64  # points: their rows are int32, and some beyond name nobody
PIECE = 1 << 20  # queries at a time
_NODE = 8  # numbers a node: its corners, the node past it and the lowest row in it
_PROGRAMS = 4096  # keep a GPU busy


class Tree(NamedTuple):
    """Points in a balanced tree.

    Attributes:
        depth: how many levels of nodes are above the leaves.
        points: (2^depth, `box_tree.LEAF`, 3) of the stored type, NaN where a leaf is not full.
        rows: (2^depth, `box_tree.LEAF`) int32.
        boxes: (2^(depth + 1), 8) of the stored type, node i in row i from 1 on: its corners, and room for
        `links`.
        links: the same memory as int32 from the corners on: the node past each, 0 at the end, and its lowest
            row.
    """

    depth: int
    points: Tensor
    rows: Tensor
    boxes: Tensor
    links: Tensor


class Found(NamedTuple):
    """What a search found, and the work it took.

    Attributes:
        squared: (Q, k) float64, the least squared distances of each query, ascending; infinite where there
            are not so many points.
        rows: (Q, k) int32, of equally far points the lowest rows first.
        box_tests: how many distances to boxes were computed.
        evaluations: how many distances to points were computed.
    """

    squared: Tensor
    rows: Tensor
    box_tests: int
    evaluations: int


def build(points: Tensor) -> Tree:
    """A tree of (N, 3) finite points, float32 or float64, 0 < N <= `MOST`.

    Memory: of float32 80 bytes a point at most, of float64 130, beyond what sorting takes for itself.
    """
    import torch

    inner, slots, repeated, low, high = box_tree.build(points)
    leaves, filled = slots.shape
    held = points.new_full((leaves, box_tree.LEAF, 3), float("nan"))
    held[:, :filled].copy_(inner).masked_fill_(repeated[..., None], float("nan"))
    del inner  # as for all of it there would be no room below
    rows = torch.full((leaves, box_tree.LEAF), MOST, dtype=torch.int32, device=points.device)
    rows[:, :filled].copy_(slots).masked_fill_(repeated, MOST)
    del slots, repeated
    depth = leaves.bit_length() - 1
    lowest = [rows.amin(dim=1)]
    for _ in range(depth):
        lowest.insert(0, lowest[0].view(-1, 2).amin(dim=1))
    past = torch.arange(1, 2 * leaves + 1, device=points.device)
    past //= past & -past  # from the node after it up, while that is a first child; 1 is the end
    boxes = points.new_zeros(2 * leaves, _NODE)  # row 0 is no node
    boxes[1:, :3], boxes[1:, 3:6] = low, high
    links = boxes.view(torch.int32)[:, 6 * boxes.element_size() // 4 :]
    links[:, 0], links[1:, 1] = torch.where(past == 1, 0, past), torch.cat(lowest)
    return Tree(depth, held, rows, boxes, links)


def nearest(
    tree: Tree,
    queries: Tensor,
    k: int = 1,
    *,
    others: bool = False,
    elsewhere: bool = False,
    visits: int = VISITS,
    advance: Callable[[int], object] | None = None,
) -> Found:
    """The k nearest points of each query.

    Args:
        queries: (Q, 3) float32 or float64 on the device of the tree, 0 < Q <= `MOST`.
        k: 1 to `SEVERAL`.
        others: leave out the point that has a query's own row: the tree is over the queries.
        elsewhere: leave out points at a query's own position.
        visits: of boxes by a packet, before it is defeated.
        advance: told of each number of queries that are answered.
    """
    import torch

    from .gpu import walk

    queries, count, device = queries.contiguous(), len(queries), queries.device
    leaves = 1 << tree.depth
    constants = {"OTHERS": others, "ELSEWHERE": elsewhere, "M": box_tree.LEAF, "BQ": PACKET}
    constants |= {"K": 1 << (k - 1).bit_length(), "k": k}
    homes = torch.empty(count, dtype=torch.int32, device=device)
    launch(walk.descend, (-(-count // 128),), queries, tree.boxes, homes, count, tree.depth, BQ=128)
    order = homes.sort(stable=True).indices  # leaves next to each other are near each other
    squared = torch.empty(count, k, dtype=torch.float64, device=device)
    rows = torch.empty(count, k, dtype=torch.int32, device=device)
    tests, evaluations = 2 * tree.depth * count, 0
    for part in torch.split(order, PIECE):
        work = torch.empty(-(-len(part) // PACKET), 2, dtype=torch.int32, device=device)
        launch(
            walk.walk,
            (len(work),),
            *(queries, part, homes, tree.boxes, tree.links, tree.points, tree.rows, squared, rows, work),
            *(len(part), leaves, visits),
            W=tree.boxes.element_size() // 4,
            warps=1,
            **constants,
        )
        boxes, defeats, offered = _sums(work)
        tests += PACKET * boxes
        evaluations += PACKET * box_tree.LEAF * (offered + len(work))
        if defeats:
            lost = (work[:, 1] < 0).repeat_interleave(PACKET)[: len(part)]
            left = part[lost]
            evaluations += len(left) * leaves * box_tree.LEAF
            for which in torch.split(left, PIECE // 16):
                squared[which], rows[which] = _tried(tree, queries, which, constants)
        if advance is not None:
            advance(len(part))
    return Found(squared, rows, tests, evaluations)


def _sums(work: Tensor) -> tuple[int, int, int]:
    """Of the work of packets the visits, how many were defeated, and the leaves of those that were not."""
    import torch

    lost = work[:, 1] < 0
    boxes, defeats, offered = torch.stack(
        [work[:, 0].sum(), lost.sum(), work[:, 1].clamp(min=0).sum()]
    ).tolist()
    return boxes, defeats, offered


def _tried(tree: Tree, queries: Tensor, which: Tensor, constants: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """(W, k) squared distances and rows of the queries `which`, from all pairs."""
    import torch

    from .gpu import walk

    packets, leaves, k = -(-len(which) // PACKET), len(tree.rows), constants["k"]
    share = -(-leaves // max(1, min(_PROGRAMS // packets, leaves // 16)))
    shape = len(which), -(-leaves // share), k
    squared = torch.empty(shape, dtype=torch.float64, device=which.device)
    rows = torch.empty(shape, dtype=torch.int32, device=which.device)
    launch(
        walk.try_all,
        (packets, shape[1]),
        *(queries, which, tree.points, tree.rows, squared, rows, len(which), leaves, share),
        warps=1,
        **constants,
    )
    squared, rows = squared.flatten(1), rows.flatten(1)
    rows, order = rows.sort(dim=1)
    squared, order = squared.gather(1, order).sort(dim=1, stable=True)
    return squared[:, :k], rows.gather(1, order[:, :k])
