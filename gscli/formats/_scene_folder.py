"""The files of a scene folder, as one thing that follows the rows of its cloud.

Arrays with a row for each point, or for each *valid* point (``valid_feat_mask``), are subset; so are
the ``indices`` of grid files, whose features stay whole, since their ids still mean the same rows.
"""

from __future__ import annotations

import filecmp
import json
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..containers import npy
from ..containers.bytes import MAX_JSON, malformed, parsed, read_small, require_columns
from ..containers.zip import Zip
from ..errors import InputError
from ..fields import INDICES, MASK
from ._rows import row_numbers

COLOUR = "color"
GRID_META = "grid_meta_data.json"
# Arrays that are known to have a row for each point (the first line) or for each valid point.
_SPLAT = {"coord", COLOUR, "opacity", "scale", "quat", "normal", MASK}
_PER_POINT = {*_SPLAT, "segment", "instance"}
_PER_VALID = {"lang_feat", "lang_label"}
_BLOCK = 1 << 14

Array = npt.NDArray[Any]


def strangers(folder: Path, sources: Sequence[Path]) -> list[str]:
    """What a scene folder holds that is none of its arrays and grids, nor the same in one of `sources`."""
    return sorted(
        entry.name
        for entry in folder.iterdir()
        if not _is_ours(entry) and not any(_same(entry, source / entry.name) for source in sources)
    )


def _is_ours(file: Path) -> bool:
    """Whether a file is an array, a grid, or the numbers about the grids."""
    if not file.is_file():
        return False
    if file.suffix == ".npz":
        try:
            return f"{INDICES}.npy" in Zip(file, "a NumPy archive").members
        except InputError:
            return False
    return file.suffix == ".npy" or file.name == GRID_META


def _same(file: Path, other: Path) -> bool:
    return file.is_file() and other.is_file() and filecmp.cmp(file, other, shallow=False)


