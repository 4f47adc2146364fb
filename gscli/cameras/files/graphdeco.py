"""``cameras.json``, as the 3DGS reference code writes it beside a trained model: camera to world."""

from __future__ import annotations

from typing import Any

from ..camera import Camera
from ._entries import entries, number, numbers, seen_from, size


def cameras(said: Any) -> list[Camera]:
    """The cameras of a list; the principal point is the middle of the picture."""
    found = []
    for i, entry in enumerate(entries(said, "the file")):
        of = f"camera {i}"
        width, height = size(entry, "width", of), size(entry, "height", of)
        pose = seen_from(numbers(entry, "rotation", of, (3, 3)), numbers(entry, "position", of, (3,)))
        lens = number(entry, "fx", of), number(entry, "fy", of), width / 2, height / 2
        found.append(Camera(str(entry.get("img_name", i)), pose, *lens, width, height))
    return found
