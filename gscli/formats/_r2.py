"""Models of r2_gaussian (X-ray Gaussians, Zha et al. 2024) and of the two-model fork of it.

A capture is a tuple of ten: positions, scaling, rotation, density, three of densification state,
the optimiser's, its learning rate scale, and scale_bound; the fork's thirteen have ``nu`` and
``opacity`` after the density and end in a flag for Student's t. ``point_cloud.pickle`` is a dict of
the same. With a scale_bound (min, max) a scale is ``sigmoid(x) (max - min) + min``, else ``exp(x)``:
either way the columns ``scale_*`` hold its logarithm. There is no colour; ``density`` is kept as
stored, before its softplus.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from .. import fields
from ..containers.pickles import unwrap
from ..errors import InputError
from ._model import Model, Values, gaussians, numbers, shape_of

KEYS = {"xyz", "density", "scale", "rotation"}


def capture(path: Path, saved: Any) -> Model | None:
    """The model of one capture; None if `saved` is of another kind."""
    if not isinstance(saved, tuple | list) or len(saved) not in (10, 13):
        return None
    widths = [_width(saved[i]) for i in range(4)]
    if widths != [3, 3, 4, 1]:
        return None
    more = {"nu": saved[4], "opacity": saved[5], "student": saved[12]} if len(saved) == 13 else {}
    bound = saved[9] if len(saved) == 10 else saved[11]
    return _model(
        path, xyz=saved[0], scale=saved[1], rotation=saved[2], density=saved[3], bound=bound, **more
    )


def exported(path: Path, saved: Any) -> Model | None:
    """The model of a ``point_cloud.pickle``; None if `saved` is of another kind."""
    if not isinstance(saved, dict) or not set(saved) >= KEYS:
        return None
    return _model(
        path,
        **{name: saved[name] for name in KEYS},
        bound=saved.get("scale_bound"),
        nu=saved.get("nu"),
        opacity=saved.get("opacity"),
        student=saved.get("use_student_t"),
    )


def _model(
    path: Path,
    *,
    xyz: Any,
    scale: Any,
    rotation: Any,
    density: Any,
    bound: Any,
    nu: Any = None,
    opacity: Any = None,
    student: Any = None,
) -> Model:
    limits = _bound(path, bound)
    optional = {"nu": nu} if nu is not None else {}
    model = gaussians(path, xyz=xyz, opacity=opacity, extra={"density": density, **optional})
    if limits is None:
        model.add("scale", fields.SCALE, scale)
    else:
        low, high = limits

        def logarithm(block: Values) -> Values:
            scales = fields.sigmoid(block) * (high - low) + low
            out: Values = np.log(scales).reshape(len(block), 3).astype(block.dtype)
            return out

        if _width(scale) != 3:
            raise InputError("its scale has not 3 axes", path=path)
        model.add("scale", fields.SCALE, scale, logarithm)
        model.comments.append(f"scale_bound {low!r} {high!r}")
    model.add("rotation", fields.ROTATION, rotation)
    if student is not None:
        model.comments.append(f"use_student_t {bool(student)}")
    return model


def _bound(path: Path, bound: Any) -> tuple[float, float] | None:
    if bound is None:
        return None
    bound = unwrap(bound)
    try:
        values = np.asarray(numbers(bound) if shape_of(bound) else bound, np.float64).reshape(-1)
    except (TypeError, ValueError):
        values = np.empty(0)
    if len(values) != 2 or not 0 < values[0] < values[1] < np.inf:
        raise InputError("its scale_bound is not two growing positive numbers", path=path)
    return float(values[0]), float(values[1])


def _width(tensor: Any) -> int | None:
    shape = shape_of(tensor)
    return None if shape is None or len(shape) > 2 else (shape[1] if len(shape) == 2 else 1)
