"""How far apart the points of a cloud lie: the scale by which distances between clouds are judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UsageError
from ..kernels import cell_names, hashing, morton, parallel
from ..neighbors import SpacingIndex

SAMPLE = 20_000  # positions searched for at most, in the whole cloud


def median_spacing(index: SpacingIndex, xyz: Any, *, seed: int = 0) -> float | None:
    """The median distance from a position to the nearest other position of the same cloud.

    Up to 20,000 distinct positions, chosen at random, are searched for in the whole cloud: duplicates
    neither count twice, nor make the spacing zero, nor a position likelier to be chosen.

    Args:
        index: the cloud, ready to search.
        xyz: (N, 3) float32 or float64 positions of the same cloud.
        seed: another seed, another sample.

    Returns:
        In scene units; None where all positions are equal, or so near (1e-162) that squared distances are 0.
    """
    return median_of(index.spacing(sampled(xyz, seed)))


def sampled(xyz: Any, seed: int) -> npt.NDArray[np.float64]:
    """(D, 3), up to 20,000 of the distinct positions of (N, 3), each set of so many as likely as any other.

    Whatever their order and however often each occurs, they are the same for the same seed.
    """
    word = np.uint64(hashing.stream(seed, 0, "sample", hashing.KEY))
    keys, points = np.empty(0, np.uint64), np.empty((0, 3), xyz.dtype)
    for part in parallel.blocks(len(xyz)):
        block = xyz[part]
        drawn = hashing.mix64(cell_names.name_positions(block.T) + word)
        near = drawn <= keys[-1] if len(keys) == SAMPLE else slice(None)
        keys, first = np.unique(np.concatenate([keys, drawn[near]]), return_index=True)
        points = np.concatenate([points, block[near]])[first[:SAMPLE]]
        keys = keys[:SAMPLE]
    return morton.distinct(points)[0]


def median_of(distances: npt.NDArray[np.float64]) -> float | None:
    """The median of the (D,) distances that are finite; None if there are none."""
    distances = distances[np.isfinite(distances)]
    return float(np.quantile(distances, 0.5)) if len(distances) else None


@dataclass(frozen=True)
class Threshold:
    """A distance in scene units, or in spacings of a cloud: ``0.05``, ``2spacing``, ``spacing``."""

    value: float
    in_spacings: bool = False

    def in_scene_units(self, spacing: float | None, of_what: str, name: str = "threshold") -> float:
        """The distance in scene units.

        Args:
            spacing: the unit of thresholds that count spacings.
            of_what: whose spacing that is, and name: the argument that it was given for, for the message.

        Raises:
            UsageError: it is needed and does not exist, or the product is no positive finite number.
        """
        if not self.in_spacings:
            return self.value
        if spacing is None:
            raise UsageError(
                f"{of_what} has no spacing: all its positions are equal, or nearer than 1e-161",
                remedy=f"give `{name}` in scene units",
            )
        distance = self.value * spacing
        if not 0 < distance < float("inf"):
            raise UsageError(
                f"`{name}` {self}: {distance:g} scene units, for the spacing of {of_what} is {spacing:g}",
                remedy=f"give `{name}` in scene units",
            )
        return distance

    @property
    def origin(self) -> str:
        """Where a threshold of a comparison comes from, in words."""
        return f"{self.value:g} x the target's spacing" if self.in_spacings else "as given"

    def __str__(self) -> str:
        return f"{self.value:g}{'spacing' if self.in_spacings else ''}"


def parse_threshold(text: str | float, name: str = "threshold") -> Threshold:
    """Read a threshold, or another length that was given for the argument of this name.

    Raises:
        UsageError: neither of the two forms, or not a positive finite number.
    """
    number = str(text).strip()
    in_spacings = number.endswith("spacing")
    if in_spacings:
        number = number.removesuffix("spacing").strip() or "1"
    try:
        value = float(number)
    except ValueError:
        value = float("nan")
    if not 0 < value < float("inf"):
        raise UsageError(
            f"`{name}` {text} is no positive number", remedy="write 0.05 in scene units, or 2spacing"
        )
    return Threshold(value, in_spacings)


def diagonal(xyz: npt.NDArray[Any]) -> float:
    """The diagonal of the smallest box around (N, 3) positions."""
    return float(np.linalg.norm(xyz.max(axis=0).astype(np.float64) - xyz.min(axis=0)))


def beyond_scene(thresholds: Sequence[float], xyz: npt.NDArray[Any], name: str) -> list[str]:
    """A note for each threshold, in scene units, that is larger than a whole cloud."""
    extent = diagonal(xyz)
    return [
        f"the threshold {t:g} exceeds the diagonal of {name}, {extent:g}: it tells nothing apart"
        for t in thresholds
        if t > extent
    ]
