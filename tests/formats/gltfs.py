"""glTF files made by hand, as other writers make them: quantised, strided, sparse, below nodes, packed."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path

import numpy as np

from gscli import fields, formats
from gscli.cloud import GaussianCloud

PREFIX = "KHR_gaussian_splatting:"
SPLATS = {"kernel": "ellipse", "colorSpace": "srgb_rec709_display"}
CODES = {"i1": 5120, "u1": 5121, "i2": 5122, "u2": 5123, "u4": 5125, "f4": 5126}
KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}


class Maker:
    """A document and its one buffer, which grow together."""

    def __init__(self) -> None:
        self.body = b""
        self.json: dict = {"asset": {"version": "2.0"}, "accessors": [], "bufferViews": [], "meshes": []}

    def view(self, data: bytes, step: int | None = None) -> int:
        """A buffer view of new bytes."""
        self.json["bufferViews"].append({"buffer": 0, "byteOffset": len(self.body), "byteLength": len(data)})
        if step:
            self.json["bufferViews"][-1]["byteStride"] = step
        self.body += data + bytes(-len(data) % 4)
        return len(self.json["bufferViews"]) - 1

    def accessor(self, values: np.ndarray, *, normalized: bool = False, step: int = 0, **more) -> int:
        """An accessor of (N, width) numbers in their type, `step` bytes apart."""
        values = np.atleast_2d(values.T).T
        size = values.itemsize * values.shape[1]
        step = max(step, -(-size // 4) * 4)
        padded = np.zeros((len(values), step), np.uint8)
        padded[:, :size] = np.ascontiguousarray(values).view(np.uint8).reshape(len(values), size)
        entry = {
            "bufferView": self.view(padded.tobytes(), None if step == size else step),
            "componentType": CODES[values.dtype.str[1:]],
            "count": len(values),
            "type": KINDS[values.shape[1]],
            **({"normalized": True} if normalized else {}),
            **more,
        }
        self.json["accessors"].append(entry)
        return len(self.json["accessors"]) - 1

    def mesh(self, attributes: dict[str, int], splats: dict | None = None, mode: int = 0) -> int:
        """A mesh of one primitive."""
        primitive: dict = {"attributes": attributes, "mode": mode}
        if splats is not None:
            primitive["extensions"] = {"KHR_gaussian_splatting": dict(splats)}
        self.json["meshes"].append({"primitives": [primitive]})
        return len(self.json["meshes"]) - 1

    def show(self, *nodes: dict) -> None:
        """One scene of all the nodes that are below no other."""
        below = {child for node in nodes for child in node.get("children", [])}
        roots = [number for number in range(len(nodes)) if number not in below]
        self.json |= {"nodes": list(nodes), "scenes": [{"nodes": roots}], "scene": 0}

    def save(self, path: Path, *, chunks: bool = True) -> Path:
        """As a .glb; or, without chunks, as JSON with the buffer in it."""
        document = {**self.json, "buffers": [{"byteLength": len(self.body)}]}
        if not chunks:
            text = base64.b64encode(self.body).decode()
            document["buffers"][0]["uri"] = f"data:application/octet-stream;base64,{text}"
            path.write_text(json.dumps(document, indent=1))
            return path
        return save_glb(path, document, self.body)


def save_glb(path: Path, document: object, body: bytes) -> Path:
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    text += b" " * (-len(text) % 4)
    body += bytes(-len(body) % 4)
    head = struct.pack("<4sIIII", b"glTF", 2, 28 + len(text) + len(body), len(text), 0x4E4F534A)
    path.write_bytes(head + text + struct.pack("<II", len(body), 0x004E4942) + body)
    return path


def splats(maker: Maker, cloud: GaussianCloud, degree: int) -> dict[str, int]:
    """The attributes of splats in the frame of the cloud, float32, what they mean computed in float64."""

    def put(names, convert=lambda v: v) -> int:
        return maker.accessor(convert(cloud.columns(names).T.astype(np.float64)).astype("<f4"))

    out = {"POSITION": put(fields.POSITION), f"{PREFIX}SH_DEGREE_0_COEF_0": put(fields.SH_DC)}
    out[f"{PREFIX}OPACITY"] = put((fields.OPACITY,), lambda v: 1 / (1 + np.exp(-v)))
    out[f"{PREFIX}SCALE"] = put(fields.SCALE, np.exp)
    unit = lambda v: v / np.linalg.norm(v, axis=1, keepdims=True)  # noqa: E731
    out[f"{PREFIX}ROTATION"] = put((*fields.ROTATION[1:], fields.ROTATION[0]), unit)
    width, place = (degree + 1) ** 2 - 1, 0
    for order in range(1, degree + 1):
        for number in range(2 * order + 1):
            names = [f"f_rest_{channel * width + place}" for channel in range(3)]
            out[f"{PREFIX}SH_DEGREE_{order}_COEF_{number}"] = put(names)
            place += 1
    return out


def embedded(path: Path, cloud: GaussianCloud) -> Path:
    """Two meshes of splats, of degree 1 and 0, below turned nodes, with a buffer in base64."""
    maker = Maker()
    first = maker.mesh(splats(maker, cloud.take(slice(0, 20)), 1), SPLATS)
    second = maker.mesh(splats(maker, cloud.take(slice(20, None)), 0), SPLATS)
    turned = {"rotation": [0, 0.6, 0, 0.8], "scale": [2, 2, 2], "mesh": first}
    maker.show({"children": [1, 2], "translation": [1, 2, 3]}, turned, {"mesh": second})
    return maker.save(path, chunks=False)


def quantised(path: Path, cloud: GaussianCloud) -> Path:
    """Integers wherever the extension has them, strides, a sparse accessor, an attribute of one's own."""
    maker = Maker()
    out = splats(maker, cloud, 0)
    n, rng = len(cloud), np.random.default_rng(0)
    rotations = np.rint(rng.uniform(-1, 1, (n, 4)) * 32767).astype("<i2")
    out[f"{PREFIX}ROTATION"] = maker.accessor(rotations, normalized=True, step=12)
    out[f"{PREFIX}SCALE"] = maker.accessor(rng.integers(0, 65536, (n, 3)).astype("<u2"), normalized=True)
    out[f"{PREFIX}OPACITY"] = maker.accessor(rng.integers(0, 256, n).astype("u1"), normalized=True)
    out["_LABEL"] = maker.accessor(rng.integers(0, 9, n).astype("<u2"))
    rows, values = np.array([1, 5, 7], "<u2"), np.full((3, 3), 0.5, "<f4")
    maker.json["accessors"][out["POSITION"]]["sparse"] = {
        "count": 3,
        "indices": {"bufferView": maker.view(rows.tobytes()), "componentType": 5123},
        "values": {"bufferView": maker.view(values.tobytes())},
    }
    maker.show({"mesh": maker.mesh(out, SPLATS)})
    return maker.save(path)


def packed(path: Path, spz: Path, *, kernel: bool = True, version: str = "_2") -> Path:
    """Splats in SPZ, as the extension packs them or, without a kernel, as its drafts did."""
    maker = Maker()
    view = maker.view(spz.read_bytes())
    name = f"KHR_gaussian_splatting_compression_spz{version}"
    about = {**(SPLATS if kernel else {}), "extensions": {name: {"bufferView": view}}}
    maker.show({"mesh": maker.mesh({}, about)})
    maker.json["extensionsRequired"] = ["KHR_gaussian_splatting", name]
    return maker.save(path)


def make(folder: Path, cloud: GaussianCloud) -> dict[str, Path]:
    """Samples of what gscli itself does not write."""
    spz = folder / "within.spz"
    formats.write(spz, cloud, allow_lossy=True, overwrite=True)
    return {
        "gltf-embedded": embedded(folder / "gltf-embedded.gltf", cloud),
        "gltf-quantised": quantised(folder / "gltf-quantised.glb", cloud),
        "gltf-packed": packed(folder / "gltf-packed.glb", spz),
    }
