"""Prove nearest neighbours found with float32 arithmetic, or say that they are not proven.

A brute-force library computes |q|^2 + |t|^2 - 2 q.t in float32, which cancels: what it calls nearest
need not be. But its error is bounded. By counting operations (N. J. Higham, "Accuracy and Stability of
Numerical Algorithms", 2002, ch. 3) a computed squared distance is within 9 * 2^-24 * (|q|^2 + |t|^2)
of the true one, and rounding centred coordinates to float32 adds 4 of the same; `FACTOR` is 16.

Let d be the true distance to the best of the k candidates and a_k the largest computed squared distance
among them. A target that is not a candidate has a computed one of at least a_k. It is farther than d if
|t| > |q| + d; otherwise its true squared distance is at least a_k - e, e = bound(q, |q| + d). So where
d^2 < a_k - e, the best candidate is the nearest target, and no other is as near.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FACTOR = 16
UNDERFLOW = 1e-36  # absolute: what float32 loses where squares fall below its smallest normal number


def bound(q: npt.NDArray[Any], t: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """How far a squared distance in float32 may be off, for points at distances q and t from the origin."""
    error: npt.NDArray[np.float64] = FACTOR * 2.0**-24 * (q * q + t * t) + UNDERFLOW
    return error


def proven(
    q: npt.NDArray[np.float64], squared: npt.NDArray[np.float64], computed: npt.NDArray[Any]
) -> npt.NDArray[np.bool_]:
    """Which queries have their nearest target among their candidates for certain, and all ties with it.

    Args:
        q: (Q,) distance of each query from the origin of the float32 frame.
        squared: (Q,) true squared distance to the best candidate.
        computed: (Q, k) squared distances as computed in float32; every target that is not a
            candidate has a computed one no smaller than the largest of these.

    Returns:
        (Q,) bool; False where anything is not a number.
    """
    largest = computed.max(axis=1).astype(np.float64)
    certain: npt.NDArray[np.bool_] = squared < largest - bound(q, q + np.sqrt(squared))
    return certain


def sound(
    q: npt.NDArray[np.float64],
    t: npt.NDArray[np.float64],
    squared: npt.NDArray[np.float64],
    computed: npt.NDArray[Any],
) -> bool:
    """Whether computed squared distances keep to the bound that the proof rests on.

    Arithmetic with fewer bits (TF32, float16) does not.

    Args:
        q: (Q,) distance of each query from the origin of the float32 frame.
        t: (Q, k) that of each candidate.
        squared: (Q, k) true squared distances.
        computed: (Q, k) squared distances as computed.
    """
    return bool(np.all(np.abs(computed - squared) <= bound(q[:, None], t)))
