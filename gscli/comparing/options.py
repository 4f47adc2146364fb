"""Options of a comparison, refused before any scene is read where no two scenes could make sense of them."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import get_type_hints

from .. import arguments, neighbors, rasterizers
from ..arguments import span
from ..errors import UsageError
from ..kernels import hashing
from ..rendering.views import Wanted, refuse_unless
from . import gates, pairing, search
from .centers import Centers
from .drawn import refuse_in_pieces
from .gates import Limit
from .result import NUMBERS, OF_CENTERS, Compared
from .spacing import parse_threshold

SCALED = "scaled"  # of `align`: lengths may change too


def thresholds(given: float | str | Sequence[float | str]) -> list[float | str]:
    """The distances of one or several."""
    found = arguments.several(given, "threshold", (str, Real), "a distance, or several")
    if not found:
        raise UsageError("`threshold` names no distance", remedy="leave it out for 2spacing")
    return found


def check(
    distances: Sequence[float | str],
    pair: str | None,
    gaussians: bool,
    max_queries: int | None,
    seed: int,
    engine: str,
    limits: Sequence[Limit],
) -> None:
    """Refuse options that no two clouds could make sense of, before any is read."""
    for threshold in distances:
        parse_threshold(threshold)
    if pair is not None:
        if not gaussians:
            raise UsageError("`pair` has no effect with `gaussians=False`")
        pairing.parse(pair)
    search.check_max_queries(max_queries)
    hashing.require_seeds(seed=seed)
    if engine != "auto":
        neighbors.ENGINES.get(engine)
    types = get_type_hints(Compared) | {name: get_type_hints(Centers)[name] for name in OF_CENTERS}
    for limit in limits:
        gates.require_number(limit.metric, {name: types[name] for name in NUMBERS}, len(distances) or 1)


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