@dataclass(frozen=True)
class SceneFolder:
    """A scene folder and the rows of it that are wanted.

    Attributes:
        path: the folder.
        arrays: every ``.npy`` of it by name, mapped.
        grids: ids of each grid file by file name, one for each point or each valid point.
        mask: (rows of the folder,) which points are valid; None where the folder does not say.
        index: the wanted rows, in order; None for all.
    """

    path: Path
    arrays: dict[str, Array]
    grids: dict[str, Array]
    mask: npt.NDArray[np.bool_] | None
    index: npt.NDArray[np.int64] | None = None

    @classmethod
    def open(cls, path: Path) -> SceneFolder:
        """Map the arrays of a folder and check that their rows match.

        Raises:
            InputError: an array is damaged or has another number of rows.
        """
        members = sorted(path.glob("*.npy"))
        require_columns(path, len(members), "arrays")
        arrays = {p.stem: npy.array_in(p) for p in members}
        if "coord" not in arrays or arrays["coord"].ndim != 2 or arrays["coord"].shape[1] != 3:
            raise InputError("has no coord.npy of shape (N, 3)", path=path)
        rows = len(arrays["coord"])
        mask = None
        if MASK in arrays:
            mask = np.asarray(arrays[MASK]).reshape(-1).astype(bool)
        folder = cls(path, arrays, {}, mask)
        for name, array in arrays.items():
            found = folder._kind(name, array)
            if found is None and name in _PER_POINT | _PER_VALID:
                raise InputError(
                    f"has {len(array) if array.ndim else 0:,} rows where coord.npy has {rows:,}",
                    path=path / f"{name}.npy",
                    remedy="the folder is damaged or mixed from two scenes",
                )
        grids = {}
        for file in sorted(path.glob("*.npz")):
            archive = Zip(file, "a NumPy archive")
            if f"{INDICES}.npy" not in archive.members:
                continue
            ids = archive.array(f"{INDICES}.npy")
            if folder._kind(INDICES, ids) is None:
                raise InputError(f"has {len(ids):,} ids for {rows:,} points", path=file)
            grids[file.name] = ids
        return replace(folder, grids=grids)

    @property
    def rows(self) -> int:
        return len(self.arrays["coord"])

    def take(self, index: npt.NDArray[Any]) -> SceneFolder:
        """The folder of the rows at `index` of those that were wanted so far."""
        index = row_numbers(index)
        return replace(self, index=index if self.index is None else self.index[index])

    def labels(self) -> tuple[str, ...]:
        """The arrays of one number for each point, such as ``segment20``, that are no part of a splat."""
        return tuple(
            name
            for name, array in self.arrays.items()
            if name not in _SPLAT and array.size == self.rows == len(array) and array.dtype.kind in "fiub"
        )

    def describe(self) -> list[str]:
        """What another format would lose: arrays that are no columns, and grids."""
        columns = {*_SPLAT - {MASK}, *self.labels()}
        return [
            *(f"array {name} {list(a.shape)}" for name, a in self.arrays.items() if name not in columns),
            *(f"grid {name}" for name in self.grids),
        ]

    def left_out(self) -> list[str]:
        """Folders in the folder: they are not copied."""
        return [f"folder {p.name}" for p in sorted(self.path.iterdir()) if p.is_dir()]

    def notes(self) -> tuple[str, ...]:
        whole = [n for n, a in self.arrays.items() if self._kind(n, a) is None]
        return (f"kept whole, not a row for each point: {', '.join(whole)}",) if whole else ()

    def write(self, target: Path) -> None:
        """Write the wanted rows of every array, and every other file as it is, into an empty folder."""
        for file in sorted(self.path.iterdir()):
            if file.suffix == ".npy":
                self._write_array(file.stem, target / file.name)
            elif file.name in self.grids:
                self._write_grid(file, target / file.name)
            elif file.name == GRID_META and self.grids and self.index is not None:
                self._write_meta(file, target / file.name)
            elif file.is_file():
                shutil.copyfile(file, target / file.name)

    def _kind(self, name: str, array: Array) -> str | None:
        """Whether an array has a row for each point, each valid point, or neither (None)."""
        count = len(array) if array.ndim else -1
        if count == self.rows:
            return "point"
        if self.mask is not None and len(self.mask) == self.rows and name not in _PER_POINT:
            return "valid" if count == int(self.mask.sum()) else None
        return None

    def _rows_of(self, kind: str | None) -> npt.NDArray[np.int64] | None:
        """Which rows of an array of a kind are wanted; None for all."""
        if self.index is None or kind is None:
            return None
        if kind == "point" or self.mask is None:
            return self.index
        rank = np.cumsum(self.mask) - 1
        valid: npt.NDArray[np.int64] = rank[self.index[self.mask[self.index]]]
        return valid

    def _write_array(self, name: str, target: Path) -> None:
        array = self.arrays[name]
        rows = self._rows_of(self._kind(name, array))
        if rows is None:
            shutil.copyfile(self.path / f"{name}.npy", target)
            return
        blocks = (array[rows[start : start + _BLOCK]] for start in range(0, len(rows), _BLOCK))
        with target.open("wb") as out:  # and not mapped: a full disk would end the process
            npy.write(out, array.dtype, (len(rows), *array.shape[1:]), blocks)

    def _write_grid(self, source: Path, target: Path) -> None:
        """The same archive with the ids of the wanted rows; the members after them are copied."""
        ids = self.grids[source.name]
        rows = self._rows_of(self._kind(INDICES, ids))
        if rows is None:
            shutil.copyfile(source, target)
            return
        archive = Zip(source, "a NumPy archive")
        with zipfile.ZipFile(target, "w") as out:
            for name, info in archive.members.items():
                entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
                entry.compress_type = info.compress_type
                if name in (f"{INDICES}.npy", f"{MASK}.npy"):
                    array = archive.array(name)
                    kept = self._rows_of(self._kind(name.removesuffix(".npy"), array))
                    with out.open(entry, "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, array[kept], allow_pickle=False)
                else:
                    out.writestr(entry, archive.unpack(name))

    def _write_meta(self, source: Path, target: Path) -> None:
        """The grid's numbers, those that depend on the points computed again."""
        with malformed(source, "JSON"):
            meta = parsed(read_small(source, MAX_JSON))
        ids = next(iter(self.grids.values()))
        rows = self._rows_of(self._kind(INDICES, ids))
        held = ids[rows] if rows is not None else ids
        held = held[held >= 0]
        cells = len(np.unique(held))
        if isinstance(meta, dict):
            meta |= {k: v for k, v in {"num_points_with_grid": len(held)}.items() if k in meta}
            if isinstance(meta.get("grid_point_counts"), int | float):
                meta["grid_point_counts"] = len(held) / cells if cells else 0.0
        target.write_text(json.dumps(meta, indent=2))
