"""Options of a comparison, refused before any scene is read where no two scenes could make sense of them."""

from __future__ import annotations

from collections.abc import Sequence

from .. import arguments, rasterizers
from ..arguments import span
from ..errors import UsageError
from ..rendering.views import Wanted, refuse_unless
from . import gates
from .drawn import refuse_in_pieces
from .gates import Limit

SCALED = "scaled"  # of `align`: lengths may change too


def only_cpu(memory: int | None, engine: str) -> str:
    """Why a search has to be done by the CPU, if it has, in words for `gscli.placing.Load`."""
    if memory is not None:
        return "scenes are searched in tiles there"
    return f"the {engine} engine was asked for" if engine != "auto" else ""


def check_align(align: bool | str, memory: int | None) -> None:
    """Refuse a word for how to align that is none, and to align what is held in pieces."""
    if not isinstance(align, bool) and align != SCALED:
        raise UsageError(f"`align` must be True, False or '{SCALED}', not {arguments.told(align)}")
    if align and memory is not None:
        raise UsageError(
            "`align` holds both scenes whole, whatever `memory_limit` says",
            remedy="drop one, or find the matrix by `gscli.align` first",
        )


def check_render(
    render: bool,
    asked: Wanted,
    rasterizer: str,
    data_range: float | None,
    limits: Sequence[Limit],
    memory: int | None,
) -> None:
    """Refuse options of renders where nothing is rendered, and renders that cannot be."""
    if data_range is not None:
        span(data_range, "data_range")
    if render:
        rasterizers.chosen(rasterizer)
        refuse_in_pieces(memory)
        return
    refuse_unless(
        render,
        views=asked.count,
        size=asked.size,
        cameras=asked.path,
        up=asked.up,
        fov=asked.fov,
        near=asked.near,
        rasterizer=None if rasterizer == "auto" else rasterizer,
        data_range=data_range,
    )
    for limit in limits:
        if limit.metric.split(".")[0] == "render":
            what = "`min_psnr`" if limit.metric == gates.PSNR else f"`require` {limit.metric}"
            raise UsageError(f"{what} has no effect without `render`", remedy="add `render=True`")
