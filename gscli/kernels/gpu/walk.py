"""Nearest neighbours by packets that walk a tree of boxes: what `gscli.kernels.walk` launches.

Nodes are numbered from 1; the children of i are 2 i and 2 i + 1. `box` holds 8 numbers a node: its corners
and, in `link`, which is the same memory as int32, the node past it and the lowest row in it.

What is best so far of (BQ,) queries is `limit` and `last`, the distance and row of the k-th; where k is more
than 1, `kept` and `named` are those of all, (BQ, K) in no order, K a power of two: what is beyond k keeps -1.
"""

import triton
import triton.language as tl

NONE = tl.constexpr(0x7FFFFFFF)  # no row; rows are less by more than any k


@triton.jit
def _squared(x, y, z, u, v, w):
    dx, dy, dz = x - u, y - v, z - w
    return dx * dx + dy * dy + dz * dz


@triton.jit
def _point(points, at):
    x, y, z = tl.load(points + at * 3), tl.load(points + at * 3 + 1), tl.load(points + at * 3 + 2)
    return x.to(tl.float64), y.to(tl.float64), z.to(tl.float64)


@triton.jit
def _to_box(x, y, z, box, node):
    """Squared distances from queries to the box of one node, or of one node each."""
    at = box + node.to(tl.int64) * 8
    u = tl.minimum(tl.maximum(x, tl.load(at).to(tl.float64)), tl.load(at + 3).to(tl.float64))
    v = tl.minimum(tl.maximum(y, tl.load(at + 1).to(tl.float64)), tl.load(at + 4).to(tl.float64))
    w = tl.minimum(tl.maximum(z, tl.load(at + 2).to(tl.float64)), tl.load(at + 5).to(tl.float64))
    return _squared(x, y, z, u, v, w)


@triton.jit
def _nothing(BQ: tl.constexpr, K: tl.constexpr, k: tl.constexpr):
    """No neighbours yet."""
    place = tl.arange(0, K)[None, :] + tl.zeros((BQ, K), tl.int32)
    kept = tl.where(place < k, float("inf"), -1.0).to(tl.float64)
    limit, last = tl.full((BQ,), float("inf"), tl.float64), tl.full((BQ,), NONE, tl.int32)
    named = tl.full((BQ, K), NONE, tl.int32) - place  # of nobody, none of them twice
    return limit, last, kept, named


@triton.jit
def _nearer(x, y, z, own, points, rows, at, limit, last, ELSEWHERE: tl.constexpr):
    """Distances to a point, or to one each, with its row, and which queries it is a neighbour of so far."""
    u, v, w = _point(points, at)
    d, r = _squared(x, y, z, u, v, w), tl.load(rows + at)
    nearer = ((d < limit) | ((d == limit) & (r < last))) & (r != own)
    return d, r, nearer & (d > 0) if ELSEWHERE else nearer


@triton.jit
def _offered(
    x,
    y,
    z,
    own,
    points,
    rows,
    leaf,
    limit,
    last,
    kept,
    named,
    ELSEWHERE: tl.constexpr,
    M: tl.constexpr,
    K: tl.constexpr,
):
    """What is best after the points of a leaf were tried; a query's `own` row is none of its neighbours."""
    first = leaf.to(tl.int64) * M
    if K == 1:
        for j in tl.static_range(M):
            d, r, nearer = _nearer(x, y, z, own, points, rows, first + j, limit, last, ELSEWHERE)
            limit, last = tl.where(nearer, d, limit), tl.where(nearer, r, last)
    else:
        for j in range(M):  # not unrolled, which would take minutes to compile
            d, r, nearer = _nearer(x, y, z, own, points, rows, first + j, limit, last, ELSEWHERE)
            if tl.max(nearer.to(tl.int32), 0) > 0:
                name = (r + tl.zeros_like(last))[:, None]
                nearer = nearer & (tl.max((named == name).to(tl.int32), 1) == 0)  # a leaf may come twice
                out = nearer[:, None] & (kept == limit[:, None]) & (named == last[:, None])
                kept, named = tl.where(out, d[:, None], kept), tl.where(out, name, named)
                limit = tl.max(kept, 1)
                last = tl.max(tl.where(kept == limit[:, None], named, -1), 1)
    return limit, last, kept, named


@triton.jit
def _store(squared, found, at, inside, limit, last, kept, named, K: tl.constexpr, k: tl.constexpr):
    """Write (n, k) distances and rows of the queries `at`, nearest first, of equal ones the lowest row."""
    if K == 1:
        tl.store(squared + at, limit, inside)
        tl.store(found + at, last, inside)
    else:
        place = tl.arange(0, K)[None, :]
        rank = tl.zeros_like(named) - (K - k)  # what is beyond k comes before all
        for j in range(K):
            d = tl.sum(tl.where(place == j, kept, 0.0), 1)[:, None]
            r = tl.sum(tl.where(place == j, named, 0), 1)[:, None]
            rank += ((d < kept) | ((d == kept) & (r < named))).to(tl.int32)
        to = at.to(tl.int64)[:, None] * k + rank
        tl.store(squared + to, kept, inside[:, None] & (rank >= 0))
        tl.store(found + to, named, inside[:, None] & (rank >= 0))


