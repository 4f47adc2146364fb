"""The loss that makes a network's output independent of density."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import torch
from torch.nn import functional

from .. import arguments
from ..errors import UsageError, did_you_mean

KINDS = ("mse", "cosine", "kl-symmetric", "kl-one-sided")
ALIASES = {"kl": "kl-symmetric"}


def density_consistency(
    out: torch.Tensor,
    batch: Mapping[str, torch.Tensor],
    kind: str = "mse",
    *,
    temperature: float | None = None,
) -> torch.Tensor:
    """How much the mean output of a cell differs between scenarios; gradients flow to all of them.

    For each pair of scenarios, over the cells of any scene that both have rows in, the mean of

    * ``mse``: the squared difference of the cell means, averaged over the D features;
    * ``cosine``: 1 - the cosine of the angle between them;
    * ``kl-symmetric``, or ``kl``: (KL(p || q) + KL(q || p)) / 2 of p, q = softmax(cell means / temperature),
      of the earlier and of the later scenario;
    * ``kl-one-sided``: temperature^2 KL(q || p), as distillation scales it (Hinton, Vinyals and Dean, 2015);
      the later scenario is the target, and gradients flow to both all the same.

    Pairs are weighted by how many cells they share. Without a shared cell the loss is 0.

    Memory, with S scenarios of C cells in all scenes: tables of (S C, D) numbers. Three scenarios need at
    most three of them at once with ``mse`` and six otherwise, and keep one (four with ``cosine``, five
    with either ``kl``) for the backward pass, which makes the gradient of `out` and no more. Neither `out`
    nor `batch` is kept, beyond (M,) int64 of slots.
    An output in half precision is copied to float32, so that large cells add up right.

    Args:
        out: (M, D) the network's output, one row per row of the batch.
        batch: from `collate`.
        kind: one of `KINDS`, or ``kl``.
        temperature: of either ``kl``, default 0.5.

    Returns:
        A scalar: float64 for a float64 `out`, otherwise float32. Where torch adds in no fixed order
        (``index_add`` on CUDA) the last digits may vary.

    Raises:
        UsageError: an unknown kind, a temperature that is not positive or without effect, or an
            output whose type, shape or device does not fit.
    """
    if not isinstance(kind, str) or (kind := ALIASES.get(kind, kind)) not in KINDS:
        raise UsageError(f"no kind {kind!r} of consistency", remedy=did_you_mean(str(kind), KINDS))
    is_kl = kind.startswith("kl-")
    if temperature is not None and not is_kl:
        raise UsageError(f"a temperature has no effect on {kind}")
    if temperature is None:
        temperature = 0.5
    if not (arguments.is_number(temperature) and 0 < temperature < float("inf")):
        raise UsageError(f"`temperature` must be a positive number, not {arguments.spelt(temperature)}")
    if not isinstance(out, torch.Tensor):
        raise UsageError(f"`out` must be a torch tensor, not {type(out).__name__}")
    if not (isinstance(batch, Mapping) and {"cell", "batch", "offset"} <= batch.keys()):
        raise UsageError("`batch` must be what collate returned, with its cell, batch and offset")
    cell = batch["cell"]
    if out.ndim != 2 or len(out) != len(cell) or not out.shape[1]:
        raise UsageError(f"the output has shape {tuple(out.shape)}, the batch {len(cell)} rows")
    scenarios = len(batch.get("scenario_offset", batch["offset"]))
    if scenarios < 2:
        raise UsageError("consistency needs at least two scenarios in the batch")
    if not out.is_floating_point():
        raise UsageError(f"the output has the type {out.dtype}, not a floating-point one")
    if out.device != cell.device:
        raise UsageError(f"the output is on {out.device}, the batch on {cell.device}")
    if out.element_size() < 4:
        out = out.float()
    cells = int(cell.max()) + 1 if len(cell) else 0
    scenario = batch["batch"] // (len(batch["offset"]) // scenarios)
    slot = scenario * cells + cell
    rows = slot.new_zeros(scenarios * cells).index_add_(0, slot, torch.ones_like(slot))
    means = _CellMeans.apply(out, slot, rows)  # type: ignore[no-untyped-call]
    if is_kl:
        means = functional.log_softmax(means / temperature, dim=1)
    present, of = (rows > 0).view(scenarios, cells), means.view(scenarios, cells, out.shape[1])
    total, shared = out.new_zeros(()), rows.new_zeros(())
    for i, j in combinations(range(scenarios), 2):
        both = present[i] & present[j]  # how many they are, a GPU need not be waited for to know
        total = total + torch.where(both, _distance(of[i], of[j], kind), 0).sum()
        shared += both.sum()
    scale = temperature**2 if kind == "kl-one-sided" else 1.0
    return total * (scale / shared.clamp(min=1).double()).to(total.dtype)


class _CellMeans(torch.autograd.Function):
    """The mean of the rows in each slot; torch's own ``index_add`` would keep all rows for its backward."""

    @staticmethod
    def forward(ctx: Any, out: torch.Tensor, slot: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(slot, rows)
        means = out.new_zeros(len(rows), out.shape[1]).index_add_(0, slot, out)
        return means.div_(rows.clamp(min=1).to(out.dtype)[:, None])

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        slot, rows = ctx.saved_tensors
        (gradient,) = gradients
        share = gradient / rows.clamp(min=1).to(gradient.dtype)[:, None]
        return share.index_select(0, slot), None, None


def _distance(a: torch.Tensor, b: torch.Tensor, kind: str) -> torch.Tensor:
    """(cells,) distances between (cells, D) means, or log probabilities for either ``kl``."""
    if kind == "mse":
        return (a - b).square().mean(1)
    if kind == "cosine":
        return 1 - functional.cosine_similarity(a, b, dim=1)
    if kind == "kl-one-sided":
        return (b.exp() * (b - a)).sum(1)
    return 0.5 * ((a.exp() - b.exp()) * (a - b)).sum(1)
