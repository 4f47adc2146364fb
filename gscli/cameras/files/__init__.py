"""Files of cameras, told apart by what they hold.

- ``cameras.json`` of the 3DGS reference code and its forks: a list; camera to world, OpenCV's axes.
- ``transforms.json`` of NeRF, Instant-NGP and nerfstudio: ``frames``; camera to world, OpenGL's axes.
- COLMAP's ``cameras`` and ``images``, text or binary, in a folder or in the ``sparse/0`` below it.
- ``meta_data.json`` of r2_gaussian: the ``scanner`` of X-rays, cone or parallel beam.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ...errors import GscliError, InputError
from ...files import display, require_readable, rereadable, unreadable
from ..camera import Camera
from . import colmap, graphdeco, scanner, transforms

MOST_BYTES = 256 << 20  # of JSON
KINDS = "cameras.json, transforms.json, meta_data.json, or a folder of COLMAP's"


def read(path: str | os.PathLike[str]) -> list[Camera]:
    """The cameras of a file or folder, in its order.

    Raises:
        InputError: it cannot be read, is none of these, or holds what is no camera.
    """
    try:
        with rereadable(path) as place:  # <(command) of a shell, such as of jq
            require_readable(place)
            found = colmap.read(place) if place.is_dir() else _of_json(place, display(path))
    except GscliError as error:
        raise InputError(error.what, path=error.path or path, remedy=error.remedy) from None
    if not found:
        raise InputError("holds no cameras", path=path)
    return found


def _of_json(place: Path, path: str) -> list[Camera]:
    """The cameras of a file of JSON, which messages call `path`."""
    try:
        if place.stat().st_size > MOST_BYTES:
            raise InputError(f"has over {MOST_BYTES >> 20} MiB, which no file of cameras has", path=path)
        said: Any = json.loads(place.read_bytes())
    except OSError as error:
        raise unreadable(path, error) from None
    except (ValueError, RecursionError):
        raise InputError("is no JSON, and no cameras", path=path, remedy=f"give {KINDS}") from None
    if isinstance(said, list):
        return graphdeco.cameras(said)
    if isinstance(said, dict):
        if transforms.KEY in said:
            return transforms.cameras(said)
        if scanner.KEY in said:
            return scanner.cameras(said)
    raise InputError("holds no cameras of a known kind", path=path, remedy=f"give {KINDS}")
