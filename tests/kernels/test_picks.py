"""Which rows of each cell stay: exactly as many as asked, those with the smallest keys."""

import numpy as np
import pytest

from gscli.kernels import hashing, parallel, picks


def bottom_k_one_by_one(offsets, keys, k):
    """The slow twin: sort each cell's (key, row) pairs and keep the first k."""
    marked = np.zeros(len(keys), bool)
    for c in range(len(offsets) - 1):
        cell = sorted((int(keys[i]), i) for i in range(offsets[c], offsets[c + 1]))
        for _, i in cell[: k[c]]:
            marked[i] = True
    return marked


def cells_of(counts):
    return np.append(0, np.cumsum(counts)).astype(np.int64)


B = picks.PACKED_ROWS
SHAPES = {
    "small": [1, 2, 3, 5, 1, 1, 20],
    "one cell": [1000],
    "ones": [1] * 500,
    "mixed": np.random.default_rng(0).integers(1, 60, 800),
    "a cell of just a block": [3, B, 2],
    "a cell beyond a block": [3, B + 1, 2, 7],
    "a run of just a block": [B // 2, B // 2, 5],
    "two giants": [2 * B + 3, B + 9],
    "none": [],
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("key_range", [2, 1000, 2**32])
def test_bottom_k_equals_the_slow_twin(shape, key_range):
    """Few distinct keys make ties, which go to the lower row."""
    rng = np.random.default_rng(key_range)
    counts = np.array(SHAPES[shape], np.int64)
    offsets = cells_of(counts)
    keys = rng.integers(0, key_range, offsets[-1]).astype(np.uint32)
    for k in (rng.integers(0, counts + 1), counts, 0 * counts, np.minimum(counts, 1)):
        expected = bottom_k_one_by_one(offsets, keys, k)
        assert (picks.bottom_k_per_cell(offsets, keys, k) == expected).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("by", ["few keys", "keys", "chance"])
def test_the_rows_that_are_kept_are_those_of_the_smallest_keys(shape, by, kernels):
    rng = np.random.default_rng(3)
    counts = np.array(SHAPES[shape], np.int64)
    offsets, stream = cells_of(counts), (1 << 64) - 3
    order = rng.permutation(offsets[-1]).astype(np.int32)
    for first, last in zip(offsets[:-1], offsets[1:], strict=True):
        order[first:last].sort()
    keys = rng.integers(0, 4 if by == "few keys" else 2**32, offsets[-1]).astype(np.uint32)
    if by == "chance":
        keys = hashing.row_keys(order.astype(np.uint64), stream).astype(np.uint32)
    for k in (rng.integers(0, counts + 1), counts, 0 * counts):
        expected = np.zeros(len(order) + 1, bool)
        expected[order[bottom_k_one_by_one(offsets, keys, k)]] = True
        before = rng.random(len(expected)) < 0.1  # what stays already
        expected |= before
        kept = before.copy()
        picks.keep(kept, order, offsets, k, stream if by == "chance" else keys)
        assert (kept == expected).all()
        again = before.copy()
        picks.keep(again, order.astype(np.int64), offsets, k, stream if by == "chance" else keys.astype(int))
        assert (again == expected).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"order": np.array([0, 1, 5], np.int32)},
        {"order": np.array([0, 1, -7], np.int32)},
        {"offsets": np.array([0, 2, 4])},
        {"offsets": np.array([0, 4, 3])},
        {"k": np.array([1])},
        {"keys": np.zeros(2, np.uint32)},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_cells_of_other_rows_are_an_error_and_never_written_beyond(wrong, kernels):
    right = {
        "order": np.arange(3, dtype=np.int32),
        "offsets": np.array([0, 2, 3]),
        "k": np.array([1, 1]),
        "keys": np.zeros(3, np.uint32),
    }
    with pytest.raises(IndexError, match="not of these rows"):
        picks.keep(np.zeros(5, bool), *(right | wrong).values())


@pytest.mark.parametrize("shape", ["sorted", "organ pipes", "one value", "saw"])
def test_no_order_of_keys_is_slow_to_select_from(shape, kernels):
    """Quadratic selection among these would take minutes."""
    n = 1 << 18
    up = np.arange(n, dtype=np.uint32)
    keys = {"sorted": up, "organ pipes": np.minimum(up, n - up), "one value": 0 * up, "saw": up % 1000}[shape]
    kept = np.zeros(n, bool)
    picks.keep(kept, up.astype(np.int32), np.array([0, n]), np.array([n // 2]), keys.astype(np.uint32))
    order = np.argsort(keys, kind="stable")
    assert (np.flatnonzero(kept) == np.sort(order[: n // 2])).all()


def test_longer_blocks_of_work_leave_runs_of_cells_as_they_are(monkeypatch):
    """A run's rows are numbered in 16 bits, however many rows a thread takes at once."""
    monkeypatch.setattr(parallel, "BLOCK", 4 * B)
    counts = np.full(3 * B // 2, 2)
    keys = np.random.default_rng(0).integers(0, 2**32, 2 * len(counts)).astype(np.uint32)
    marked = picks.bottom_k_per_cell(cells_of(counts), keys, counts // 2)
    assert (marked.reshape(-1, 2).argmax(1) == keys.reshape(-1, 2).argmin(1)).all()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_keys_that_differ_in_their_last_bits_are_told_apart(count):
    """Many cells leave few bits of a word for the key."""
    counts = np.full(B // count, count)
    keys = (np.uint32(7) << 16) + np.random.default_rng(0).integers(0, 9, counts.sum()).astype(np.uint32)
    for k in (counts // 2, counts - 1):
        expected = bottom_k_one_by_one(cells_of(counts), keys, k)
        assert (picks.bottom_k_per_cell(cells_of(counts), keys, k) == expected).all()


def test_the_largest_keys_of_the_last_cell_can_stay():
    """A word with all bits set would be taken for the end."""
    for counts in (np.full(B, 1), np.full(B // 255, 255), np.array([2, 2, 2])):
        keys = np.full(counts.sum(), 2**32 - 1, np.uint32)
        assert picks.bottom_k_per_cell(cells_of(counts), keys, counts).all()


@pytest.mark.parametrize("shape", ["small", "mixed", "a cell beyond a block", "none"])
@pytest.mark.parametrize("key_range", [2, 2**32])
def test_torch_marks_the_same_rows(shape, key_range):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    counts = np.array(SHAPES[shape], np.int64)
    offsets, k = cells_of(counts), rng.integers(0, counts + 1)
    keys = rng.integers(0, key_range, offsets[-1]).astype(np.uint32)
    theirs = picks.bottom_k_per_cell(
        torch.from_numpy(offsets), torch.from_numpy(keys.astype(np.int64)), torch.from_numpy(k)
    )
    assert (theirs.numpy() == picks.bottom_k_per_cell(offsets, keys, k)).all()


@pytest.mark.parametrize("threads", ["1", "3"])
def test_random_keys_do_not_depend_on_blocks_or_threads(threads, monkeypatch):
    monkeypatch.setenv("GSCLI_THREADS", threads)
    order = np.random.default_rng(0).permutation(2 * B + 5).astype(np.int32)
    stream = hashing.stream(1, 2, "k-per-grid", hashing.KEY)
    expected = hashing.row_keys(order.astype(np.uint64), stream)
    assert (picks.random_keys(order, stream) == expected).all()


@pytest.mark.parametrize(
    "values",
    [
        [0.0, -0.0, 1e-45, -1e-45, 1.0, -1.0, 3.4e38, -3.4e38, np.inf, -np.inf],
        np.random.default_rng(0).normal(size=500),
    ],
)
def test_ordered_keys_sort_as_floats_do(values):
    values = np.array(values, np.float64)
    keys = picks.ordered_keys(values)
    assert keys.dtype == np.uint32
    rounded = values.astype(np.float32)
    for i in range(len(values)):
        assert ((keys < keys[i]) == (rounded < rounded[i])).all()


def test_nan_sorts_last_whatever_its_sign():
    keys = picks.ordered_keys(np.array([np.nan, -np.nan, np.inf, 0.0]))
    assert keys[0] == keys[1] == keys[2] > keys[3]


def test_one_per_cell_reaches_every_row_and_no_other():
    counts = np.array([1, 2, 3, 1000])
    offsets = cells_of(counts)
    assert picks.one_per_cell(offsets, np.zeros(4)).tolist() == [0, 1, 3, 6]
    almost_one = np.full(4, 1 - 2.0**-53)
    assert picks.one_per_cell(offsets, almost_one).tolist() == [0, 2, 5, 1005]
    huge = np.array([0, 2**60 + 1])  # the product rounds up to the count itself
    assert picks.one_per_cell(huge, almost_one[:1])[0] < 2**60 + 1


def test_half_density_keeps_the_floor_but_at_least_the_minimum():
    counts = np.array([1, 2, 3, 10, 100])
    kept, forced = picks.counts_from_ratio(counts, np.full(5, 0.3), 0.0, 1)
    assert kept.tolist() == [1, 1, 1, 3, 30]
    assert forced == 3
    kept, forced = picks.counts_from_ratio(counts, np.full(5, 0.3), 0.0, 5)
    assert kept.tolist() == [1, 2, 3, 5, 30]
    assert forced == 4


@pytest.mark.parametrize(
    "n, share", [(1, 1.0), (2, 0.5), (3, 0.36), (4, 0.38), (5, 0.40), (10, 0.45), (100, 0.50)]
)
def test_the_mean_kept_share_of_half_density_by_occupancy(n, share):
    cells = 40_000
    u = hashing.cell_uniforms(np.arange(cells), hashing.stream(0, 0, "half-density", hashing.RATIO))
    kept, _ = picks.counts_from_ratio(np.full(cells, n), 0.3 + 0.4 * u, 0.0, 1)
    assert kept.mean() / n == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_unbiased_rounding_keeps_the_exact_share_on_average(n):
    cells = 40_000
    u = hashing.cell_uniforms(np.arange(cells), hashing.stream(0, 0, "half-density", hashing.ROUND))
    kept, forced = picks.counts_from_ratio(np.full(cells, n), 0.5, u, 0)
    assert forced == 0
    assert kept.mean() / n == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("threads", ["1", "4"])
def test_a_failure_in_a_thread_is_the_callers(threads, monkeypatch):
    monkeypatch.setenv("GSCLI_THREADS", threads)
    done = []

    def work(part):
        if part == 3:
            raise MemoryError("no room")
        done.append(part)

    with pytest.raises(MemoryError, match="no room"):
        parallel.for_each(work, range(100))
    done.clear()
    parallel.for_each(done.append, range(100))
    assert sorted(done) == list(range(100))


def test_keys_of_values_beyond_float32_sort_as_infinity():
    values = np.array([1e300, 0.0, -1e300, np.inf])
    assert picks.ordered_keys(values).argsort(kind="stable").tolist() == [2, 1, 0, 3]
