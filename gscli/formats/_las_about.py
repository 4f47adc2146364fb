"""What the head of a LAS file has to say of its points, gathered a block of them at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields


class About:
    """Facts of points.

    Args:
        kind: laspy's point format.
        scales, offsets: (3,) float64, of the integers of positions.
    """

    def __init__(self, kind: Any, scales: npt.NDArray[np.float64], offsets: npt.NDArray[np.float64]) -> None:
        self._kind, self._scales, self._offsets = kind, scales, offsets
        self._count = 0
        self._bounds: npt.NDArray[np.float64] | None = None
        self._returns = np.zeros(16, np.int64)
        self._times: tuple[float, float] | None = None
        self._extremes: dict[str, list[npt.NDArray[Any]]] = {}

    def add(self, record: Any) -> None:
        """Look at laspy's record of at least one point."""
        self._count += len(record)
        axes = [np.asarray(record[axis]) for axis in fields.POSITION]
        bounds = np.array([[axis.max() for axis in axes], [axis.min() for axis in axes]])
        if self._bounds is not None:
            high, low = zip(self._bounds, bounds, strict=True)
            bounds = np.array([np.maximum(*high), np.minimum(*low)])
        self._bounds = bounds
        self._returns += np.bincount(np.asarray(record.return_number), minlength=16)[:16]
        if "gps_time" in self._kind.dimension_names:
            times = np.append(np.asarray(record.gps_time), self._times or ())
            self._times = float(times.max()), float(times.min())
        for name in self._kind.extra_dimension_names:
            stored = record.array[name]
            if stored.ndim == 1:
                extremes = np.array([np.fmin.reduce(stored), np.fmax.reduce(stored)], stored.dtype)
                self._extremes.setdefault(name, []).append(extremes)

    @property
    def stored(self) -> dict[str, npt.NDArray[Any]]:
        """By further dimension some of what points store, the least and the greatest among it."""
        return {name: np.concatenate(found) for name, found in self._extremes.items()}

    def facts(self) -> dict[str, Any]:
        """What `LasHead.before` takes."""
        return {
            "kind": self._kind.id,
            "width": self._kind.size,
            "scales": self._scales,
            "offsets": self._offsets,
            "bounds": np.zeros((2, 3)) if self._bounds is None else self._bounds,
            "returns": self._returns[1:],
            "count": self._count,
            "times": self._times,
            "size": self._count * self._kind.size,
        }
