"""The Gaussians of a model in training, as columns that can be drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..device import is_torch, to_numpy
from ..errors import UsageError
from ..splats import DENSITY

Array = npt.NDArray[Any]

PARTS = {  # by the names that gsplat's parameters and the reference code's object have for them, all raw
    "positions": ("means", "_xyz"),
    "scales": ("scales", "_scaling"),
    "rotations": ("quats", "_rotation"),
    "opacities": ("opacities", "_opacity"),
    "densities": ("_density",),
    "colours": ("sh0", "_features_dc"),
    "harmonics": ("shN", "_features_rest"),
}


def table(model: Any, *, harmonics: bool) -> tuple[npt.NDArray[np.float32], list[str]]:
    """A copy of a model in this process's memory.

    Args:
        model: a mapping of tensors or arrays as gsplat has it (``means``, ``scales``, ``quats``,
            ``opacities``, ``sh0``, ``shN``, scales as logarithms and opacities as logits), or an object as
            the reference code and its forks have it (``_xyz``, ``_scaling``, ``_rotation``, ``_opacity``,
            ``_features_dc``, ``_features_rest``), or r2_gaussian (``_density``, ``get_scaling``).
        harmonics: whether to take what depends on the direction of view as well.

    Returns:
        (N, C) float32, and the names of its columns as a PLY of 3DGS has them.

    Raises:
        UsageError: a part is missing or of another size.
    """
    positions = _part(model, "positions")
    count = len(positions)
    parts: list[tuple[tuple[str, ...], Array]] = [(fields.POSITION, positions)]
    density = _part(model, "densities", optional=True)
    if density is None:
        parts.append(((fields.OPACITY,), _part(model, "opacities")))
        parts.append((fields.SCALE, _part(model, "scales")))
        parts.append((fields.SH_DC, _part(model, "colours")))
        rest = _part(model, "harmonics", optional=True) if harmonics else None
        if rest is not None and rest.size:
            by_channel = rest.reshape(count, -1, 3).transpose(0, 2, 1).reshape(count, -1)
            parts.append((tuple(f"f_rest_{i}" for i in range(by_channel.shape[1])), by_channel))
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            scales = np.log(_copied(model.get_scaling))  # whatever bounds them
        parts += [((DENSITY,), density), (fields.SCALE, scales)]
    parts.append((fields.ROTATION, _part(model, "rotations")))
    names = [name for group, _ in parts for name in group]
    out = np.empty((count, len(names)), np.float32)
    at = 0
    for group, values in parts:
        if values.size != count * len(group):
            raise UsageError(f"{group[0]} has shape {values.shape}, and there are {count:,} positions")
        out[:, at : at + len(group)] = values.reshape(count, len(group))
        at += len(group)
    return out, names


def cloud(table: Array, names: Sequence[str]) -> GaussianCloud:
    """A model as `table` gave it."""
    return GaussianCloud(np.ascontiguousarray(table).view([(name, "f4") for name in names]).reshape(-1))


def _part(model: Any, part: str, *, optional: bool = False) -> Any:
    for name in PARTS[part]:
        found = model.get(name) if isinstance(model, Mapping) else getattr(model, name, None)
        if found is not None:
            return _copied(found)
    if optional:
        return None
    raise UsageError(f"a model has no {part}: none of {', '.join(PARTS[part])}")


def _copied(values: Any) -> Array:
    if is_torch(values):
        values = values.detach().float()
    return np.asarray(to_numpy(values))
