"""Rows of splats: made from arrays, and taken apart for codecs that hold the 3DGS fields and no other.

One module: which values a codec holds and how it says that it does not hold one is told once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..errors import GscliError
from ..kernels.columns import spread
from ..kernels.quantising import quantise
from ..kernels.structured import take_rows
from ._format import Loss

Array = npt.NDArray[Any]

LARGEST = float(np.finfo(np.float32).max)
# Opacity in one byte: 0 and 255 stand for the ends of the range, whose logits are infinite. Half a
# quantum further in, they are finite and still come back as the same byte.
_ALPHAS = np.arange(256) / 255.0
_ALPHAS[[0, -1]] = 0.25 / 255, 254.75 / 255
LOGITS = fields.logit(_ALPHAS).astype(np.float32)  # (256,): the logit that an opacity byte stands for


def splat_names(degree: int = 0) -> tuple[str, ...]:
    """The columns of a splat of an SH degree, in the usual order without normals."""
    tail = (fields.OPACITY, *fields.SCALE, *fields.ROTATION)
    return (*fields.POSITION, *fields.SH_DC, *fields.sh_rest(degree), *tail)


def first_rest(held: int, degree: int) -> tuple[str, ...]:
    """The harmonics up to an SH degree of splats of another, a channel's apart from the next one's."""
    stride, kept = (held + 1) ** 2 - 1, (degree + 1) ** 2 - 1
    return tuple(f"f_rest_{channel * stride + i}" for channel in range(3) for i in range(kept))


def is_coloured(names: Sequence[str]) -> bool:
    """Whether points have their colour as red, green and blue, and not as harmonics."""
    return set(fields.RGB) <= set(names) and not set(fields.SH_DC) & set(names)


def needed(names: Sequence[str]) -> tuple[str, ...]:
    """The columns of a splat, colours as these columns have them."""
    if not is_coloured(names):
        return splat_names()
    return tuple(name for name in splat_names() if name not in fields.SH_DC) + fields.RGB


def splat_kind(degree: int = 0) -> np.dtype[Any]:
    """The type of rows of splats, in float32."""
    return np.dtype([(name, "<f4") for name in splat_names(degree)])


def empty_splats(count: int, degree: int = 0) -> Array:
    """(count,) rows to be filled by `columns_of`."""
    return np.empty(count, splat_kind(degree))


def name_bytes(name: str) -> bytes:
    """A column's name in UTF-8; what was none when it was read (a surrogate here) as the byte it was.

    Nothing where the name has no bytes: it is empty, or holds half a character.
    """
    try:
        return name.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return b""


def is_text(line: str) -> bool:
    """Whether it can be UTF-8: names and comments of old files may hold stray bytes."""
    return not any("\ud800" <= letter <= "\udfff" for letter in line)


def columns_of(rows: Array, names: Sequence[str]) -> Array:
    """Neighbouring columns of one type, as a writable (N, len(names)) view of the rows."""
    kind, first = rows.dtype.fields[names[0]][:2]  # type: ignore[index]
    if not len(rows):
        return np.empty((0, len(names)), kind)
    return np.ndarray(
        (len(rows), len(names)), kind, rows, offset=first, strides=(rows.dtype.itemsize, kind.itemsize)
    )


def require_splats(cloud: GaussianCloud) -> None:
    """Refuse, for a codec of splats, a cloud that lacks a field which every splat has.

    Raises:
        GscliError: it does.
    """
    missing = [name for name in needed(cloud.fields) if name not in cloud.fields]
    if missing or (fields.sh_degree(cloud.fields) is None and not is_coloured(cloud.fields)):
        raise GscliError(
            f"the points have no {', '.join(missing) or 'f_rest of an SH degree'}, which every splat has",
            remedy="write .ply, which holds any columns",
        )


def one_line(comment: str) -> str:
    """A comment, for formats that end it where its line ends.

    Raises:
        GscliError: it holds a line break.
    """
    if "\n" in comment or "\r" in comment:
        raise GscliError(f"the comment {comment[:60]!r} holds a line break", remedy="leave it out")
    return comment


def row_numbers(index: npt.ArrayLike) -> npt.NDArray[np.intp]:
    """(K,) row numbers from as many, or from an (N,) mask."""
    index = np.asarray(index)
    return np.flatnonzero(index) if index.dtype == bool else index.astype(np.intp, copy=False)


def selected(cloud: GaussianCloud, index: npt.NDArray[Any] | None) -> GaussianCloud:
    """The rows at `index`, or all, without what is attached to them."""
    if index is None:
        return cloud
    return GaussianCloud(take_rows(cloud.rows, row_numbers(index)), cloud.header)


def packed(rows: Array, kind: np.dtype[Any]) -> Array:
    """Rows as `kind` has them: float32 in one pass, column by column only where types differ."""
    if rows.dtype == kind:
        return np.ascontiguousarray(rows)
    names = kind.names or ()
    floats = all(rows.dtype[name] == kind[name] == np.float32 for name in names)
    if floats and 0 < kind.itemsize == 4 * len(names):
        (table,), _ = spread(rows, [[(name, 1.0) for name in names]])
        return table.view(kind)[:, 0]
    out = np.empty(len(rows), kind)
    for name in names:
        out[name] = rows[name]
    return out


def planes(cloud: GaussianCloud, names: Sequence[str], *, first: int | Array = 0) -> Array:
    """(N, len(names)) float64 values for a codec; of f_dc, where there are red, green and blue, theirs.

    Args:
        cloud: the rows.
        names: their columns.
        first: the number of the first row, or of each, for the message.

    Raises:
        GscliError: a column is missing, or a value is not finite or beyond float32, which no codec can hold.
    """
    if tuple(names) == fields.SH_DC and is_coloured(cloud.fields):
        values = fields.dc_from_rgb(planes(cloud, fields.RGB, first=first) / _full(cloud))
    else:
        values = cloud.columns(names).T.astype(np.float64)
    if values.size and not (values.min() >= -LARGEST and values.max() <= LARGEST):  # NaN is neither
        row, column = (int(i[0]) for i in np.nonzero(~(np.abs(values) <= LARGEST)))
        raise not_held(_number(first, row), names[column], values[row, column])
    return values


def quantised(
    cloud: GaussianCloud,
    names: Sequence[str],
    numbers: npt.ArrayLike,
    *,
    down: bool = False,
    first: int | Array = 0,
) -> npt.NDArray[np.uint8]:
    """(N, len(names)) bytes of columns; other arguments and errors as of `planes`.

    Args:
        numbers, down: see `gscli.kernels.quantising.quantise`; of colours, which may be others, not `down`.
    """
    if is_coloured(cloud.fields) and tuple(names) == fields.SH_DC:
        a, b, c = np.broadcast_to(np.asarray(numbers, np.float64), (3, 3)).T
        return to_bytes((planes(cloud, names, first=first) * a + b) * c)
    found, clean = quantise(cloud.rows, names, numbers, down=down)
    if not clean:
        planes(cloud, names, first=first)  # says which
    return found


def narrow(cloud: GaussianCloud, names: Sequence[str], *, first: int | Array = 0) -> npt.NDArray[np.float32]:
    """(N, len(names)) float32 of columns; what is infinite or no number stays so. Arguments as of `planes`.

    Raises:
        GscliError: a finite value is beyond float32.
    """
    stored = cloud.columns(names).T
    beyond = np.isfinite(stored) & (np.abs(stored) > LARGEST)
    if beyond.any():
        row, column = (int(i[0]) for i in np.nonzero(beyond))
        raise not_held(_number(first, row), names[column], stored[row, column])
    values: npt.NDArray[np.float32] = stored.astype(np.float32)
    return values


def _number(first: int | Array, row: int) -> int:
    return first + row if isinstance(first, int) else int(first[row])


def not_held(row: int, column: str, value: Any) -> GscliError:
    """The error of a value that a format cannot hold."""
    what = f"row {row} of what is to be written has {column} = {value}, which this format cannot hold"
    return GscliError(what, remedy="write .ply, or drop such rows first")


def _full(cloud: GaussianCloud) -> Array:
    """(3,) what red, green and blue at their fullest are stored as."""
    kinds = [cloud.rows.dtype[name] for name in fields.RGB]
    return np.array([np.iinfo(kind).max if kind.kind in "iu" else 1.0 for kind in kinds])


def alpha_bytes(cloud: GaussianCloud, *, first: int | Array = 0) -> npt.NDArray[np.uint8]:
    """(N,) opacity as a byte; infinite logits are 0 and 255. Arguments and errors as of `planes`."""
    logits = cloud.columns((fields.OPACITY,))[0]
    if np.isnan(logits).any():
        row = int(np.flatnonzero(np.isnan(logits))[0])
        raise not_held(_number(first, row), fields.OPACITY, logits[row])
    return to_bytes(fields.sigmoid(logits) * 255.0)


def to_bytes(values: Array) -> npt.NDArray[np.uint8]:
    """Round to the nearest byte, clipped to 0 and 255."""
    out: npt.NDArray[np.uint8] = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return out


def dropped(
    cloud: GaussianCloud,
    degree: int,
    comments: bool = False,
    beside: Sequence[str] = (),
    modes: Sequence[str | None] = (),
) -> list[Loss]:
    """What a codec of the 3DGS fields up to an SH degree leaves out: other columns and comments.

    Args:
        cloud: what is to be written.
        degree: the highest SH degree that the codec holds.
        comments: whether it holds comments.
        beside: columns that it holds besides the 3DGS fields.
        modes: the render modes that it holds, see `Loss.comments`.

    A cloud that lacks a field which every splat has cannot be written at all (see `require_splats`): that
    is named too.
    """
    missing = [name for name in needed(cloud.fields) if name not in cloud.fields]
    coloured = is_coloured(cloud.fields)
    held = 0 if coloured else fields.sh_degree(cloud.fields)
    if missing or held is None:
        lacking = ", ".join(missing) or "the f_rest of an SH degree"
        return [Loss("everything", cloud.fields, detail=f"without {lacking} there are no splats")]
    lost = []
    if held > degree:
        beyond = fields.sh_rest(held)[len(fields.sh_rest(degree)) :]
        lost.append(Loss(f"SH degree {held}", beyond, detail=f"to {degree}"))
    if coloured:
        lost.append(Loss(f"columns {', '.join(fields.RGB)}", fields.RGB, detail="kept as f_dc"))
    extra = [
        name for name in cloud.fields if name not in (*splat_names(held), *fields.RGB * coloured, *beside)
    ]
    if extra:
        more = f" and {len(extra) - 6} more" if len(extra) > 6 else ""
        lost.append(Loss(f"columns {', '.join(extra[:6])}{more}", tuple(extra)))
    return lost if comments else lost + Loss.comments(cloud, modes)
