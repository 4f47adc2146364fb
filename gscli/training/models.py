"""The Gaussians of a model in training, as columns: to be drawn, written or compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import arguments, fields
from ..cloud import GaussianCloud
from ..device import is_torch, to_numpy
from ..errors import UsageError
from ..splats import DENSITY

Array = npt.NDArray[Any]

PARTS = {  # by the names that gsplat, the reference code's object and nerfstudio have for them, all raw
    "positions": ("means", "_xyz"),
    "scales": ("scales", "_scaling"),
    "rotations": ("quats", "_rotation"),
    "opacities": ("opacities", "_opacity"),
    "densities": ("_density",),
    "colours": ("sh0", "_features_dc", "features_dc"),
    "harmonics": ("shN", "_features_rest", "features_rest"),
}


def cloud_of(model: Any, *, harmonics: bool = True) -> GaussianCloud:
    """The cloud of a model in training, as of this moment: to be written, compared or drawn.

    >>> gscli.write("step_7000.ply", cloud_of(splats))  # doctest: +SKIP

    Args:
        model: gsplat's or nerfstudio's parameters, a mapping or a ParameterDict of tensors or arrays
            (``means``, ``scales``, ``quats``, ``opacities``; ``sh0`` and ``shN``, or ``features_dc`` and
            ``features_rest``; scales as logarithms and opacities as logits); or an object as the reference
            code and its forks have it (``_xyz``, ``_scaling``, ``_rotation``, ``_opacity``,
            ``_features_dc``, ``_features_rest``), or r2_gaussian (``_density``, ``get_scaling``).
        harmonics: whether to take what depends on the direction of view as well.

    Returns:
        A copy in float32, with the columns of a PLY of 3DGS. Where nerfstudio's colours are logits, for want
        of harmonics, they become those of degree 0.

    Raises:
        UsageError: a part is missing or of another size.
    """
    return cloud(*table(model, harmonics=harmonics))


def table(model: Any, *, harmonics: bool) -> tuple[npt.NDArray[np.float32], list[str]]:
    """A copy of a model in this process's memory.

    Args:
        model, harmonics: as of `cloud_of`.

    Returns:
        (N, C) float32, and the names of its columns as a PLY of 3DGS has them.

    Raises:
        UsageError: a part is missing or of another size.
    """
    positions = _copied(_part(model, "positions"))
    count = len(positions) if positions.ndim else 0
    parts: list[tuple[tuple[str, ...], Array]] = [(fields.POSITION, positions)]
    density = _part(model, "densities", optional=True)
    if density is None:
        parts += _colours(model, count, harmonics)
        parts.append(((fields.OPACITY,), _copied(_part(model, "opacities"))))
        parts.append((fields.SCALE, _copied(_part(model, "scales"))))
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            scales = np.log(_copied(model.get_scaling))  # whatever bounds them
        parts += [((DENSITY,), _copied(density)), (fields.SCALE, scales)]
    parts.append((fields.ROTATION, _copied(_part(model, "rotations"))))
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


def _colours(model: Any, count: int, harmonics: bool) -> list[tuple[tuple[str, ...], Array]]:
    """The colours of each of `count` Gaussians, and with `harmonics` their others, channel by channel."""
    constant, rest = _copied(_part(model, "colours")), _part(model, "harmonics", optional=True)
    if rest is None or 0 in np.shape(rest):
        if _has(model, "features_dc"):  # nerfstudio's, which are no harmonics then
            constant = fields.dc_from_rgb(fields.sigmoid(constant))
        return [(fields.SH_DC, constant)]
    if not harmonics:
        return [(fields.SH_DC, constant)]
    others = _copied(rest)
    if not count or others.size % (3 * count):
        raise UsageError(f"harmonics have shape {others.shape}, and there are {count:,} positions")
    by_channel = others.reshape(count, -1, 3).transpose(0, 2, 1).reshape(count, -1)
    return [
        (fields.SH_DC, constant),
        (tuple(f"f_rest_{i}" for i in range(by_channel.shape[1])), by_channel),
    ]


def _has(model: Any, name: str) -> bool:
    return (model.get(name) if isinstance(model, Mapping) else getattr(model, name, None)) is not None


def _part(model: Any, part: str, *, optional: bool = False) -> Any:
    for name in PARTS[part]:
        if _has(model, name):
            return model[name] if isinstance(model, Mapping) else getattr(model, name)
    if optional:
        return None
    raise UsageError(f"a model has no {part}: none of {', '.join(PARTS[part])}")


def _copied(values: Any) -> Array:
    if is_torch(values):
        values = values.detach().float()
    array = np.asarray(to_numpy(values))
    if array.dtype.kind not in "biuf":
        raise arguments.not_numbers(values, "model", "tensors or arrays of numbers")
    return array
