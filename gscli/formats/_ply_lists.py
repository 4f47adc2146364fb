"""Vertices that hold lists: valid PLY, read by plyfile.

plyfile is GPLv3+ and therefore imported for such files alone. Lists are no columns, and what else the file
holds cannot be kept beside rows whose layout is another: both are left out, which a note says.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np

from ..cloud import GaussianCloud, Header
from ..containers.bytes import malformed
from ..errors import InputError
from ..runtime import libraries
from ._ply_header import PlyHeader
from ._ply_size import require_room
from ._rows import packed


def read(path: str | os.PathLike[str], header: PlyHeader, body: int) -> GaussianCloud:
    """Read a file by plyfile.

    Args:
        header: its header. body: bytes after that.

    Raises:
        InputError: damaged, or shorter than its header says. EngineUnavailable: no plyfile.
    """
    require_room(header, body)
    libraries.require("plyfile", "a PLY file whose vertices hold lists", path=path)
    import plyfile

    with malformed(Path(path), "a PLY file"), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # NumPy's, of lists without items
        try:
            stored = plyfile.PlyData.read(os.fspath(path), mmap=False)["vertex"].data
        except plyfile.PlyParseError as error:
            raise InputError(f"is damaged: {error}", path=path, remedy="copy or download it again") from None
    properties = header.vertex.properties
    stored.dtype.names = tuple(prop.name for prop in properties)
    rows = packed(stored, np.dtype([(prop.name, prop.code) for prop in properties if not prop.length]))
    lists = [prop.name for prop in properties if prop.length]
    others = [f"element {element.name}" for element in header.elements if element.name != "vertex"]
    left_out = [f"the list{'s' * (len(lists) > 1)} {', '.join(lists)} of its vertices"] if lists else []
    notes = [f"left out: {', '.join(left_out + others)}"] if left_out + others else []
    return GaussianCloud(rows, Header("ply", header.comments, notes=tuple(notes)))
