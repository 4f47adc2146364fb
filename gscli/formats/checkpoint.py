"""Checkpoints of Gaussian splatting trainers: graphdeco, 2DGS, mip-splatting, LangSplat, Feature 3DGS,
r2_gaussian and its two-model fork, gsplat, nerfstudio, gaussian-splatting-lightning. Read without PyTorch,
without a GPU and without running them.

What a file holds decides, not its name. Several ranks of gsplat, and of gaussian-splatting-lightning, make
one model; of a file with several models, ``FILE::name`` selects one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..cloud import GaussianCloud
from ..containers import torch_file
from ..containers.bytes import malformed
from ..errors import InputError
from ..runtime import libraries
from . import _graphdeco, _gsplat, _lightning, _r2
from ._format import Format
from ._model import Model, shape_of


def read(
    path: Path,
    *,
    part: str | None = None,
    only: Sequence[str] | None = None,
    trust_pickle: bool = False,
) -> GaussianCloud:
    """Read the model of a checkpoint, or the one called `part` of several.

    Args:
        path: the file.
        part: ``gs0``, ``gs1``, or a number.
        only: columns that will do; tensors without any of them are not read.
        trust_pickle: unpickle with PyTorch itself, which runs whatever code the file contains.

    Raises:
        InputError: damaged, of no known trainer, unsafe, or several models and no `part`.
    """
    load = _load_trusted if trust_pickle else _load
    saved = load(path)
    with malformed(path, "a checkpoint"):
        found = models(path, saved)
        model = select(path, found, part)
        if isinstance(saved, dict) and ("splats" in saved or _lightning.is_checkpoint(saved)):
            ranks = _gsplat.siblings(path)
            if len(ranks) > 1:
                model = _gsplat.joined([_rank(p, model if p == path else load(p)) for p in ranks])
        return model.cloud("checkpoint", only)


def models(path: Path, saved: Any) -> dict[str, Model]:
    """The models in what was saved, by name; a lone one has the name "".

    Raises:
        InputError: nothing that any known trainer writes; the line says what was found.
    """
    if isinstance(saved, dict) and "gs0" in saved:
        named = {k: v for k, v in saved.items() if isinstance(k, str) and k[:2] == "gs" and k[2:].isdigit()}
        return {name: _capture(path, value, name) for name, value in named.items()}
    if isinstance(saved, dict) and isinstance(saved.get("models"), list):
        return {str(i): _capture(path, value, f"model {i}") for i, value in enumerate(saved["models"])}
    model = (
        _gsplat.gsplat(path, saved) or _gsplat.nerfstudio(path, saved) or _lightning.lightning(path, saved)
    )
    return {"": model or _capture(path, saved, "")}


def select(path: Path, found: dict[str, Model], part: str | None) -> Model:
    """The model called `part`, or the only one.

    Raises:
        InputError: there is none of that name, there are several and no name, or it has no points.
    """
    model = _selected(path, found, part)
    if not model.rows:
        raise InputError("holds a model without points", path=path)
    return model


def _selected(path: Path, found: dict[str, Model], part: str | None) -> Model:
    names = list(found)
    if part is None and len(names) == 1:
        return found[names[0]]
    if part in found:
        return found[part]
    if part is not None and part.isdecimal() and len(part) < 10 and int(part) < len(names):
        return found[names[int(part)]]
    if names == [""]:
        raise InputError(f"holds one model and none called {part}", path=path, remedy=f"drop ::{part}")
    remedy = f"select one as {path.name}::{names[0]}" if names else None
    what = f"holds {len(names)} models ({', '.join(names)})"
    raise InputError(what if part is None else f"{what} and none called {part}", path=path, remedy=remedy)


def _capture(path: Path, saved: Any, name: str) -> Model:
    """One model as ``capture()`` of its trainer returned it, with or without the iteration."""
    if isinstance(saved, tuple | list) and len(saved) == 2 and isinstance(saved[0], tuple | list | dict):
        saved = saved[0]
    model = _graphdeco.capture(path, saved) or _r2.capture(path, saved) or _r2.exported(path, saved)
    if model is None:
        where = f"holds, as {name}," if name else "holds"
        raise InputError(
            f"{where} {_described(saved)}, which no known trainer writes",
            path=path,
            remedy="export the scene to PLY with its own code",
        )
    return model


def _rank(path: Path, saved: Any) -> Model:
    if isinstance(saved, Model):
        return saved
    model = _gsplat.gsplat(path, saved) or _lightning.lightning(path, saved)
    if model is None:
        raise InputError(f"holds {_described(saved)}, not a rank of a model", path=path)
    return model


def _described(saved: Any) -> str:
    shape = shape_of(saved)
    if shape is not None:
        return f"an array of shape {list(shape)}"
    if isinstance(saved, dict):
        keys = [str(key)[:40] for key in list(saved)[:8]]
        return f"a dict with the keys {', '.join(keys) or 'none'}{' ...' if len(saved) > 8 else ''}"
    if isinstance(saved, tuple | list):
        return f"a {type(saved).__name__} of {len(saved)}"
    return f"a {type(saved).__name__}"


def _load(path: Path) -> Any:
    return torch_file.load(path, lenient=_lightning.is_checkpoint)


def _load_trusted(path: Path) -> Any:
    libraries.require("torch", "unpickling a trusted file", path=path)
    import torch

    with malformed(path, "a PyTorch file"):
        return torch.load(path, map_location="cpu", weights_only=False)


FORMAT = Format(
    "checkpoint",
    "training checkpoints: 3DGS, 2DGS, mip-splatting, r2_gaussian, gsplat, nerfstudio, "
    "gaussian-splatting-lightning",
    (".pth", ".pt", ".ckpt"),
    torch_file.sniff,
    read,
    takes=frozenset({"part", "only", "trust_pickle"}),
)
