"""Checkpoints as each trainer's own code makes them: parameters, a stepped Adam, NumPy scalars.

The layouts follow the trainers' ``capture``, ``save_ply`` and checkpoint code; the values are random.
"""

from __future__ import annotations

import dataclasses
import enum
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

POINTS = 40


def parameter(*shape: int, seed: int = 0) -> Any:
    generator = torch.Generator().manual_seed(seed + sum(shape))
    return torch.nn.Parameter(torch.randn(*shape, generator=generator))


def adam(**named: Any) -> dict[str, Any]:
    """The state of an optimiser that has made one step."""
    groups = [{"params": [value], "lr": 1e-3, "name": name} for name, value in named.items()]
    optimiser = torch.optim.Adam(groups, lr=0.0, eps=1e-15)
    sum((value**2).sum() for value in named.values()).backward()
    before = {name: value.detach().clone() for name, value in named.items()}
    optimiser.step()
    for name, value in named.items():
        value.data.copy_(before[name])
    return optimiser.state_dict()


def graphdeco(n: int = POINTS, degree: int = 3, active: int = 3, scales: int = 3, seed: int = 0) -> Any:
    """``(capture, iteration)`` of 3DGS; 2DGS has two scales."""
    coefficients = (degree + 1) ** 2 - 1
    xyz, f_dc, f_rest = (
        parameter(n, 3, seed=seed),
        parameter(n, 1, 3, seed=seed),
        parameter(n, coefficients, 3, seed=seed),
    )
    scaling, rotation, opacity = (
        parameter(n, scales, seed=seed),
        parameter(n, 4, seed=seed),
        parameter(n, 1, seed=seed),
    )
    state = adam(xyz=xyz, f_dc=f_dc, f_rest=f_rest, opacity=opacity, scaling=scaling, rotation=rotation)
    rest = (torch.zeros(n), torch.zeros(n, 1), torch.zeros(n, 1), state, np.float64(4.8))
    return (active, xyz, f_dc, f_rest, scaling, rotation, opacity, *rest), 30_000


def scaffold(n: int = POINTS) -> Any:
    """``(capture, iteration)`` of Scaffold-GS: anchors, offsets and features for its networks."""
    anchor, offset, local = parameter(n, 3), parameter(n, 10, 3), parameter(n, 32)
    scaling, rotation, opacity = parameter(n, 6), parameter(n, 4), parameter(n, 1)
    state = adam(anchor=anchor)
    capture = (anchor, offset, local, scaling, rotation, opacity, torch.zeros(n), torch.zeros(n), state, 1.0)
    return capture, 30_000


def r2_capture(n: int = POINTS, bound: Any = (0.0005, 0.5), seed: int = 0) -> tuple[Any, ...]:
    """What ``capture`` of r2_gaussian returns."""
    xyz, scaling = parameter(n, 3, seed=seed), parameter(n, 3, seed=seed + 1)
    rotation, density = parameter(n, 4, seed=seed), parameter(n, 1, seed=seed)
    state = adam(xyz=xyz, density=density, scaling=scaling, rotation=rotation)
    limits = None if bound is None else np.array(bound)
    return (
        xyz,
        scaling,
        rotation,
        density,
        torch.zeros(n),
        torch.zeros(n, 1),
        torch.zeros(n, 1),
        state,
        1.0,
        limits,
    )


def r2_fork_capture(n: int = POINTS, seed: int = 0) -> tuple[Any, ...]:
    """The fork's: nu and opacity after the density, a flag for Student's t at the end."""
    capture = r2_capture(n, seed=seed)
    return (*capture[:4], parameter(n, 1, seed=seed + 5), parameter(n, 1, seed=seed + 6), *capture[4:], True)


def r2_pickle(n: int = POINTS, **more: Any) -> dict[str, Any]:
    """The dict that ``save_ply`` of r2_gaussian pickles."""
    xyz, scaling, rotation, density, *_ = r2_capture(n)
    arrays = {"xyz": xyz, "density": density, "scale": scaling, "rotation": rotation}
    return (
        {k: v.detach().cpu().numpy() for k, v in arrays.items()}
        | {"scale_bound": np.array([0.0005, 0.5])}
        | more
    )


def gsplat(n: int = POINTS, degree: int = 3, seed: int = 0) -> dict[str, Any]:
    """``{"step", "splats"}`` of gsplat's simple trainer."""
    splats = torch.nn.ParameterDict(
        {
            "means": parameter(n, 3, seed=seed),
            "scales": parameter(n, 3, seed=seed + 1),
            "quats": parameter(n, 4, seed=seed),
            "opacities": parameter(n, seed=seed),
            "sh0": parameter(n, 1, 3, seed=seed),
            "shN": parameter(n, (degree + 1) ** 2 - 1, 3, seed=seed),
        }
    )
    return {"step": 29_999, "splats": splats.state_dict()}


