"""Models of gsplat and nerfstudio, and arrays by gsplat's names in other containers.

gsplat saves ``{"step", "splats"}`` with means, scales (log), quats (w x y z), opacities (logit, N),
sh0 (N, 1, 3) and shN (N, K, 3), one file for each GPU it trained on; together they are the model. The
``splats`` may also be saved alone. nerfstudio saves the same under ``pipeline["_model.gauss_params.<name>"]``
(without ``gauss_params`` in old files) with features_dc (N, 3), features_rest and opacities (N, 1); at SH
degree 0 its colour is sigmoid(features_dc).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from .. import fields
from ..errors import InputError
from ._model import Model, Piece, Values, gaussians, numbers, shape_of

_NAMES = {
    "means": "xyz",
    "normals": "normals",
    "sh0": "f_dc",
    "shN": "f_rest",
    "features_dc": "f_dc",
    "features_rest": "f_rest",
    "opacities": "opacity",
    "scales": "scale",
    "quats": "rotation",
}
ALONE = {"means", "scales", "quats", "opacities"}  # what tells ``splats`` that nothing is around
TAKEN = {*_NAMES, "features", "colors"}  # what `named` understands: no column of its own can be called so
_RANK = re.compile(r"(.*(?:_rank|-rank=))(\d+)(\.[^.]+)")  # the latter in gaussian-splatting-lightning
_WRAPPED = re.compile(r"(?<![^.])(?:module|_orig_mod)\.")  # by DistributedDataParallel, torch.compile
_NERFSTUDIO = re.compile(r"_model\.(?:gauss_params\.)?([A-Za-z_]+)")


def unwrapped(state: Mapping[Any, Any]) -> dict[Any, Any]:
    """A state by the names that its tensors have where no wrapper is around a part of the model."""
    return {_WRAPPED.sub("", key) if isinstance(key, str) else key: value for key, value in state.items()}


def named(path: Path, tensors: Mapping[str, Any]) -> Model:
    """The model that tensors by gsplat's (or nerfstudio's) names make; others are kept as columns.

    Raises:
        InputError: no ``means``, or colours that only a network can produce.
    """
    if "means" not in tensors:
        raise InputError(f"has no means among {', '.join(sorted(tensors)[:12]) or 'nothing'}", path=path)
    if {"features", "colors"} <= set(tensors):
        raise InputError(
            "is a gsplat model with appearance features: its colours come from a network",
            path=path,
            remedy="train without app_opt, or export the scene to PLY with its own code",
        )
    known = {_NAMES[name]: tensor for name, tensor in tensors.items() if name in _NAMES}
    extra = {name: tensor for name, tensor in tensors.items() if name not in _NAMES}
    return gaussians(path, **known, extra=extra)


def gsplat(path: Path, saved: Any) -> Model | None:
    """The model of a gsplat checkpoint, or of its ``splats`` alone; None if `saved` is of another kind."""
    alone = not isinstance(saved, dict) or "splats" not in saved
    splats = saved if alone else saved["splats"]
    if hasattr(splats, "state_dict"):  # a ParameterDict, of a file that is trusted
        splats = splats.state_dict()
    if not isinstance(splats, dict) or (alone and not splats.keys() >= ALONE):
        return None
    return named(path, {name: each for name, each in splats.items() if not alone or shape_of(each)})


def has_siblings(name: str, names: Iterable[str]) -> bool:
    """Whether a file is one of a model that was trained on several GPUs, and another is among some names."""
    others = filter(None, map(_RANK.fullmatch, (other for other in names if other != name)))
    own = _RANK.fullmatch(name)
    return own is not None and any((other[1], other[3]) == (own[1], own[3]) for other in others)


def siblings(path: Path) -> list[Path]:
    """All files of a model that was trained on several GPUs, in rank order; `path` alone otherwise.

    Raises:
        InputError: a rank is missing.
    """
    match = _RANK.fullmatch(path.name)
    if not match:
        return [path]
    found = {}
    for other in path.parent.iterdir():
        same = _RANK.fullmatch(other.name)
        if same and (same[1], same[3]) == (match[1], match[3]):
            found[int(same[2])] = other
    ranks = (rank for rank in range(max(found) + 1) if rank not in found)
    missing = [str(rank) for rank in islice(ranks, 8)]
    if missing:
        raise InputError(
            f"is one rank of a model whose rank {', '.join(missing)} is missing",
            path=path,
            remedy="put all of its files into one folder, or rename this one to read it alone",
        )
    return [found[rank] for rank in sorted(found)]


def joined(models: list[Model], note: str | None = None) -> Model:
    """One model of several with the same columns, row after row; `note` says why, if not as ranks."""
    first = models[0]
    if len(models) == 1:
        return first
    for other in models[1:]:
        if [p.names for p in other.pieces] != [p.names for p in first.pieces]:
            raise InputError(f"has other columns than {first.path.name}", path=other.path)
    model = Model(first.path, comments=first.comments, notes=list(first.notes))
    for parts in zip(*(m.pieces for m in models), strict=True):
        tensor = np.concatenate([p.convert(numbers(p.tensor)) for p in parts])
        model.pieces.append(Piece(parts[0].names, tensor, lambda block: block))
    names = ", ".join(m.path.name for m in models)
    model.notes.append(note or f"{len(models)} ranks read as one model: {names}")
    return model


def nerfstudio(path: Path, saved: Any) -> Model | None:
    """The model of a nerfstudio checkpoint; None if `saved` is of another kind.

    Raises:
        InputError: a pipeline of another method than splatfacto.
    """
    if not isinstance(saved, dict) or not isinstance(saved.get("pipeline"), dict):
        return None
    tensors = {}
    for key, tensor in unwrapped(saved["pipeline"]).items():
        match = _NERFSTUDIO.fullmatch(key) if isinstance(key, str) else None
        if match and shape_of(tensor) and match[1] in _NAMES:
            tensors[match[1]] = tensor
    if "means" not in tensors:
        raise InputError(
            "is a nerfstudio checkpoint without Gaussians",
            path=path,
            remedy="only splatfacto's hold any",
        )
    model = named(path, tensors)
    rest = shape_of(tensors.get("features_rest"))
    if "features_dc" in tensors and (rest is None or rest[1:2] == (0,)):
        model.pieces = [_from_sigmoid(p) if p.names == fields.SH_DC else p for p in model.pieces]
        model.notes.append("at SH degree 0 the colour is sigmoid(features_dc): f_dc was made to match")
    return model


def _from_sigmoid(piece: Piece) -> Piece:
    def convert(block: Values) -> Values:
        return fields.dc_from_rgb(fields.sigmoid(piece.convert(block))).astype(block.dtype)

    return Piece(piece.names, piece.tensor, convert)
