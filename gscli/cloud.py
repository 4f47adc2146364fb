"""GaussianCloud: the rows of a scene exactly as its file stores them.

One module: what a cloud is, what it answers and how it is changed are one contract.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from . import fields
from .device import to_numpy
from .errors import InputError, UsageError, did_you_mean
from .files import render_modes
from .kernels import structured
from .kernels.columns import gather
from .results import shown

if TYPE_CHECKING:
    import torch

Index: TypeAlias = "slice | npt.NDArray[Any] | torch.Tensor | Sequence[int]"  # what `take` takes


class Attached(Protocol):
    """Per-point data that are no columns, such as a feature array: they follow the rows."""

    def take(self, index: npt.NDArray[Any]) -> Attached:
        """The data of the rows at `index`."""

    def describe(self) -> list[str]:
        """What another format would lose, one entry each."""


@shown.shown
@dataclass(frozen=True)
class Header:
    """What a file says besides its rows.

    Attributes:
        format: the name of the format that was read, such as ``ply``.
        comments: free text lines that the format carries.
        native: whatever ``formats/<format>.py`` needs to write the file back as it was
            (property order, encoding, other elements); other formats ignore it.
        notes: what a reader has to tell the user, such as a field that had no place.
        attached: per-point data that are no columns; only the format they came from can write them.
        edited: columns whose values are not those of the file any more, or never were.
        axes: those of the file, such as ``rub``, where its format lets them differ from those of the
            rows, which are right-down-front; that format writes it back in them.
    """

    format: str = "ply"
    comments: tuple[str, ...] = ()
    native: Any = None
    notes: tuple[str, ...] = ()
    attached: Attached | None = None
    edited: frozenset[str] = frozenset()
    axes: str | None = None

    def _facts(self) -> dict[str, object]:
        return {"format": self.format, "comments": len(self.comments), "notes": len(self.notes)}


@dataclass(frozen=True, repr=False, eq=False)
class GaussianCloud:
    """N points with every field of their file, raw: opacity is a logit, scales are logarithms.

    ``cloud["opacity"]`` is a column and ``"opacity" in cloud`` says whether there is one; ``cloud[10:20]``
    and ``cloud[mask]`` are rows, as `take` takes them. `with_columns` makes another cloud: none is changed.

    Two clouds are equal when their rows and comments are: the same columns in one order, of the same types,
    with the same bits in every row (NaN equals itself, 0 is not -0). Byte order, format, notes and whatever
    else a header holds make no difference. Clouds have no hash.

    Attributes:
        rows: (N,) structured array of the stored values, in the stored byte order. It may be a
            read-only memory map: `columns` and `blocks` hand its pages back as they go, so that
            streaming a large file costs no resident memory.
        header: what the file says besides its rows.
    """

    rows: npt.NDArray[Any]
    header: Header = field(default_factory=Header)

    def __post_init__(self) -> None:
        if not isinstance(self.rows, np.ndarray) or self.rows.ndim != 1 or self.rows.dtype.names is None:
            raise UsageError("`rows` must be a one-dimensional structured array")

    @classmethod
    def from_columns(
        cls, columns: Mapping[str, npt.ArrayLike] | None = None, /, **more: npt.ArrayLike
    ) -> GaussianCloud:
        """A cloud of (N,) arrays by name, NumPy or torch, in the types that they have.

        >>> GaussianCloud.from_columns(x=[0.5, 1], y=[0.0, 0], z=[2.0, 2], label=[7, 7])
        <GaussianCloud: 2 rows, 4 columns (ply)>

        Raises:
            UsageError: columns of different lengths, or single values alone.
        """
        given = _arrays(columns, more)
        lengths = [len(values) for values in given.values() if values.ndim]
        if given and not lengths:
            raise UsageError(f"column {next(iter(given))} is one value", remedy="give arrays of (N,) values")
        count = max(lengths, default=0)
        return cls(structured.with_columns(np.empty(count, []), given))

    def __repr__(self) -> str:
        columns = shown.counted(len(self.fields), "column")
        return f"<GaussianCloud: {shown.counted(len(self), 'row')}, {columns} ({self.header.format})>"

    def _repr_html_(self) -> str:
        types = {name: str(self.rows.dtype[name]) for name in self.fields}
        return shown.table(repr(self)[1:-1], dict(fields.folded(types)))

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, name: object) -> bool:
        return name in self.fields

    def __iter__(self) -> NoReturn:
        raise TypeError("a cloud has rows and columns: iterate over cloud.rows, or over cloud.fields")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, GaussianCloud):
            return NotImplemented
        return self.header.comments == other.header.comments and structured.equal(self.rows, other.rows)

    @overload
    def __getitem__(self, key: str) -> npt.NDArray[Any]: ...
    @overload
    def __getitem__(self, key: Index) -> GaussianCloud: ...
    def __getitem__(self, key: Any) -> npt.NDArray[Any] | GaussianCloud:
        """A copy of the column of a name, (N,) in native byte order; or the rows that `take` takes.

        Raises:
            InputError: there is no such column. UsageError: as `take` does.
        """
        if not isinstance(key, str):
            return self.take(key)
        self._require((key,))
        return structured.column(self.rows, key)

    @property
    def fields(self) -> tuple[str, ...]:
        """Column names in stored order."""
        return self.rows.dtype.names or ()

    @property
    def xyz(self) -> npt.NDArray[Any]:
        """(N, 3) positions in scene units: float32 where stored so, otherwise float64.

        Gathered anew at each call, axis by axis in memory: keep it, and pass ``xyz.T`` where
        (3, N) is wanted.
        """
        return self.columns(("x", "y", "z")).T

    def columns(self, names: Sequence[str]) -> npt.NDArray[Any]:
        """Gather columns into one (len(names), N) array of native floats.

        float32 if that holds every stored value exactly (float32, float16 and integers up to 16
        bits), otherwise float64.

        Raises:
            InputError: a column is missing or does not hold one number per row.
        """
        out = np.empty((len(names), len(self)), self.float_type(names))
        for start, block in self.blocks():
            gather(block, names, out, start)
        return out

    def column_blocks(self, names: Sequence[str]) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """Yield ``(first row, columns)`` over the whole cloud: `columns`, a few megabytes of rows at a time.

        Raises:
            InputError: as `columns` does.
        """
        kind = self.float_type(names)
        for start, block in self.blocks():
            out = np.empty((len(names), len(block)), kind)
            gather(block, names, out)
            yield start, out

    def float_type(self, names: Sequence[str]) -> type[np.floating[Any]]:
        """The native float that `columns` gathers these columns as; errors as there."""
        self._require(names)
        types = [self.rows.dtype[name] for name in names]
        odd = [name for name, t in zip(names, types, strict=True) if t.shape or t.kind not in "fiub"]
        if odd:
            raise InputError(f"column {odd[0]} does not hold one number per point")
        exact = all(np.can_cast(t, np.float32, "safe") for t in types)
        return np.float32 if exact else np.float64

    def _require(self, names: Sequence[str]) -> None:
        """Refuse names of no column."""
        missing = [name for name in names if name not in self.fields]
        if missing:
            raise InputError(
                f"no {', '.join(missing)} column among {', '.join(self.fields) or 'none'}",
                remedy=did_you_mean(missing[0], self.fields, "this needs a file whose points carry it"),
            )

    @property
    def render_mode(self) -> str | None:
        """How it is meant to be rendered: ``mip`` (antialiased), ``2dgs`` or, None, as usual or unknown.

        Comments tell, see `gscli.files.render_modes`, or that splats have two scales.
        """
        flat = fields.is_gaussian(self.fields) and len(fields.scale_names(self.fields)) == 2
        return render_modes.FLAT if flat else render_modes.told(self.header.comments)

    @property
    def held(self) -> int:
        """Bytes of rows that are in memory; none where the rows are a map of their file."""
        return 0 if structured.mapping_under(self.rows) is not None else self.rows.nbytes

    def blocks(self) -> Iterator[tuple[int, npt.NDArray[Any]]]:
        """Yield ``(first row, rows)`` over the whole cloud, a few megabytes at a time."""
        return structured.blocks(self.rows)

    def take(self, index: Index) -> GaussianCloud:
        """The cloud of some of the rows, copied as opaque bytes.

        Args:
            index: a slice, an (N,) mask, or row numbers in any order, the negative ones from the end.

        Raises:
            UsageError: a mask of another length, a row that is not there, or neither of the three.
        """
        numbers = self.row_numbers(index)
        header = self.header
        if header.attached is not None:
            header = replace(header, attached=header.attached.take(numbers))
        return replace(self, rows=structured.take_rows(self.rows, numbers), header=header)

    def row_numbers(self, index: Index) -> npt.NDArray[np.intp]:
        """(K,) the numbers of the rows that `take` takes, none of them negative; errors as there."""
        if isinstance(index, slice):
            return np.arange(len(self), dtype=np.intp)[index]
        found = np.asarray(to_numpy(index))
        if found.dtype == bool:
            if found.shape != (len(self),):
                raise UsageError(f"the mask has shape {found.shape}, and there are {len(self):,} rows")
            return np.flatnonzero(found)
        if found.ndim != 1 or (found.dtype.kind not in "iu" and len(found)):
            raise UsageError(
                "rows are chosen by a slice, a mask or (K,) integers, "
                f"not by {found.dtype} of shape {found.shape}"
            )
        ends = (int(found.min()), int(found.max())) if len(found) else ()
        for end in ends:
            if not -len(self) <= end < len(self):
                raise UsageError(f"there is no row {end} among {len(self):,}")
        numbers = found.astype(np.intp, copy=False)
        return np.where(numbers < 0, numbers + len(self), numbers) if ends and ends[0] < 0 else numbers

    def with_columns(
        self, columns: Mapping[str, npt.ArrayLike] | None = None, /, **more: npt.ArrayLike
    ) -> GaussianCloud:
        """The same rows with columns replaced or added, from (N,) arrays or one value for all rows.

        A column that is there keeps its place and its stored type: numbers are rounded to its floats, and
        what it cannot hold is refused, such as 300 or 0.5 among bytes. A new one comes last, as it is given.

        >>> cloud = GaussianCloud.from_columns(x=[1.0], y=[2.0], z=[3.0])
        >>> cloud.with_columns(z=-cloud["z"], label=1).fields
        ('x', 'y', 'z', 'label')

        Raises:
            UsageError: not one value for each row, or values that the column's type does not hold.
        """
        given = _arrays(columns, more)
        header = replace(self.header, edited=self.header.edited | given.keys())
        return GaussianCloud(structured.with_columns(self.rows, given), header)

    def with_comment(self, line: str) -> GaussianCloud:
        """The same rows with one more comment line.

        Raises:
            UsageError: no text, or of several lines.
        """
        if not isinstance(line, str) or not {*"\n\r"}.isdisjoint(line):
            raise UsageError(f"a comment is one line of text, not {line!r:.60}")
        return replace(self, header=replace(self.header, comments=(*self.header.comments, line)))


def _arrays(
    columns: Mapping[str, npt.ArrayLike] | None, more: Mapping[str, npt.ArrayLike]
) -> dict[str, npt.NDArray[Any]]:
    given = {**({} if columns is None else columns), **more}  # a data frame is neither true nor false
    return {name: array_of(values, f"column {name}") for name, values in given.items()}


def array_of(values: Any, called: str) -> npt.NDArray[Any]:
    """What is given as an array, NumPy or torch, as a NumPy array.

    Args:
        called: what messages call it, as ``column x``.

    Raises:
        UsageError: lists within it are of different lengths, or see `gscli.device.to_numpy`.
    """
    try:
        return np.asarray(to_numpy(values))
    except ValueError:
        raise UsageError(f"{called} holds lists of different lengths") from None
