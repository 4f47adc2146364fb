"""Grid files: which cell of a precomputed grid each point belongs to.

Density-invariant training groups points by a grid whose cells were merged by feature similarity, so
that it cannot be computed from the coordinates again and the file must be honoured. ``.npz`` files
hold ``indices``, one for each *valid* point where a mask says which points are valid; ``.npy`` files
hold one id for each point. -1 is "no cell". Ids may have gaps.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..containers.bytes import mapped
from ..containers.npy import MAGIC, array_in
from ..containers.zip import Zip
from ..errors import InputError, UsageError
from ..fields import INDICES, MASK

NO_CELL = -1
_RANKED = re.compile(r"lang_feat_grid_svd_r(\d+)\.npz")


def find_mapping(source: str | os.PathLike[str] | None, name: str | None = None) -> Path:
    """The grid file that `name` means for a scene: as given, or within the scene's folder, if it has one.

    Without a name it is the ``lang_feat_grid_svd_r<rank>.npz`` of the highest rank in the folder.

    Raises:
        InputError: there is no file of that name. UsageError: none was named and the folder has none.
    """
    folder = None if source is None else Path(source)
    if name is not None:
        for candidate in (Path(name), *([] if folder is None else [folder / name])):
            if candidate.is_file():
                return candidate
        inside = f", nor one in {folder}" if folder is not None and folder.is_dir() else ""
        raise InputError(f"no such grid file{inside}", path=name, remedy="check the path")
    own = own_mapping(source)
    if own is None:
        raise UsageError("holds no grid file", path=source, remedy="name one with `grid_file='FILE'`")
    return own


def own_mapping(source: str | os.PathLike[str] | None) -> Path | None:
    """The grid file of the highest rank in a scene's folder; None where there is none."""
    if source is None:
        return None
    ranked = [(int(m[1]), p) for p in _entries(Path(source)) if (m := _RANKED.fullmatch(p.name))]
    return max(ranked)[1] if ranked else None


def choose_mapping(
    source: str | os.PathLike[str] | None,
    name: str | None,
    *,
    lattice: Mapping[str, bool],
    other: Mapping[str, bool],
) -> Path | None:
    """The grid file whose cells a scene is cut into; None for a lattice.

    A file that is named goes first; then arguments that ask for a lattice; then the scene's own grid.

    Args:
        source: the scene; None where it is in memory.
        lattice: arguments that ask for a lattice, and whether they were given.
        other: arguments that mean nothing with a grid file, and whether they were given.

    Raises:
        UsageError: one was given that has no effect.
    """
    refuse_lattice(name, {**lattice, **other})
    if name is not None:
        return find_mapping(source, name)
    found = None if any(lattice.values()) else own_mapping(source)
    refuse_lattice(found, other, remedy="drop it, or give `voxel_size` to cut a lattice instead")
    return found


def refuse_lattice(
    grid: str | os.PathLike[str] | None,
    arguments: Mapping[str, bool],
    *,
    remedy: str = "drop it, or `grid_file`",
) -> None:
    """Refuse arguments that were given and have no effect, because the cells are those of a grid file."""
    given = [argument for argument, is_given in arguments.items() if is_given]
    if grid is not None and given:
        raise UsageError(f"`{given[0]}` has no effect: the cells are those of {grid}", remedy=remedy)


def read_mapping(
    path: str | os.PathLike[str],
    n_rows: int,
    *,
    scene: str | os.PathLike[str] | None = None,
) -> npt.NDArray[np.int64]:
    """Read the cell of each point.

    Args:
        path: ``.npz`` with ``indices`` (and, maybe, ``valid_feat_mask``), or ``.npy``.
        n_rows: how many points the scene has.
        scene: the scene's folder, if it is one. Where there are fewer ids than points, the ``.npz`` or a
            ``valid_feat_mask.npy`` beside it or in this folder says which points are valid.

    Returns:
        (n_rows,) int64 ids; -1 for points that are not valid or in no cell.

    Raises:
        InputError: damaged, no ids, ids below -1, or another number of them than there are (valid) points.
    """
    path = Path(path)
    arrays = _arrays(path)
    if INDICES not in arrays:
        raise InputError(
            f"holds {', '.join(arrays) or 'nothing'}, no {INDICES}", path=path, remedy="name a grid file"
        )
    ids = arrays[INDICES].reshape(-1) if arrays[INDICES].ndim == 2 else arrays[INDICES]
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise InputError(f"has {INDICES} of shape {list(ids.shape)} and type {ids.dtype}", path=path)
    out = np.full(n_rows, NO_CELL, np.int64)
    if len(ids) == n_rows:
        out[:] = ids
    else:
        mask = _mask(arrays, [path.parent, *([] if scene is None else [Path(scene)])])
        if mask is None or len(mask) != n_rows or int(mask.sum()) != len(ids):
            valid = f" of which {int(mask.sum()):,} are valid" if mask is not None else ""
            raise InputError(
                f"has {len(ids):,} ids for {n_rows:,} points{valid}",
                path=path,
                remedy=f"it belongs to another scene, or {MASK}.npy is missing",
            )
        out[mask] = ids
    if n_rows and out.min() < NO_CELL:
        raise InputError(f"has the id {out.min()}; ids are -1 or more", path=path)
    return out


def _arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """What a grid file holds that matters here, the features not among it."""
    if mapped(path)[: len(MAGIC)].tobytes() == MAGIC:
        return {INDICES: array_in(path)}
    archive = Zip(path, "a grid file")
    return {
        name: archive.array(f"{name}.npy") for name in (INDICES, MASK) if f"{name}.npy" in archive.members
    }


def _mask(arrays: dict[str, npt.NDArray[Any]], folders: list[Path]) -> npt.NDArray[np.bool_] | None:
    if MASK in arrays:
        return arrays[MASK].reshape(-1).astype(bool)
    for folder in folders:
        if (folder / f"{MASK}.npy").is_file():
            return array_in(folder / f"{MASK}.npy").reshape(-1).astype(bool)
    return None


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []
