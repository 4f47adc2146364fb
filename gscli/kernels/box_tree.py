"""A balanced tree of boxes in plain torch operations: built and searched a level at a time.

Whatever device the tensors are on, each operation is elementwise, a sort or a minimum, so that the
answer is the same on all of them.

A box distance is computed with the operations of a point distance, in their order. Rounding is
monotone, so that no point in a box comes out nearer than the box: pruning is exact, without slack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .distances import nearest_by_trial, squared_distances

if TYPE_CHECKING:
    from torch import Tensor

LEAF = 8  # points per leaf at most
DENSE_TESTS = 2000  # box tests per query beyond which trying every point is cheaper


class BoxTree(NamedTuple):
    """2^depth leaves of m points each, and the boxes above them.

    Nodes are numbered level by level: the root is 0, the children of i are 2i + 1 and 2i + 2.

    Attributes:
        points: (leaves, m, 3), of the type that the tree was built from; some are there twice, to fill
        leaves.
        slots: (leaves, m) int64, the row of each among the points that the tree was built from.
        repeated: (leaves, m) bool, the second of those that are there twice.
        low, high: (2 * leaves - 1, 3), the corners of each node's box.
    """

    points: Tensor
    slots: Tensor
    repeated: Tensor
    low: Tensor
    high: Tensor

    @property
    def depth(self) -> int:
        return len(self.slots).bit_length() - 1


class Found(NamedTuple):
    """What a search found, and the work it took.

    Attributes:
        squared: (Q,) float64, the least squared distance of each query.
        slots: (Q,) int64, the lowest row among the points at that distance.
        box_tests: how many distances to boxes were computed.
        evaluations: how many distances to points were computed.
    """

    squared: Tensor
    slots: Tensor
    box_tests: int
    evaluations: int


def build(points: Tensor) -> BoxTree:
    """Halve the points along the widest axis of their box until at most `LEAF` are left in each part.

    What fills up the leaves is taken from everywhere: at most every fourth point twice.

    Args:
        points: (N, 3) float32 or float64, N > 0.
    """
    import torch

    count = len(points)
    depth = max(0, (-(-count // LEAF) - 1).bit_length())
    size = -(-count // (1 << depth)) << depth
    places = torch.arange(size, device=points.device)
    slots = places * count // size
    filled = points[slots]
    for level in range(depth):
        nodes = filled[places].view(1 << level, -1, 3)
        axis = (nodes.amax(dim=1) - nodes.amin(dim=1)).argmax(dim=1)
        keys = nodes.gather(2, axis[:, None, None].expand(-1, nodes.shape[1], 1))[..., 0]
        del nodes  # sorting needs the room
        places = places.view(1 << level, -1).gather(1, keys.argsort(dim=1, stable=True)).view(-1)
    leaves = filled[places].view(1 << depth, -1, 3)
    del filled
    low, high = [leaves.amin(dim=1)], [leaves.amax(dim=1)]
    for _ in range(depth):
        low.insert(0, low[0].view(-1, 2, 3).amin(dim=1))
        high.insert(0, high[0].view(-1, 2, 3).amax(dim=1))
    second = slots == slots.roll(1) if count > 1 else slots > 0
    return BoxTree(
        points=leaves,
        slots=slots[places].view(1 << depth, -1),
        repeated=second[places].view(1 << depth, -1),
        low=torch.cat(low),
        high=torch.cat(high),
    )


def order(points: Tensor) -> Tensor:
    """The rows of (N, 3) points in the order of their own tree's leaves: near ones come together."""
    tree = build(points)
    return tree.slots[~tree.repeated]


def search(tree: BoxTree, points: Tensor, queries: Tensor, *, piece: int) -> Found:
    """The nearest point of each query.

    Each query goes down to one leaf, always to the nearer child, for a first bound. Then pairs of a
    query and a box go down together, `piece` of them at a time, the deepest first, as long as the box
    is no farther than the query's bound. A query that takes more than `DENSE_TESTS` (at the centre of a
    sphere all boxes are equally far) is answered by trying every point.

    Args:
        tree: `build(points)`.
        points: (N, 3) float64.
        queries: (Q, 3) float64.
        piece: how many pairs to expand at a time; memory grows with it and with Q.
    """
    import torch

    home = _home_leaves(tree, queries)  # (Q,)
    squared = squared_distances(queries[:, None], tree.points[home])
    best = squared.amin(dim=1)
    slots = _lowest(squared == best[:, None], tree.slots[home], len(points))
    tests = torch.full_like(slots, 2 * tree.depth)
    evaluations = squared.numel()
    first_leaf = len(tree.slots) - 1
    everyone = torch.arange(len(queries), device=queries.device)
    stack = [(0, everyone, torch.zeros_like(everyone), torch.zeros_like(best))] if tree.depth else []
    while stack:
        level, query, node, bound = stack.pop()
        alive = (bound <= best[query]) & (tests[query] <= DENSE_TESTS)
        if level == tree.depth:
            alive &= node != home[query] + first_leaf
        alive = alive.nonzero()[:, 0]
        if len(alive) > piece:
            rest = alive[piece:]
            stack.append((level, query[rest], node[rest], bound[rest]))
            alive = alive[:piece]
        if not len(alive):
            continue
        query, node = query[alive], node[alive]
        if level == tree.depth:
            squared = squared_distances(queries[query, None], tree.points[node - first_leaf])
            nearer = best.scatter_reduce(0, query, squared.amin(dim=1), "amin")
            slots = torch.where(nearer < best, len(points), slots)
            best = nearer
            ties = _lowest(squared == best[query, None], tree.slots[node - first_leaf], len(points))
            slots = slots.scatter_reduce(0, query, ties, "amin")
            evaluations += squared.numel()
            continue
        query = query.repeat_interleave(2)
        node = torch.stack((2 * node + 1, 2 * node + 2), dim=1).view(-1)
        bound = _box_distances(queries[query], tree.low[node], tree.high[node])
        tests += torch.bincount(query, minlength=len(queries))
        stack.append((level + 1, query, node, bound))
    defeated = (tests > DENSE_TESTS).nonzero()[:, 0]
    for part in torch.split(defeated, max(1, piece >> 8)):
        best[part], slots[part] = nearest_by_trial(queries[part], points, 256)
        evaluations += len(part) * len(points)
    return Found(best, slots, int(tests.sum()), evaluations)


def _home_leaves(tree: BoxTree, queries: Tensor) -> Tensor:
    """(Q,) the leaf that each query comes to by way of the nearer child."""
    node = queries.new_zeros(len(queries)).long()
    for _ in range(tree.depth):
        first, second = (
            _box_distances(queries, tree.low[child], tree.high[child])
            for child in (2 * node + 1, 2 * node + 2)
        )
        node = 2 * node + 1 + (second < first).long()
    return node - (len(tree.slots) - 1)


def _box_distances(queries: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """(P,) squared distance from each of (P, 3) queries to its box; 0 inside."""
    squared: Tensor = squared_distances(queries, queries.maximum(low).minimum(high))
    return squared


def _lowest(among: Tensor, slots: Tensor, none: int) -> Tensor:
    """(P,) the lowest of (P, m) slots where `among` holds, or `none`."""
    return slots.masked_fill(~among, none).amin(dim=1)
