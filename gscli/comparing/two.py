"""Two scenes, and how the one is moved before it is held against the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..motions.transform import Transform
from . import search


@dataclass(frozen=True)
class Two:
    """A source and its target.

    Attributes:
        clouds, names: of each. sizes: bytes of their files; None of what has none.
        moved: what is applied to the source; None for nothing.
    """

    clouds: tuple[GaussianCloud, GaussianCloud]
    names: tuple[str, str]
    sizes: tuple[int | None, int | None]
    moved: Transform | None

    @property
    def lacking(self) -> str | None:
        """The name of one that holds points alone; None where both hold Gaussians."""
        bare = (
            name
            for cloud, name in zip(self.clouds, self.names, strict=True)
            if not fields.is_gaussian(cloud.fields)
        )
        return next(bare, None)

    @property
    def searched(self) -> tuple[str, str]:
        """What messages about positions call them."""
        if self.moved is None:
            return self.names
        return f"{self.names[0]} moved by {self.moved.path or 'transform'}", self.names[1]

    def stored(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """(N, 3) and (M, 3) positions as they are stored.

        Raises:
            InputError: an empty scene, or positions that are not finite.
        """
        here, there = (search.positions(c, name) for c, name in zip(self.clouds, self.names, strict=True))
        return here, there

    def positions(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """The same, those of the source moved; errors as there."""
        here, there = self.stored()
        return here if self.moved is None else self.moved.apply(here), there
