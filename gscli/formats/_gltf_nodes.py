"""What a glTF file shows: the primitives of points that its nodes place, where, and what else it holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ..containers.gltf import Gltf
from ..errors import InputError
from ..results.shown import counted

Array = npt.NDArray[Any]

SPLATS = "KHR_gaussian_splatting"
PACKED = ("KHR_gaussian_splatting_compression_spz", "KHR_gaussian_splatting_compression_spz_2")
POINTS = 0  # a primitive's mode
MOST_PLACED, MOST_ATTRIBUTES = 1000, 40_000  # more are no scene, and each takes its time
_DEEPEST = 256  # nodes above one
_MODES = {1: "lines", 2: "lines", 3: "lines", 4: "triangles", 5: "triangles", 6: "triangles"}
# What may be required of a reader, as it changes nothing about points.
_HARMLESS = ("KHR_materials_", "KHR_texture_", "EXT_texture_", "KHR_lights_", "KHR_mesh_quantization")
_OTHERS = (
    ("animations", "animation"),
    ("cameras", "camera"),
    ("materials", "material"),
    ("images", "image"),
    ("skins", "skin"),
)


@dataclass(frozen=True)
class Placed:
    """A primitive of points, and where one of the nodes puts it.

    Attributes:
        primitive: as the JSON has it.
        name: which it is, for messages.
        matrix: (4, 4) float64, from its own frame to the scene's.
    """

    primitive: dict[str, Any]
    name: str
    matrix: Array

    @property
    def splats(self) -> dict[str, Any] | None:
        """What it says of its Gaussians; None where it has points alone."""
        found: dict[str, Any] | None = self.primitive.get("extensions", {}).get(SPLATS)
        return found


def placed(file: Gltf) -> tuple[list[Placed], list[str]]:
    """The primitives that are read, those of splats if there are any, else those of points; and notes.

    The scene is the one that the file shows first; without scenes it is every node, and without nodes every
    mesh where it is.

    Raises:
        InputError: it has none, or needs what is not read.
    """
    required = file.json.get("extensionsRequired", [])
    unknown = [n for n in required if n not in (SPLATS, *PACKED) and not n.startswith(_HARMLESS)]
    if unknown:
        raise InputError(f"needs the extension {unknown[0]:.60}, which is not read", path=file.path)
    found, left, held = [], Counter[str](), 0
    for mesh, matrix in _meshes(file):
        for number, primitive in enumerate(file.item("meshes", mesh)["primitives"]):
            mode = primitive.get("mode", 4)
            if mode == POINTS:
                found.append(Placed(primitive, f"primitive {number} of mesh {mesh}", matrix))
                held += len(primitive["attributes"])
            else:
                left[_MODES[mode]] += 1
            if len(found) + left.total() > MOST_PLACED or held > MOST_ATTRIBUTES:
                what = f"places more than {MOST_PLACED:,} primitives, or {MOST_ATTRIBUTES:,} attributes"
                raise InputError(f"{what}, which no scene does", path=file.path)
    splats = [one for one in found if one.splats is not None]
    chosen = splats or found
    if not chosen:
        why = f"its {counted(left.total(), 'primitive')} are lines or triangles" if left else "it is empty"
        raise InputError(f"holds no splats and no points: {why}", path=file.path)
    if len(chosen) < len(found):
        left["points"] = len(found) - len(chosen)
    others = [counted(left[kind], f"primitive of {kind}", f"primitives of {kind}") for kind in left]
    others += [counted(len(file.json[key]), one) for key, one in _OTHERS if file.json.get(key)]
    if (scenes := len(file.json.get("scenes", []))) > 1:
        others.append(counted(scenes - 1, "other scene"))
    return chosen, [f"left out: {', '.join(others)}"] if others else []


def _meshes(file: Gltf) -> list[tuple[Any, Array]]:
    """The number of each mesh that is placed, and its matrix."""
    nodes, scenes = file.json.get("nodes", []), file.json.get("scenes", [])
    if scenes:
        roots = file.item("scenes", file.json.get("scene", 0)).get("nodes", [])
    else:
        below = {child for node in nodes for child in node.get("children", [])}
        roots = [number for number in range(len(nodes)) if number not in below]
    if not nodes:
        return [(number, np.eye(4)) for number in range(min(len(file.json["meshes"]), MOST_PLACED + 1))]
    above: dict[int, int | None] = dict.fromkeys(roots)
    todo: list[Any] = list(reversed(above))
    out: list[tuple[Any, Array]] = []
    while todo and len(out) <= MOST_PLACED:
        number = todo.pop()
        node = file.item("nodes", number)
        if "mesh" in node:
            out.append((node["mesh"], _global(file, above, number)))
        for child in reversed(node.get("children", [])):
            if child in above:
                raise ValueError(f"node {child!r:.20} is below two others")
            above[child] = number
            todo.append(child)
    return out


def _global(file: Gltf, above: dict[int, int | None], number: int) -> Array:
    """(4, 4) the product of a node's matrix and those above it."""
    out, at = np.eye(4), number
    for _ in range(_DEEPEST):
        out = _product(_local(file.item("nodes", at)), out)
        parent = above[at]
        if parent is None:
            return out
        at = parent
    raise ValueError(f"node {number} is more than {_DEEPEST} levels down")


def _local(node: dict[str, Any]) -> Array:
    """(4, 4) a node's own matrix."""
    if "matrix" in node:
        matrix = np.array(node["matrix"], np.float64).reshape(4, 4).T
    else:
        matrix = np.eye(4)
        x, y, z, w = (float(value) for value in node.get("rotation", (0, 0, 0, 1)))
        length = x * x + y * y + z * z + w * w
        s = 2.0 / length if length > 0 else 0.0
        turn = [
            [1 - s * (y * y + z * z), s * (x * y - z * w), s * (x * z + y * w)],
            [s * (x * y + z * w), 1 - s * (x * x + z * z), s * (y * z - x * w)],
            [s * (x * z - y * w), s * (y * z + x * w), 1 - s * (x * x + y * y)],
        ]
        matrix[:3, :3] = np.array(turn) * np.array(node.get("scale", (1, 1, 1)), np.float64).reshape(3)
        matrix[:3, 3] = np.array(node.get("translation", (0, 0, 0)), np.float64).reshape(3)
    if not np.isfinite(matrix).all() or not np.array_equal(matrix[3], (0, 0, 0, 1)):
        raise ValueError("a node whose matrix makes no sense")
    return matrix


def _product(one: Array, other: Array) -> Array:
    """The product of two matrices, added up in one order, which BLAS does not promise."""
    product: Array = (one[:, :, None] * other[None]).sum(axis=1)
    return product
