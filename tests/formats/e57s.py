"""E57 files made by libE57Format, as scanners' programs make them, and by hand, as no program does."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

PAGE, USABLE = 1024, 1020


@dataclass
class Scan:
    """A scan to be written.

    Attributes:
        columns: by field its values; float32 and float64 are stored so, integers within their limits.
        scaled: by field the scale and the offset of those that are stored as scaled integers.
        limits: by field, the limits of integers, if not those of the values.
        colours: what black and white are. pose: translation, and rotation (w x y z) if there is one.
    """

    columns: Mapping[str, Any]
    name: str = ""
    scaled: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    limits: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    colours: tuple[float, float] | None = None
    pose: tuple[tuple[float, ...], tuple[float, ...] | None] | None = None


def write(path: Path, *scans: Scan, system: str = "", pictures: int = 0) -> Path:
    """Write scans to a file, with the same GUID for all."""
    from pye57 import libe57

    file = libe57.ImageFile(str(path), "w")
    file.extensionsAdd("", libe57.E57_V1_0_URI)
    file.extensionsAdd("nor", "http://www.libe57.org/E57_NOR_surface_normals.txt")
    root, many = file.root(), libe57.VectorNode(file, True)
    root.set("formatName", libe57.StringNode(file, "ASTM E57 3D Imaging Data File"))
    root.set("guid", libe57.StringNode(file, "{0}"))
    root.set("versionMajor", libe57.IntegerNode(file, 1))
    root.set("versionMinor", libe57.IntegerNode(file, 0))
    root.set("coordinateMetadata", libe57.StringNode(file, system))
    root.set("data3D", many)
    images = libe57.VectorNode(file, True)
    for _ in range(pictures):
        images.append(libe57.StructureNode(file))
    root.set("images2D", images)
    for scan in scans:
        _append(libe57, file, many, scan)
    file.close()
    return path


def _append(libe57: Any, file: Any, many: Any, scan: Scan) -> None:
    def floats(values: Mapping[str, float]) -> Any:
        node = libe57.StructureNode(file)
        for name, value in values.items():
            node.set(name, libe57.FloatNode(file, float(value)))
        return node

    node, prototype = libe57.StructureNode(file), libe57.StructureNode(file)
    node.set("guid", libe57.StringNode(file, "{1}"))
    if scan.name:
        node.set("name", libe57.StringNode(file, scan.name))
    if scan.colours:
        ends = dict(zip(("Minimum", "Maximum"), scan.colours, strict=True))
        limits = {f"color{c}{end}": ends[end] for c in ("Red", "Green", "Blue") for end in ends}
        node.set("colorLimits", floats(limits))
    if scan.pose:
        pose, (moved, turned) = libe57.StructureNode(file), scan.pose
        node.set("pose", pose)
        pose.set("translation", floats(dict(zip("xyz", moved, strict=True))))
        if turned:
            pose.set("rotation", floats(dict(zip("wxyz", turned, strict=True))))
    buffers, arrays = libe57.VectorSourceDestBuffer(), []
    for name, values in scan.columns.items():
        array = np.asarray(values)
        if name in scan.scaled:
            scale, offset = scan.scaled[name]
            stored = np.rint((array - offset) / scale)
            low, high = int(stored.min()), int(stored.max())
            prototype.set(name, libe57.ScaledIntegerNode(file, low, low, high, scale, offset))
            array = array.astype(np.float64)
        elif array.dtype.kind == "f":
            kind = libe57.E57_SINGLE if array.dtype == np.float32 else libe57.E57_DOUBLE
            prototype.set(name, libe57.FloatNode(file, 0.0, kind))
        else:
            low, high = scan.limits.get(name) or (int(array.min()), int(array.max()))
            prototype.set(name, libe57.IntegerNode(file, low, low, high))
            array = array.astype(np.longlong)
        arrays.append(array)
        buffers.append(libe57.SourceDestBuffer(file, name, array, max(1, len(array)), True, True))
    points = libe57.CompressedVectorNode(file, prototype, libe57.VectorNode(file, True))
    node.set("points", points)
    many.append(node)
    writer = points.writer(buffers)
    if len(arrays[0]):
        writer.write(len(arrays[0]))
    writer.close()


def xyz(values: Any) -> dict[str, Any]:
    """(N, 3) positions as fields."""
    return {f"cartesian{axis}": np.ascontiguousarray(values[:, i]) for i, axis in enumerate("XYZ")}


def sample(path: Path, points: Any) -> Path:
    """Positions as scaled integers of two scans, with colours and intensity."""
    half = len(points) // 2
    scans = []
    for name, part in (("a", points[:half]), ("b", points[half:])):
        n = np.arange(len(part))
        columns = xyz(part.astype(np.float64)) | {"intensity": (n / 8).astype(np.float32)}
        columns |= {f"color{c}": n % 256 for c in ("Red", "Green", "Blue")}
        grid = {f"cartesian{axis}": (0.001, 0.0) for axis in "XYZ"}
        scans.append(Scan(columns, name, grid, colours=(0, 255), pose=((1.0, 2.0, 3.0), (0.8, 0, 0.6, 0))))
    return write(path, *scans)


_TABLE = [0] * 256
for _byte in range(256):
    _found = _byte
    for _ in range(8):
        _found = _found >> 1 ^ (0x82F63B78 if _found & 1 else 0)
    _TABLE[_byte] = _found


def crc(page: bytes) -> int:
    """CRC-32C."""
    found = 0xFFFFFFFF
    for byte in page:
        found = found >> 8 ^ _TABLE[(found ^ byte) & 255]
    return found ^ 0xFFFFFFFF


def unpaged(data: bytes) -> bytes:
    """What is in the pages of a file beside their checksums."""
    return b"".join(data[i : i + USABLE] for i in range(0, len(data), PAGE))


def paged(body: bytes) -> bytes:
    """A file of pages with right checksums, whose header says how long it is."""
    body += bytes(-len(body) % USABLE)
    body = body[:16] + struct.pack("<Q", len(body) // USABLE * PAGE) + body[24:]
    pages = [body[i : i + USABLE] for i in range(0, len(body), USABLE)]
    return b"".join(page + struct.pack(">I", crc(page)) for page in pages)


def xml(body: bytes) -> slice:
    """Where the XML is in what `unpaged` gives, which it ends."""
    at, length = struct.unpack_from("<2Q", body, 24)
    start = at // PAGE * USABLE + at % PAGE
    return slice(start, start + length)


def with_xml(data: bytes, edit: Callable[[bytes], bytes]) -> bytes:
    """The bytes of a file whose XML is another."""
    body = unpaged(data)
    text = edit(body[xml(body)])
    body = body[:32] + struct.pack("<Q", len(text)) + body[40 : xml(body).start] + text
    return paged(body)


def alone(text: bytes) -> bytes:
    """A file of XML without points."""
    return paged(struct.pack("<8s2I4Q", b"ASTM-E57", 1, 0, 0, 48, len(text), PAGE) + text)
