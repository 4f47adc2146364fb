"""Three definitions of fitness and RMSE that are in use, each by its formula.

With d the distance from a point to the nearest point of the other cloud, s -> t the N source points
searched in the target, t -> s the M target points searched in the source, and T the threshold:

* ``open3d``, as `evaluate_registration` computes it: fitness = #{s -> t: d^2 < T^2} / N;
  rmse = sqrt(mean of d^2 over those), 0 if there are none.
* ``corgs``, as forks of CoR-GS log it: fitness = #{s -> t: d < T} / N; rmse = sqrt(mean of d^2 over
  those), infinite if there are none.
* ``coprune``, as their co-pruning counts it: fitness = (#{s -> t: d <= T} / N + #{t -> s: d <= T} / M) / 2;
  rmse = sqrt(mean of d^2 over all N + M), whatever T.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from ..kernels.metrics import power_sum, root_mean_square

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Agreement:
    """Fitness and RMSE (scene units) at one threshold (scene units)."""

    threshold: float
    fitness: float
    rmse: float


def open3d(threshold: float, fitness: float, rmse: float | None) -> Agreement:
    """The ``open3d`` convention, of fitness and RMSE by d^2 < T^2 (None without a match)."""
    return Agreement(threshold, fitness, 0.0 if rmse is None else rmse)


def corgs(distances: Array, threshold: float) -> Agreement:
    """The ``corgs`` convention, of (N,) distances source -> target."""
    matched = distances < threshold
    rmse = root_mean_square(distances[matched])
    return Agreement(threshold, float(matched.mean()), math.inf if rmse is None else rmse)


def coprune(forth: Array, back: Array, threshold: float) -> Agreement:
    """The ``coprune`` convention, of (N,) distances source -> target and (M,) target -> source."""
    fitness = (float(kept(forth, threshold).mean()) + float(kept(back, threshold).mean())) / 2
    total = power_sum(forth, 2) + power_sum(back, 2)
    return Agreement(threshold, fitness, math.sqrt(total / (len(forth) + len(back))))


def kept(distances: Array, threshold: float) -> Array:
    """Which points co-pruning keeps: those with d <= T."""
    mask: Array = distances <= threshold
    return mask
