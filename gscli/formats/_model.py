"""From a trainer's tensors to rows in the 3DGS vocabulary, reading no more of them than asked."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud, Header
from ..containers.bytes import require_columns
from ..containers.pickles import Array, unwrap
from ..containers.torch_file import Tensor
from ..errors import InputError
from ..kernels.structured import release_pages
from ._rows import columns_of

BLOCK_ROWS = 1 << 15
_SH_COEFFICIENTS = (0, 3, 8, 15, 24)  # of degrees 0 to 4, without the constant one
Values = npt.NDArray[Any]


@dataclass(frozen=True)
class Piece:
    """Columns that come from one tensor: `convert` maps a block of its rows to (rows, len(names))."""

    names: tuple[str, ...]
    tensor: Any
    convert: Callable[[Values], Values]


@dataclass
class Model:
    """One model of a file, described but not yet read: `cloud` reads it.

    Attributes:
        path: the file, for errors.
        pieces: its columns in order.
        columns: how many there are.
        comments: what has to be kept and is no column, one line each.
        notes: what the user has to be told.
    """

    path: Path
    pieces: list[Piece] = field(default_factory=list)
    columns: int = 0
    comments: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self,
        label: str,
        names: Sequence[str],
        tensor: Any,
        convert: Callable[[Values], Values] | None = None,
    ) -> None:
        """Append the columns `names` from `tensor`, whose rows hold one number for each.

        Raises:
            InputError: the tensor is missing, of another shape, or has another number of rows.
        """
        tensor = unwrap(tensor)
        shape = shape_of(tensor)
        if shape is None:
            raise InputError(f"its {label} is no array", path=self.path, remedy="it is not a complete model")
        width = math.prod(shape[1:])
        if not shape or (convert is None and width != len(names)):
            raise InputError(
                f"its {label} has shape {list(shape)}, not {len(names)} for each point", path=self.path
            )
        if self.pieces and shape[0] != self.rows:
            raise InputError(
                f"its {label} has {shape[0]:,} rows where its positions have {self.rows:,}", path=self.path
            )
        self.columns += len(names)
        require_columns(self.path, self.columns)
        self.pieces.append(Piece(tuple(names), tensor, convert or _flat))

    @property
    def rows(self) -> int:
        shape = shape_of(self.pieces[0].tensor) if self.pieces else None
        return shape[0] if shape else 0

    def cloud(self, format_name: str, only: Sequence[str] | None = None) -> GaussianCloud:
        """Read the model; with `only`, just the tensors that hold one of those columns.

        Raises:
            InputError: a column is repeated or holds no numbers.
        """
        pieces = [p for p in self.pieces if only is None or set(p.names) & set(only)]
        views = [(piece, numbers(piece.tensor)) for piece in pieces]
        types = [(name, p.convert(view[:0]).dtype) for p, view in views for name in p.names]
        repeated = [name for name, times in Counter(name for name, _ in types).items() if times > 1]
        if repeated or any(kind.kind not in "fiub" for _, kind in types):
            raise InputError(f"has columns that are repeated or no numbers {repeated[:8]}", path=self.path)
        rows = np.empty(self.rows, types)
        for piece, view in views:
            target = columns_of(rows, piece.names)
            for start in range(0, len(rows), BLOCK_ROWS):
                block = view[start : start + BLOCK_ROWS]
                target[start : start + BLOCK_ROWS] = piece.convert(block)
                release_pages(block)
        return GaussianCloud(
            rows, Header(format_name, comments=tuple(self.comments), notes=tuple(self.notes))
        )


def shape_of(tensor: Any) -> tuple[int, ...] | None:
    """The shape of an array or tensor of any kind; None for anything else."""
    tensor = unwrap(tensor)
    if isinstance(tensor, np.ndarray | Tensor) or hasattr(tensor, "detach"):
        return tuple(tensor.shape)
    return None


def numbers(tensor: Any) -> Values:
    """The values of an array or tensor; what lies in a mapped file is not copied."""
    if isinstance(tensor, np.ndarray):
        return tensor
    if isinstance(tensor, Array | Tensor):
        return tensor.value if isinstance(tensor, Array) else tensor.numpy()
    tensor = tensor.detach().cpu()  # of PyTorch itself, from a trusted pickle
    array: Values = (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()
    return array


def gaussians(
    path: Path,
    *,
    xyz: Any,
    f_dc: Any = None,
    f_rest: Any = None,
    opacity: Any = None,
    scale: Any = None,
    rotation: Any = None,
    normals: Any = None,
    active_degree: int | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Model:
    """A model from a trainer's own tensors.

    Args:
        path: the file, for errors.
        xyz: (N, 3).
        f_dc: (N, 1, 3) or (N, 3).
        f_rest: (N, K, 3), coefficient major; written channel major.
        opacity: (N,) or (N, 1) logits.
        scale: (N, 3) or (N, 2) logarithms.
        rotation: (N, 4), w x y z.
        normals: (N, 3).
        active_degree: the SH degree in use: coefficients beyond it never reach the picture and are
            left out, with a note.
        extra: anything else with N rows, kept as ``name`` or ``name_0``, ``name_1`` ...
    """
    model = Model(path)
    model.add("positions", fields.POSITION, xyz)
    if normals is not None:
        model.add("normals", fields.NORMAL, normals)
    if f_dc is not None:
        model.add("f_dc", fields.SH_DC, f_dc)
    if f_rest is not None:
        _add_rest(model, f_rest, active_degree)
    if opacity is not None:
        model.add("opacity", (fields.OPACITY,), opacity)
    if scale is not None:
        axes = (shape_of(scale) or (0, 0))[-1]
        if axes not in (2, 3):
            raise InputError(f"its scale has {axes} axes, not 2 or 3", path=path)
        model.add("scale", fields.SCALE[:axes], scale)
    if rotation is not None:
        model.add("rotation", fields.ROTATION, rotation)
    for name, tensor in (extra or {}).items():
        add_extra(model, name, tensor)
    return model


def add_extra(model: Model, name: str, tensor: Any) -> None:
    """Keep a tensor that the vocabulary has no name for."""
    shape = shape_of(tensor) or (0,)
    width = math.prod(shape[1:])
    require_columns(model.path, width, f"numbers for each point in {name}")
    model.add(name, (name,) if width == 1 else [f"{name}_{i}" for i in range(width)], tensor)


def _add_rest(model: Model, f_rest: Any, active_degree: int | None) -> None:
    shape = shape_of(f_rest) or ()
    if len(shape) != 3 or shape[2] != 3 or shape[1] not in _SH_COEFFICIENTS:
        raise InputError(f"its f_rest has shape {list(shape)}, which fits no SH degree", path=model.path)
    stored = _SH_COEFFICIENTS.index(shape[1])
    degree = stored if active_degree is None else min(stored, active_degree)
    if degree < stored:
        model.notes.append(
            f"SH degree {degree} of {stored} was in use: the coefficients beyond it are left out"
        )
    used = _SH_COEFFICIENTS[degree]

    def channel_major(block: Values) -> Values:
        return block[:, :used].transpose(0, 2, 1).reshape(len(block), 3 * used)

    if used:
        model.add("f_rest", fields.sh_rest(degree), f_rest, channel_major)


def _flat(block: Values) -> Values:
    return block.reshape(len(block), math.prod(block.shape[1:]))
