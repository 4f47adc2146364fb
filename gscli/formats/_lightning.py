"""Checkpoints of gaussian-splatting-lightning, the trainer of yzslab.

PyTorch Lightning saves ``{"epoch", "global_step", "pytorch-lightning_version", "state_dict", ...}``. The
Gaussians are ``gaussian_model.gaussians.<name>`` in its state: means, shs_dc (N, 1, 3), shs_rest (N, K, 3),
opacities (N, 1; logits), scales (N, 3; logarithms; two in 2DGS), rotations (N, 4; w x y z), and what its
other models add. ``frozen_gaussians.<name>`` are more of them, which are rendered but not trained. Until July
2024 they were ``gaussian_model._xyz`` and so on. Its settings are instances of classes of its own, which
nothing here needs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import InputError
from . import _gsplat
from ._model import Model, gaussians, numbers, shape_of

_MODEL, _HELD, _FROZEN = "gaussian_model.", "gaussian_model.gaussians.", "frozen_gaussians."
_NAMES = {
    "means": "xyz",
    "shs_dc": "f_dc",
    "shs_rest": "f_rest",
    "opacities": "opacity",
    "scales": "scale",
    "rotations": "rotation",
}
_OLD = {
    "_xyz": "means",
    "_features_dc": "shs_dc",
    "_features_rest": "shs_rest",
    "_opacity": "opacities",
    "_scaling": "scales",
    "_rotation": "rotations",
    "_features_extra": "appearance_features",
}
_FEATURES = "appearance_features"


def is_checkpoint(saved: Any) -> bool:
    """Whether this is what Lightning saves, and of Gaussians, whose tensors are all that they consist of."""
    if not isinstance(saved, dict) or not isinstance(saved.get("pytorch-lightning_version"), str):
        return False
    state = saved.get("state_dict")
    if type(saved.get("global_step")) is not int or not isinstance(state, dict):
        return False
    state = _gsplat.unwrapped(state)
    held = {key: value for key, value in state.items() if _is_of(key, _MODEL) or _is_of(key, _FROZEN)}
    has_points = f"{_HELD}means" in held or f"{_MODEL}_xyz" in held
    return has_points and all(shape_of(value) is not None for value in held.values())


def lightning(path: Path, saved: Any) -> Model | None:
    """The model of a checkpoint of this trainer; None if `saved` is of another kind.

    Raises:
        InputError: an opacity that depends on the direction, which no column can hold.
    """
    if not is_checkpoint(saved):
        return None
    state = _gsplat.unwrapped(saved["state_dict"])
    tensors = _below(_HELD, state)
    active = state.get(f"{_MODEL}_active_sh_degree")
    degree = None if active is None else int(numbers(active))
    if not tensors:
        tensors = {new: state[_MODEL + old] for old, new in _OLD.items() if _MODEL + old in state}
        extra = saved.get("gaussian_model_extra_state_dict")
        degree = extra.get("active_sh_degree") if isinstance(extra, dict) else None
        degree = degree if type(degree) is int else None
    model = _model(path, tensors, degree)
    frozen = _below(_FROZEN, state)
    if frozen:
        more = _model(path, frozen, degree)
        model = _gsplat.joined([model, more], f"the last {more.rows:,} are its frozen Gaussians")
    if _FEATURES in tensors:
        model.notes.append(
            f"a network may change its colours by {_FEATURES}: f_dc and f_rest are without that"
        )
    return model


def _model(path: Path, tensors: Mapping[str, Any], degree: int | None) -> Model:
    if "opacity_rest" in tensors:
        raise InputError(
            "is a glossy model: its opacity depends on the direction, for which scenes have no column",
            path=path,
            remedy="render it with its own code",
        )
    known = {_NAMES[name]: tensor for name, tensor in tensors.items() if name in _NAMES}
    extra = {
        "filter_3D" if name == "filter_3d" else name: tensor
        for name, tensor in tensors.items()
        if name not in _NAMES and 0 not in (shape_of(tensor) or ())[1:]
    }
    if "xyz" not in known:
        raise InputError("has no means among its Gaussians", path=path)
    return gaussians(path, **known, active_degree=degree, extra=extra)


def _below(prefix: str, state: Mapping[Any, Any]) -> dict[str, Any]:
    return {key[len(prefix) :]: value for key, value in state.items() if _is_of(key, prefix)}


def _is_of(key: Any, prefix: str) -> bool:
    return isinstance(key, str) and key.startswith(prefix)