def nerfstudio(n: int = POINTS, degree: int = 3, old: bool = False) -> dict[str, Any]:
    """A ``step-*.ckpt`` of splatfacto."""
    prefix = "_model." if old else "_model.gauss_params."
    pipeline = {
        f"{prefix}means": parameter(n, 3),
        f"{prefix}scales": parameter(n, 3, seed=1),
        f"{prefix}quats": parameter(n, 4),
        f"{prefix}features_dc": parameter(n, 3, seed=2),
        f"{prefix}features_rest": parameter(n, (degree + 1) ** 2 - 1, 3),
        f"{prefix}opacities": parameter(n, 1),
        "_model.camera_optimizer.pose_adjustment": torch.zeros(7, 6),
        "datamanager.train_camera_optimizer.pose": torch.zeros(7, 6),
    }
    state = adam(means=parameter(n, 3))
    return {
        "step": 29_999,
        "pipeline": {name: torch.as_tensor(value).detach() for name, value in pipeline.items()},
        "optimizers": {"means": state},
        "schedulers": {"means": {"last_epoch": 29_999, "base_lrs": [1.6e-4], "_step_count": 30_000}},
        "scalers": {},
    }


_LIGHTNING = {
    "means": "_xyz",
    "shs_dc": "_features_dc",
    "shs_rest": "_features_rest",
    "scales": "_scaling",
    "rotations": "_rotation",
    "opacities": "_opacity",
}


def lightning(
    n: int = POINTS, degree: int = 3, active: int = 3, scales: int = 3, old: bool = False, seed: int = 0
) -> dict[str, Any]:
    """An ``epoch=*-step=*.ckpt`` of gaussian-splatting-lightning, before its own classes come into it."""
    gaussians = {
        "means": parameter(n, 3, seed=seed),
        "shs_dc": parameter(n, 1, 3, seed=seed),
        "shs_rest": parameter(n, (degree + 1) ** 2 - 1, 3, seed=seed),
        "opacities": parameter(n, 1, seed=seed),
        "scales": parameter(n, scales, seed=seed + 1),
        "rotations": parameter(n, 4, seed=seed),
    }
    state = {
        f"gaussian_model.{_LIGHTNING[name] if old else f'gaussians.{name}'}": tensor.detach()
        for name, tensor in gaussians.items()
    }
    if not old:
        state["gaussian_model._active_sh_degree"] = torch.tensor(active, dtype=torch.uint8)
    state["renderer.filter.weight"] = torch.zeros(3, 3)
    extra = {"max_radii2D": torch.zeros(n), "spatial_lr_scale": 4.2, "active_sh_degree": active}
    return {
        "epoch": 300,
        "global_step": 30_000,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": state,
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 300}}}},
        "callbacks": {},
        "optimizer_states": [adam(**{name: parameter(n, 3) for name in ("means", "scales")})],
        "lr_schedulers": [{"last_epoch": 300, "lr_lambdas": [None]}],
        **({"gaussian_model_extra_state_dict": extra} if old else {}),
        "hparams_name": "kwargs",
    }


@contextmanager
def their_classes(*names: str) -> Iterator[list[Any]]:
    """Classes by these full names, for as long as a file with instances of them is written."""
    added: set[str] = set()  # and nothing that a library imports meanwhile
    made = []
    try:
        for name in names:
            module, _, own = name.rpartition(".")
            parts = module.split(".")
            for end in range(1, len(parts) + 1):
                if (above := ".".join(parts[:end])) not in sys.modules:
                    sys.modules[above] = ModuleType(above)
                    added.add(above)
            new = dataclasses.make_dataclass(own, [("sh_degree", Any, 3), ("more", Any, None)])
            new.__module__ = module
            setattr(sys.modules[module], own, new)
            made.append(new)
        yield made
    finally:
        for name in added:
            del sys.modules[name]


def save_lightning(path: Path, saved: dict[str, Any] | None = None, **options: Any) -> Path:
    """Save a checkpoint as Lightning does: with settings of its trainer's own classes, enums and paths."""
    names = ("internal.models.vanilla_gaussian.VanillaGaussian", "internal.configs.LightGaussian")
    with their_classes(*names) as (gaussian, light):
        kinds = enum.Enum("Kinds", "A B", module="internal.configs")
        sys.modules["internal.configs"].Kinds = kinds  # type: ignore[attr-defined]
        renderer = light(more=[gaussian(), torch.zeros(2), {"kind": kinds.B}, kinds.A])
        hyper = {"gaussian": gaussian(more=renderer), "light_gaussian": light(), "class": gaussian}
        data = {"path": Path("/data/garden"), "parser": renderer, "taken": {1, 2}}
        both = {"hyper_parameters": hyper, "datamodule_hyper_parameters": data}
        return save(path, {**(lightning() if saved is None else saved), **both}, **options)


def save(path: Path, saved: Any, **options: Any) -> Path:
    torch.save(saved, path, **options)
    return path


def save_pickle(path: Path, saved: Any, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(saved, protocol))
    return path


def values(tensor: Any) -> np.ndarray[Any, Any]:
    array: np.ndarray[Any, Any] = tensor.detach().cpu().numpy()
    return array
