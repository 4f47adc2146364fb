"""Counter-based randomness: a number depends on a seed and a counter, never on what came before.

`mix64` is the finaliser of splitmix64 (Steele, Lea and Flood 2014). The same source runs on NumPy
uint64 arrays and on torch int64 tensors, whose arithmetic wraps alike; results agree bit for bit.
"""

from __future__ import annotations

from hashlib import blake2b
from operator import index
from typing import Any

import numpy as np

from ..errors import UsageError

GOLDEN = 0x9E3779B97F4A7C15  # 2^64 divided by the golden ratio
MIXERS = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB  # what `mix64` multiplies by
_MASK = (1 << 64) - 1

# What a stream is used for. The numbers are public: they are part of what a seed means.
METHODS = {"half-density": 0, "one-per-grid": 1, "k-per-grid": 2, "dense": 3, "sample": 4}
KEY, RATIO, ROUND = 0, 1, 2


def mix64(x: Any) -> Any:
    """Scramble 64-bit words; x is a NumPy uint64 array, a torch int64 tensor or a Python int."""
    x = (x ^ _shift(x, 30)) * _word(x, MIXERS[0])
    if isinstance(x, int):
        x &= _MASK
    x = (x ^ _shift(x, 27)) * _word(x, MIXERS[1])
    if isinstance(x, int):
        x &= _MASK
    return x ^ _shift(x, 31)


def is_whole(value: Any) -> bool:
    """Whether a value is one integer, Python's, NumPy's or torch's; True and False are none."""
    try:
        return not isinstance(value, bool) and isinstance(index(value), int)
    except TypeError:
        return False


def require_seeds(**numbers: Any) -> None:
    """Refuse what is no seed and no epoch, by its name.

    Raises:
        UsageError: it is no integer from 0 to 2^64 - 1.
    """
    for name, value in numbers.items():
        if not is_whole(value):
            raise UsageError(f"`{name}` must be an integer between 0 and 2^64 - 1, not {value!r}")
        if not 0 <= index(value) <= _MASK:
            raise UsageError(f"`{name}` must be between 0 and 2^64 - 1, not {value}")


def stream(seed: int, epoch: int, method: str, use: int) -> int:
    """The 64-bit word that one use of one method draws from, for a seed and an epoch.

    mix64(mix64(mix64(seed + G) + epoch G) + tag G) with tag = 4 METHODS[method] + use.

    Args:
        seed, epoch: integers of any type; those of NumPy and torch would overflow.
    """
    tag = 4 * METHODS[method] + use
    word = mix64((index(seed) + GOLDEN) & _MASK)
    word = mix64((word + index(epoch) * GOLDEN) & _MASK)
    return int(mix64((word + tag * GOLDEN) & _MASK))


def labelled(seed: int, label: str) -> int:
    """The seed of a draw that goes by a name of its own: another one for each name, whatever else is drawn.

    mix64(seed + first 8 bytes of BLAKE2b(name), little-endian).
    """
    word = int.from_bytes(blake2b(label.encode(), digest_size=8).digest(), "little")
    return int(mix64((index(seed) + word) & _MASK))


def row_keys(rows: Any, stream: int) -> Any:
    """32-bit random sort keys of rows: mix64(stream + (row + 1) G) >>> 32.

    Args:
        rows: row numbers in the input file; NumPy uint64 or torch int64.

    Returns:
        The same shape and type, values below 2^32.
    """
    return _shift(mix64((rows + _word(rows, 1)) * _word(rows, GOLDEN) + _word(rows, stream)), 32)


def cell_uniforms(cells: Any, stream: int) -> Any:
    """One float64 in [0, 1) per cell: the upper 53 bits of `cell_words`."""
    bits = _shift(cell_words(cells, stream), 11)
    return (bits.astype(np.float64) if isinstance(bits, np.ndarray) else bits.double()) * 2.0**-53


def cell_words(cells: Any, stream: int) -> Any:
    """One random 64-bit word per cell, from its lattice coordinates or its id.

    mix64(mix64(mix64(stream + i G) + j G) + k G) of coordinates, mix64(stream + id G) of an id; the number of
    a scene goes before them, as one more coordinate.

    Args:
        cells: (C, 3) lattice coordinates or (C,) ids, of several scenes (C, 4) or (C, 2); NumPy int64 or
            torch int64.

    Returns:
        (C,) NumPy uint64 or torch int64.
    """
    columns = [cells] if cells.ndim == 1 else [cells[:, column] for column in range(cells.shape[1])]
    if isinstance(cells, np.ndarray):
        columns = [column.astype(np.uint64) for column in columns]  # wraps negative numbers
    word: Any = stream
    for column in columns:
        word = mix64(
            column * _word(column, GOLDEN) + (_word(column, word) if isinstance(word, int) else word)
        )
    return word


def _shift(x: Any, bits: int) -> Any:
    """Logical shift to the right; torch has no unsigned shift, so the sign's copies are masked off."""
    if isinstance(x, np.ndarray):
        return x >> np.uint64(bits)
    if isinstance(x, int):
        return x >> bits
    return (x >> bits) & ((1 << (64 - bits)) - 1)


def _word(like: Any, value: int) -> Any:
    """A 64-bit constant of the kind that `like` computes with."""
    if isinstance(like, np.ndarray):
        return np.uint64(value)
    return value if isinstance(like, int) else signed(value)


def signed(word: int) -> int:
    """A word of 64 bits as torch and its kernels know it: an int64 of the same bits."""
    return word - (1 << 64) if word >> 63 else word
