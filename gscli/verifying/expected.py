"""What a draw must hold in the format it is in: values of the scene, or of the draw written anew.

Formats store values in types of their own (text in double, PLY in four bytes at most for an integer), so
values are compared, not storage. What a format rounds is compared with what it makes of the same draw.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..errors import naming
from ..files import temporaries
from ..formats import FOLDER, FORMATS, Edit, Format, Target, Writer
from ..kernels import parallel
from ..progress import nothing, of_slices

BLOCK = 1 << 12  # rows at a time: they stay in the processor's cache


@dataclass(frozen=True)
class Expected:
    """The rows that those of a draw are looked for among.

    Attributes:
        table: (M,) rows, as `values` gives them: the scene's, or those of the draw written anew.
        numbers: (M,) the row of the scene that each of them is.
        sequence: (K,) rows of `table`: the draw.
        fields: the columns that the draw's file has to have.
        notes: what is not compared, one line each.
    """

    table: npt.NDArray[Any]
    numbers: npt.NDArray[np.int64]
    sequence: npt.NDArray[np.int64]
    fields: tuple[str, ...]
    notes: tuple[str, ...] = ()


def expected(
    cloud: GaussianCloud,
    rows: npt.NDArray[Any],
    drawn: GaussianCloud,
    path: str,
    advance: Callable[[int], object] = nothing,
    *,
    edit: Edit | None = None,
) -> Expected:
    """What the draw of some rows of a scene must hold in the format of a file.

    Args:
        cloud: the scene. rows: (K,) those that are drawn.
        drawn: what the file at `path` holds.
        advance: told of each number of rows of the table that are made.
        edit: what becomes of rows that are drawn.
    """

    def table_of(names: tuple[str, ...]) -> npt.NDArray[Any]:
        kind = plain(cloud.rows.dtype, names)
        table, _ = values(cloud.rows, kind, advance)
        if edit is not None:
            table[rows], _ = values(edit.of(cloud, rows).rows, kind)
        return table

    def as_it_is() -> Expected:
        return Expected(table_of(cloud.fields), np.arange(len(cloud)), rows, cloud.fields)

    held = drawn.header.format
    form = FORMATS.get(held) if held in FORMATS else None
    if form is None or form.writer is None:
        return as_it_is()
    writer = form.writer
    target = Target(path, form, writer)
    lost = target.losses(cloud)
    left_out = {name for loss in lost for name in loss.columns}
    compared = tuple(name for name in cloud.fields if name not in left_out)
    rounds = writer.lossy or any(loss.rounds for loss in lost)
    exact = 0  # values of a draw that was never written, or else equal by chance
    if (rounds or left_out) and set(drawn.fields) == set(cloud.fields):
        exact = _agreeing(cloud.take(rows) if edit is None else edit.of(cloud, rows), drawn)
        if exact == len(rows) * len(cloud.fields):
            return as_it_is()
    notes = []
    if left_out:
        runs = fields.folded({name: "" for name in cloud.fields if name in left_out})
        missing = ", ".join(name for name, _ in runs)
        notes.append(f"{path} is in a format that cannot hold {missing} ({form.name}): not compared")
    if rounds:
        written = [
            _written(cloud, rows, form, each, drawn.header.axes, path, edit)
            for each in list(writer.qualities.values()) or [writer]
        ]
        again = max(written, key=lambda cloud: _agreeing(cloud, drawn))
        if exact > _agreeing(again, drawn):
            return as_it_is()
        table, _ = values(again.rows, plain(again.rows.dtype, again.fields), advance)
        notes.append(
            f"{path} is in a format that rounds ({form.name}): held to what writing its draw anew gives"
        )
        numbers = target.rows_of(cloud, rows, edit)
        return Expected(table, numbers, np.arange(len(rows)), again.fields, tuple(notes))
    has = compared
    if form.name != cloud.header.format:
        # some formats have columns of their own
        has = _written(cloud, rows[:1], form, writer, None, path).fields
    return Expected(table_of(compared), np.arange(len(cloud)), rows, has, tuple(notes))


def plain(kind: np.dtype[Any], names: tuple[str, ...]) -> np.dtype[Any]:
    """The type of rows of these columns in native byte order, with nothing between them."""
    return np.dtype([(name, kind[name].base.newbyteorder("="), kind[name].shape) for name in names])


def values(
    rows: npt.NDArray[Any], kind: np.dtype[Any], advance: Callable[[int], object] = nothing
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    """Rows in a type of `plain`, in which equal values have equal bytes: one NaN, and no -0.

    Args:
        rows: (N,) structured rows. kind: what `plain` gives.
        advance: told of each number of rows that are done.

    Returns:
        (N,) rows, and (N,) whether the type holds all values of each.
    """
    out, held = np.zeros(len(rows), kind), np.ones(len(rows), bool)

    def fill(part: slice) -> None:
        _fill(rows[part], out[part], held[part])

    parallel.for_each(fill, parallel.blocks(len(rows), BLOCK), done=of_slices(advance))
    return out, held


def _fill(rows: npt.NDArray[Any], out: npt.NDArray[Any], held: npt.NDArray[np.bool_]) -> None:
    kind = out.dtype
    for name in kind.names or ():
        stored = np.ascontiguousarray(rows[name])
        try:
            with np.errstate(all="ignore"):
                taken = stored.astype(kind[name].base)
                same = taken.astype(stored.dtype) == stored
        except (ValueError, TypeError):  # words where there were numbers
            held[:] = False
            continue
        if taken.dtype.kind == "f":
            same |= np.isnan(taken) & (stored != stored)
            taken[np.isnan(taken)] = np.nan
            taken += 0.0
        out[name] = taken
        held &= same.reshape(len(rows), -1).all(axis=1) if same.ndim > 1 else same


def _agreeing(one: GaussianCloud, other: GaussianCloud) -> int:
    """How many values of two clouds are equal, row by row; nothing where they have not as many rows."""
    both = [name for name in one.fields if name in other.fields and len(one) == len(other)]
    return sum(int(np.count_nonzero(one.rows[name] == other.rows[name])) for name in both)


def _written(
    cloud: GaussianCloud,
    rows: npt.NDArray[Any],
    form: Format,
    writer: Writer,
    axes: str | None,
    path: str,
    edit: Edit | None = None,
) -> GaussianCloud:
    """Rows of a scene, written in a format as it is at `path` and read again."""
    suffix = form.suffixes[0]
    with temporaries.folder("gscli-verify") as folder, naming(path):
        place = folder / f"draw{'' if suffix == FOLDER else suffix}"
        Target(str(place), form, writer, allow_lossy=True, axes=axes).write(cloud, index=rows, edit=edit)
        again = form.read(place)
        return GaussianCloud(np.array(again.rows), again.header)  # no map of a file that goes
