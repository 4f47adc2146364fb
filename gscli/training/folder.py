"""The precomputed point-to-grid mapping of a SceneSplat scene folder."""

from __future__ import annotations

import os
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import files
from ..errors import InputError

_RANKED = re.compile(r"lang_feat_grid_svd_r(\d+)\.npz")


def point_to_grid(
    folder: str | os.PathLike[str], mapping: str | os.PathLike[str] | None = None
) -> npt.NDArray[np.int64]:
    """The cell id of every point of a scene folder, -1 for those that have none.

    Such grids were merged cell by cell after they were made, so they cannot be computed from the
    coordinates. ``indices`` has one id per point, or per point that ``valid_feat_mask.npy`` marks.

    Args:
        folder: holds ``coord.npy`` and, where not all points are valid, ``valid_feat_mask.npy``.
        mapping: the ``.npz`` with ``indices``; by default the ``lang_feat_grid_svd_r*.npz`` of the
            highest rank.

    Returns:
        (N,) int64 for the N rows of ``coord.npy``.

    Raises:
        InputError: a file is missing or malformed, or the numbers of points do not agree.
    """
    root = Path(folder)
    points = len(_load(root / "coord.npy"))
    source = _highest_rank(root) if mapping is None else Path(mapping)
    loaded = _load(source)
    try:
        with loaded as archive:
            ids = archive["indices"]
    except (KeyError, ValueError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"has no readable `indices` ({error})", path=source) from None
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise InputError(f"`indices` is {ids.dtype} of shape {ids.shape}, not integers", path=source)
    if len(ids) == points:
        return ids.astype(np.int64)
    mask_file = root / "valid_feat_mask.npy"
    if mask_file.exists():
        mask = _load(mask_file).reshape(-1).astype(bool)
        if len(mask) == points and np.count_nonzero(mask) == len(ids):
            full = np.full(points, -1, np.int64)
            full[mask] = ids
            return full
        counted = f"{np.count_nonzero(mask):,} of {len(mask):,} points are valid"
    else:
        counted = "there is no valid_feat_mask.npy"
    raise InputError(
        f"has ids for {len(ids):,} points, the scene has {points:,} and {counted}",
        path=source,
        remedy="use the mapping that was made for this scene",
    )


def _highest_rank(folder: Path) -> Path:
    ranked = {int(m[1]): p for p in folder.iterdir() if (m := _RANKED.fullmatch(p.name))}
    if not ranked:
        raise InputError("holds no lang_feat_grid_svd_r*.npz", path=folder, remedy="name the mapping")
    return ranked[max(ranked)]


def _load(path: Path) -> Any:
    files.require_readable(path)
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"is no NumPy file ({error})", path=path) from None
