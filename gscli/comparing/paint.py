"""A cloud with its distances as one more column and, if wanted, as its colours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..errors import UsageError, WriteRefused
from ..formats import Target
from ..kernels import colormap, parallel, structured
from ..scratch import Scratch

COLUMN = "distance"


def check_options(
    target: Target | None, *, colors: bool, allow_lossy: bool, sampled: bool, in_pieces: bool
) -> None:
    """Refuse what a file of distances cannot be, and what has no effect without one.

    Args:
        target: where it will be written; None for nowhere.
        sampled: whether only some points are asked. in_pieces: whether memory is limited.
    """
    if target is None:
        refused = [name for name, given in (("colors", colors), ("allow_lossy", allow_lossy)) if given]
        if refused:
            raise UsageError(f"`{refused[0]}` has no effect without `distances='FILE'`")
        return
    if sampled:
        raise UsageError("`distances` needs the distance of every point, and `max_queries` asks only some")
    if target.format.folder:
        raise UsageError("`distances` adds a column, and a scene folder has none", remedy="end it in .ply")
    if in_pieces and not target.writer.streams:
        raise UsageError("`memory_limit` writes `distances` as .ply: other formats are made in memory")


@contextmanager
def with_distances(
    cloud: GaussianCloud,
    distances: npt.NDArray[Any],
    *,
    more: Mapping[str, npt.NDArray[Any]] | None = None,
    colors_to: float | None = None,
    folder: Path | None = None,
) -> Iterator[GaussianCloud]:
    """The same rows and a column ``distance``, for as long as the block lasts.

    The column is float32, or float64 where a distance is beyond what float32 holds; truths are uint8.

    The rows are kept in a temporary file, made a few megabytes at a time, so that this costs no memory.

    Args:
        cloud: N rows.
        distances: (N,) in scene units. more: further columns, (N,) of numbers or truths.
        colors_to: if given, replace the colours by `gscli.kernels.colormap`, up to this distance:
            f_dc_* where the cloud has them, and then f_rest_* become 0, so that the colour is the
            same from everywhere; otherwise red, green and blue, which are added where missing.
        folder: where the temporary file is; see `gscli.scratch.Scratch`.

    Raises:
        WriteRefused: there is a column of that name already. GscliError: no room for temporary data.
    """
    columns = {COLUMN: distances, **(more or {})}
    for name in columns:
        if name in cloud.fields:
            raise WriteRefused(
                f"the source has a column {name} already", remedy="rename it, so that it is not replaced"
            )
    dtype = _extended(cloud, columns, colors_to is not None)
    with Scratch(folder) as scratch:
        for block in _painted(cloud, dtype, columns, colors_to):
            scratch.put(block)
        yield replace(cloud, rows=scratch.mapped(dtype))


def _painted(
    cloud: GaussianCloud,
    dtype: np.dtype[Any],
    columns: Mapping[str, npt.NDArray[Any]],
    colors_to: float | None,
) -> Iterator[npt.NDArray[Any]]:
    """The rows with their new columns, a few megabytes at a time."""
    width = cloud.rows.dtype.itemsize
    for start, block in cloud.blocks():
        rows = np.zeros(len(block), dtype)
        structured.as_bytes(rows)[:, :width] = structured.as_bytes(block)
        for name, values in columns.items():
            rows[name] = values[start : start + len(block)]
        if colors_to is not None:
            _paint(rows, columns[COLUMN][start : start + len(block)], colors_to)
        yield rows


def _extended(cloud: GaussianCloud, columns: Mapping[str, npt.NDArray[Any]], colored: bool) -> np.dtype[Any]:
    """The columns of a cloud as they lie, and the new ones behind them."""
    added = [(name, _type_for(values)) for name, values in columns.items()]
    if colored and fields.SH_DC[0] not in cloud:
        added += [(name, np.dtype("u1")) for name in fields.RGB if name not in cloud]
    return structured.extended(cloud.rows.dtype, added)


def _type_for(values: npt.NDArray[Any]) -> np.dtype[Any]:
    if values.dtype == bool:
        return np.dtype("u1")
    beyond = any(
        (np.abs(values[part]) > np.finfo(np.float32).max).any() for part in parallel.blocks(len(values))
    )
    return np.dtype("<f8" if beyond else "<f4")


def _paint(rows: npt.NDArray[Any], distances: npt.NDArray[Any], top: float) -> None:
    rgb = colormap.palette()[colormap.levels(distances, top)]
    names = rows.dtype.names or ()
    if fields.SH_DC[0] not in names:
        for channel, name in enumerate(fields.RGB):
            as_share = rows.dtype[name].kind == "f"
            rows[name] = rgb[:, channel] / 255.0 if as_share else rgb[:, channel]
        return
    f_dc = fields.dc_from_rgb(rgb / 255.0)
    for channel, name in enumerate(fields.SH_DC):
        rows[name] = f_dc[:, channel]
    for name in names:
        if name.startswith("f_rest_"):
            rows[name] = 0
