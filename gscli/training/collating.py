"""Several scenarios of a scene as one batch, for one forward pass."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch

from .. import arguments
from ..errors import UsageError
from .scenario import Scenario

RESERVED = ("batch", "offset", "cell")


def collate(
    views: Scenario | Mapping[str, Scenario] | Iterable[Scenario], **per_point: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Gather per-point tensors for the scenarios, one after the other, as Pointcept batches scenes.

    Every tensor is named, and none is chosen by its length: what is not given is not in the batch.

    Args:
        views: what `GridSampler.scenarios` returned, or some of it.
        per_point: tensors with one row per point of the scene, (N, ...), on the sampler's device.

    Returns:
        The tensors gathered, (M, ...) with M rows of all scenarios together, and

        * ``batch``: (M,) int64, which scenario a row belongs to;
        * ``offset``: (S,) int64, where each scenario ends;
        * ``cell``: (M,) int64, the cell of each row; equal numbers are the same cell in every scenario.

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
            remedy="collate those of one sampler",
        )
    if len({view.rows.device for view in drawn}) > 1:
        raise UsageError("the scenarios are on different devices")
    points, device = drawn[0].points, drawn[0].rows.device
    for name, tensor in per_point.items():
        if name in RESERVED:
            raise UsageError(f"{name} is what collate itself adds", remedy="give the tensor another name")
        if not isinstance(tensor, torch.Tensor):
            raise UsageError(f"{name} is a {type(tensor).__name__}, not a torch tensor")
        if tensor.ndim == 0 or len(tensor) != points:
            raise UsageError(
                f"{name} has shape {tuple(tensor.shape)}, but the scene has {points} points",
                remedy="collate takes tensors with one row per point",
            )
        if tensor.device != device:
            raise UsageError(f"{name} is on {tensor.device}, but the sampler draws on {device}")
    rows = torch.cat([view.rows for view in drawn])
    out = {name: tensor.index_select(0, rows) for name, tensor in per_point.items()}
    sizes = torch.tensor([len(view.rows) for view in drawn], device=device)
    out["batch"] = torch.repeat_interleave(
        torch.arange(len(drawn), device=device), sizes, output_size=len(rows)
    )
    out["offset"] = sizes.cumsum(0)
    out["cell"] = torch.cat([view.cells for view in drawn])
    return out
