"""Randomness is a function of a seed and a counter, the same everywhere and for ever."""

import numpy as np
import pytest

from gscli.errors import UsageError
from gscli.kernels import hashing

MASK = (1 << 64) - 1


def mix_by_the_book(x: int) -> int:
    """splitmix64's finaliser in Python's unbounded integers."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


WORDS = [0, 1, 2**63 - 1, 2**63, 2**64 - 1, 0x123456789ABCDEF0]


def test_mix64_is_splitmix64_in_every_kind_of_integer():
    expected = [mix_by_the_book(w) for w in WORDS]
    assert [hashing.mix64(w) for w in WORDS] == expected
    assert hashing.mix64(np.array(WORDS, np.uint64)).tolist() == expected


def test_mix64_gives_the_published_sequence_of_splitmix64():
    # The generator's first outputs for seed 1234567: state += G, then the finaliser.
    outputs = [hashing.mix64((1234567 + (i + 1) * hashing.GOLDEN) & MASK) for i in range(3)]
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_golden_row_keys():
    """What a seed means. A change here changes every sample that anyone has made."""
    stream = hashing.stream(seed=7, epoch=3, method="half-density", use=hashing.KEY)
    assert stream == 0xBCE33ED48E94B602
    rows = np.array([0, 1, 2, 1_000_000, 2**33], np.uint64)
    keys = [3744258424, 3721513487, 3235146087, 1350134354, 3557573430]
    assert hashing.row_keys(rows, stream).tolist() == keys
    by_the_book = [mix_by_the_book((stream + (r + 1) * hashing.GOLDEN) & MASK) >> 32 for r in rows.tolist()]
    assert by_the_book == keys


def test_golden_cell_uniforms():
    stream = hashing.stream(seed=0, epoch=0, method="one-per-grid", use=hashing.RATIO)
    cells = np.array([[0, 0, 0], [-1, 2, -3], [2**40, -(2**40), 5]], np.int64)
    uniforms = [0.5886616699960581, 0.8356795339202674, 0.5425294381285584]
    assert hashing.cell_uniforms(cells, stream).tolist() == uniforms
    for cell, uniform in zip(cells.tolist(), uniforms, strict=True):
        word = stream
        for index in cell:
            word = mix_by_the_book((word + index * hashing.GOLDEN) & MASK)
        assert (word >> 11) * 2.0**-53 == uniform
    ids = np.array([0, 1, 12], np.int64)
    assert hashing.cell_uniforms(ids, stream).tolist() == [
        0.5874892023369389,
        0.08582279386177494,
        0.23861993232340484,
    ]


def test_streams_of_methods_uses_epochs_and_seeds_all_differ():
    streams = {
        hashing.stream(seed, epoch, method, use)
        for seed in (0, 1, 2**64 - 1)
        for epoch in (0, 1, 2)
        for method in hashing.METHODS
        for use in (hashing.KEY, hashing.RATIO, hashing.ROUND)
    }
    assert len(streams) == 3 * 3 * len(hashing.METHODS) * 3


def test_torch_agrees_to_the_last_bit():
    torch = pytest.importorskip("torch")
    stream = hashing.stream(11, 5, "k-per-grid", hashing.KEY)
    rows = np.arange(0, 3_000_000_000, 100_000_007, dtype=np.int64)
    expected = hashing.row_keys(rows.astype(np.uint64), stream)
    assert hashing.row_keys(torch.from_numpy(rows), stream).tolist() == expected.tolist()
    cells = np.random.default_rng(0).integers(-(2**50), 2**50, (1000, 3))
    assert (
        hashing.cell_uniforms(torch.from_numpy(cells), stream).tolist()
        == hashing.cell_uniforms(cells, stream).tolist()
    )


def test_uniforms_lie_below_one_and_fill_the_interval():
    ids = np.arange(200_000, dtype=np.int64)
    u = hashing.cell_uniforms(ids, hashing.stream(0, 0, "half-density", hashing.RATIO))
    assert 0.0 <= u.min() < 1e-4
    assert 1 - 1e-4 < u.max() < 1.0
    assert abs(u.mean() - 0.5) < 0.003


@pytest.mark.parametrize("value", [-1, 2**64, 0.5, None, "1", np.float32(1)])
def test_what_is_no_seed_is_refused_by_its_name(value):
    with pytest.raises(UsageError, match=r"^epoch must be (an integer )?between 0 and 2\^64 - 1, not "):
        hashing.require_seeds(seed=0, epoch=value)


def test_what_is_no_integer_is_told_from_the_integer_that_it_reads_like():
    with pytest.raises(UsageError, match=r"^seed must be an integer between 0 and .*, not '1'$"):
        hashing.require_seeds(seed="1")
    with pytest.raises(UsageError, match=r"^seed must be an integer between 0 and .*, not True$"):
        hashing.require_seeds(seed=True)


@pytest.mark.parametrize("value", [0, 2**64 - 1, np.uint8(255), np.uint64(2**64 - 1)])
def test_a_seed_is_any_integer_of_64_bits(value):
    hashing.require_seeds(seed=value)
