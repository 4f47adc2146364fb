"""Models as a watch reads them from a training's files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields, formats
from ..cloud import GaussianCloud
from ..errors import InputError
from ..files import changes


@dataclass(frozen=True)
class Model:
    """A model that was read.

    Attributes:
        xyz: (N, 3) its positions, at least one and all finite.
        cloud: all of it; None where that was not asked for.
    """

    path: str
    xyz: npt.NDArray[Any]
    cloud: GaussianCloud | None


def read(path: str, *, whole: bool) -> Model:
    """The model of a scene file, `whole` or its positions alone.

    Raises:
        InputError: it cannot be read, has no points, or some that are not finite.
    """
    with changes.noticed():
        cloud = formats.read(path, only=None if whole else fields.POSITION)
        xyz = cloud.xyz
        if whole:  # and not what is left once its trainer writes over it
            cloud = replace(cloud, rows=cloud.rows.copy())
        changes.refuse()
    if not len(xyz):
        raise InputError("has no points", path=path)
    if not np.isfinite(xyz).all():
        raise InputError("has positions that are not finite", path=path)
    return Model(path, xyz, cloud if whole else None)