@triton.jit(do_not_specialize=["N", "DEPTH"])
def descend(queries, box, homes, N, DEPTH, BQ: tl.constexpr):
    """The leaf that each of (N, 3) queries comes to by way of the nearer child."""
    at = tl.program_id(0).to(tl.int64) * BQ + tl.arange(0, BQ)
    x, y, z = _point(queries, tl.minimum(at, N - 1))
    home = tl.full((BQ,), 1, tl.int32)
    for _ in range(DEPTH):
        second = _to_box(x, y, z, box, 2 * home + 1) < _to_box(x, y, z, box, 2 * home)
        home = 2 * home + second.to(tl.int32)
    tl.store(homes + at, home, at < N)


@triton.jit(do_not_specialize=["N", "FIRST", "VISITS"])
def walk(
    queries,
    order,
    homes,
    box,
    link,
    points,
    rows,
    squared,
    found,
    work,
    N,
    FIRST,
    VISITS,
    OTHERS: tl.constexpr,
    ELSEWHERE: tl.constexpr,
    W: tl.constexpr,
    M: tl.constexpr,
    BQ: tl.constexpr,
    K: tl.constexpr,
    k: tl.constexpr,
):
    """The k nearest of the queries that (N,) `order` names, a packet of BQ of them at a time.

    Writes their distances and rows, unless more than VISITS boxes defeat the packet, and (packets, 2) visits
    and leaves, -1 if defeated. FIRST is the number of leaves; OTHERS says that queries are the targets, and
    none its own neighbour; ELSEWHERE that none is where the query is; W how many int32 a coordinate takes;
    M how many points are in a leaf.
    """
    at = tl.program_id(0).to(tl.int64) * BQ + tl.arange(0, BQ)
    query = tl.load(order + tl.minimum(at, N - 1))  # the rest repeat the last query
    x, y, z = _point(queries, query)
    own = query.to(tl.int32) if OTHERS else tl.full((BQ,), -1, tl.int32)
    home = tl.load(homes + query)
    limit, last, kept, named = _nothing(BQ, K, k)
    limit, last, kept, named = _offered(
        x, y, z, own, points, rows, home - FIRST, limit, last, kept, named, ELSEWHERE, M, K
    )
    node, visits, leaves = tl.full((), 1, tl.int32), tl.full((), 0, tl.int32), tl.full((), 0, tl.int32)
    while node > 0:
        d = _to_box(x, y, z, box, node)
        past = tl.load(link + node.to(tl.int64) * (8 * W))
        lowest = tl.load(link + node.to(tl.int64) * (8 * W) + 1)
        needed = ((d < limit) | ((d == limit) & (lowest < last))) & (home != node)
        needed = tl.max(needed.to(tl.int32), 0) > 0
        visits += 1
        past = tl.where(needed & (node < FIRST), 2 * node, past)
        if needed & (node >= FIRST):
            limit, last, kept, named = _offered(
                x, y, z, own, points, rows, node - FIRST, limit, last, kept, named, ELSEWHERE, M, K
            )
            leaves += 1
        node = tl.where(visits < VISITS, past, 0)
        leaves = tl.where((visits >= VISITS) & (past > 0), -1, leaves)
    inside = at < N
    if leaves >= 0:
        _store(squared, found, query, inside, limit, last, kept, named, K, k)
    tl.store(work + 2 * tl.program_id(0) + tl.arange(0, 2), tl.where(tl.arange(0, 2) == 0, visits, leaves))


@triton.jit(do_not_specialize=["N", "FIRST", "SHARE"])
def try_all(
    queries,
    which,
    points,
    rows,
    squared,
    found,
    N,
    FIRST,
    SHARE,
    OTHERS: tl.constexpr,
    ELSEWHERE: tl.constexpr,
    M: tl.constexpr,
    BQ: tl.constexpr,
    K: tl.constexpr,
    k: tl.constexpr,
):
    """The k nearest of the queries that (N,) `which` names among the points of each SHARE of leaves.

    Writes (N, shares, k) distances and rows; FIRST is the number of leaves.
    """
    at = tl.program_id(0).to(tl.int64) * BQ + tl.arange(0, BQ)
    query = tl.load(which + tl.minimum(at, N - 1))
    x, y, z = _point(queries, query)
    own = query.to(tl.int32) if OTHERS else tl.full((BQ,), -1, tl.int32)
    limit, last, kept, named = _nothing(BQ, K, k)
    leaf = tl.program_id(1) * SHARE
    stop = tl.minimum(leaf + SHARE, FIRST)
    while leaf < stop:
        limit, last, kept, named = _offered(
            x, y, z, own, points, rows, leaf, limit, last, kept, named, ELSEWHERE, M, K
        )
        leaf += 1
    to = at * tl.num_programs(1) + tl.program_id(1)
    _store(squared, found, to, at < N, limit, last, kept, named, K, k)
