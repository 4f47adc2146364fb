"""Several scenarios of a scene, or of a batch of scenes, as one batch, for one forward pass."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from .. import arguments
from ..device import require_numbers, sent
from ..errors import UsageError
from .scenario import Scenario

UNSIGNED = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}
PLACES = ("batch", "offset", "scenario_offset")  # where rows belong in the whole batch
RESERVED = (*PLACES, "cell")


def collate(
    views: Scenario | Mapping[str, Scenario] | Iterable[Scenario], **per_point: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Gather per-point tensors for the scenarios, one after the other, as Pointcept batches scenes.

    Every tensor is named, and none is chosen by its length: what is not given is not in the batch. Of a
    sampler of B scenes each scenario has B parts, the scenes in their order; to a network a part is a scene.

    Args:
        views: what `GridSampler.scenarios` returned, or some of it.
        per_point: tensors with one row per point of the scene, (N, ...), on the sampler's device.

    Returns:
        The tensors gathered, (M, ...) with M rows of all S scenarios together, and

        * ``batch``: (M,) int64, which part a row belongs to: scenario s of scene b is part s B + b;
        * ``offset``: (S B,) int64, where each part ends;
        * ``scenario_offset``: (S,) int64, where each scenario ends;
        * ``cell``: (M,) int64, the cell of each row; equal numbers are the same cell of the same scene in
          every scenario.

        They share no memory with their sources: dropping the batch frees it.

    Raises:
        UsageError: scenarios of different scenes, ranks or devices, or none; no tensor, or one of
            another length or device, or a reserved name.
    """
    given = views.values() if isinstance(views, Mapping) else views
    drawn = arguments.several(
        given, "views", (Scenario,), "what GridSampler.scenarios returned, or some of it"
    )
    if not drawn:
        raise UsageError("there is no scenario to collate")
    if any(view.scene != drawn[0].scene for view in drawn):
        raise UsageError(
            "the scenarios are of different scenes or ranks, whose cells do not correspond",
            remedy="collate those of one sampler, which may be of several scenes",
        )
    if len({view.rows.device for view in drawn}) > 1:
        raise UsageError("the scenarios are on different devices")
    points, device = drawn[0].points, drawn[0].rows.device
    for name, tensor in per_point.items():
        if name in RESERVED:
            raise UsageError(f"{name} is what collate itself adds", remedy="give the tensor another name")
        if not isinstance(tensor, torch.Tensor):
            raise UsageError(f"{name} is a {type(tensor).__name__}, not a torch tensor")
        if tensor.device == device:
            require_numbers(tensor)
        if tensor.ndim == 0 or len(tensor) != points:
            raise UsageError(
                f"{name} has shape {tuple(tensor.shape)}, but the scene has {points} points",
                remedy="collate takes tensors with one row per point",
            )
        if tensor.device != device:
            raise UsageError(f"{name} is on {tensor.device}, but the sampler draws on {device}")
    out = {name: _gathered(tensor, drawn) for name, tensor in per_point.items()}
    rows = [len(view.rows) for view in drawn]
    before = sent(np.cumsum([0, *rows]), device)
    offset = torch.cat([view.offset + start for view, start in zip(drawn, before, strict=False)])
    out["batch"] = torch.repeat_interleave(
        torch.arange(len(offset), device=device), offset.diff(prepend=before[:1]), output_size=sum(rows)
    )
    out["offset"] = offset
    out["scenario_offset"] = before[1:].clone()
    cells = [view.cells for view in drawn]
    out["cell"] = torch.cat(cells, out=_room(cells[0], sum(rows)))
    return out


def split(batch: Mapping[str, torch.Tensor], **per_row: torch.Tensor) -> list[dict[str, torch.Tensor]]:
    """The rows of each scenario of a batch, for losses of their own.

    Args:
        batch: from `collate`.
        per_row: more with one row per row of the batch, (M, ...), such as the network's output.

    Returns:
        For each scenario what it has of every tensor, views that keep the whole alive: drop them with the
        batch. ``offset`` and ``batch`` count from the scenario's first row and part.

    Raises:
        UsageError: no batch of `collate`, or a tensor of another length.
    """
    if not (isinstance(batch, Mapping) and {*RESERVED} <= batch.keys()):
        raise UsageError(f"`batch` must be what collate returned, with its {', '.join(RESERVED)}")
    rows = len(batch["cell"])
    tensors: dict[str, Any] = {**{name: t for name, t in batch.items() if name not in PLACES}, **per_row}
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor) or tensor.ndim == 0 or len(tensor) != rows:
            raise UsageError(f"{name} is {arguments.told(tensor)}, and the batch has {rows} rows")
    ends = batch["scenario_offset"].tolist()
    scenes = len(batch["offset"]) // len(ends)
    found = []
    for number, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        parts = slice(number * scenes, (number + 1) * scenes)
        part = {name: tensor[start:end] for name, tensor in tensors.items()}
        part["batch"] = batch["batch"][start:end] - parts.start
        part["offset"] = batch["offset"][parts] - start
        found.append(part)
    return found


def _gathered(tensor: torch.Tensor, views: list[Scenario]) -> torch.Tensor:
    """(M, ...) rows of a per-point tensor, of one scenario after the other."""
    if tensor.dtype in UNSIGNED:  # which torch selects no rows of
        return _gathered(tensor.view(UNSIGNED[tensor.dtype]), views).view(tensor.dtype)
    if tensor.requires_grad:
        return tensor.index_select(0, torch.cat([view.rows for view in views]))
    rows = [len(view.rows) for view in views]
    out = _room(tensor, sum(rows))
    for view, part in zip(views, torch.split(out, rows), strict=True):
        if len(part) == len(tensor):  # as they are all different and ascend
            part.copy_(tensor)
        else:
            torch.index_select(tensor, 0, view.rows, out=part)
    return out


def _room(like: torch.Tensor, rows: int) -> torch.Tensor:
    """So many rows of a tensor's kind, to be written.

    On a CPU NumPy's memory, which the system gives in large pages: that is most of what it costs.
    """
    shape = (rows, *like.shape[1:])
    if not like.is_cpu or 0 in shape:
        return like.new_empty(shape)
    count = math.prod(shape) * like.element_size()
    return torch.from_numpy(np.empty(count, np.uint8)).view(like.dtype).view(shape)
