"""Scenes of fewer rows, any number of them, by one sequence of merges; made to look like the whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from ..cloud import GaussianCloud
from ..kernels import structured
from ..progress import Timings, Track
from ..runtime import memory
from . import clusters, look
from .clusters import Clusters
from .gaussians import Gaussians, other_columns
from .hierarchy import Hierarchy, hierarchy
from .merged import Merged

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Made:
    """A scene with fewer rows.

    Attributes:
        cloud: its rows. clusters: of what they are made.
        growth: the power by which some of them grew, see `gscli.simplifying.merged`; None where none is
            merged, or nobody looked.
    """

    cloud: GaussianCloud
    clusters: Clusters
    growth: float | None


@dataclass(frozen=True)
class Maker:
    """What scenes of fewer rows are made from.

    Attributes:
        gaussians: of the whole scene. seen: a look at it, or None. name: what messages call it.
        weights: (N,) what each row weighs.
        averaged, chosen: see `gscli.simplifying.gaussians.other_columns`.
        sparing: whether one box is merged at a time, see `gscli.simplifying.hierarchy`.
    """

    gaussians: Gaussians
    seen: look.Look | None
    name: str
    weights: Array
    averaged: list[str]
    chosen: list[str]
    sparing: bool = False

    @classmethod
    def of(cls, gaussians: Gaussians, seen: look.Look | None, name: str, *, sparing: bool = False) -> Maker:
        """What is made from a scene."""
        weights = clusters.weights(gaussians, None if seen is None else seen.seen)
        return cls(gaussians, seen, name, weights, *other_columns(gaussians.cloud), sparing=sparing)

    def hierarchy(self, least: int) -> Hierarchy:
        """The merges that leave `least` rows, one after the other."""
        found = hierarchy(self.gaussians, self.weights, least, sparing=self.sparing)
        memory.give_back()  # what was merged
        return found

    def merged(self, found: Clusters) -> Merged:
        """The scene whose rows are these clusters, as nobody has looked at it yet."""
        shown = None if self.seen is None else self.seen.seen
        return Merged(self.gaussians, found, self.weights, shown, self.averaged)

    def made(self, roots: Array, timings: Timings, track: Track, *, growth: float | None = None) -> Made:
        """The scene whose rows are those that have one root each, (N,) of each row one of them.

        Args:
            growth: the power to grow by; None for the one with which it looks most like the scene.
        """
        with timings.stage("merge", track):
            found = Clusters.of(roots, self.weights)
            merged = self.merged(found)
            structured.release_pages(self.gaussians.cloud.rows)
            memory.give_back()  # what means were taken in
        if self.seen is None or not len(found.merged):
            return Made(merged.cloud, found, None)
        with timings.stage("fit", track):
            if growth is None:
                growth = merged.fit(self.seen, self.name)
            else:
                merged.grow(growth)
            if len(found.chosen) < look.PART * len(self.gaussians.cloud):
                merged.settle(self.seen, self.name)
            structured.release_pages(self.gaussians.cloud.rows)
            memory.give_back()  # what both were drawn in
        return Made(merged.cloud, found, growth)
