"""glTF 2.0 files, binary (.glb) and as JSON (.gltf): their JSON, buffers and accessors, checked.

What an accessor holds is a view of the mapped file wherever it lies there as it is. Buffers within the JSON
(data URIs) are cut out before it is parsed, so that it is as short as any scene's; those beside the file are
taken from its folder or one in it.
"""

from __future__ import annotations

import binascii
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from . import glb
from .bytes import MAX_JSON, mapped, parsed, table

Array = npt.NDArray[Any]

FLOAT = 5126
TYPES = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", FLOAT: "<f4"}  # of components
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4}
_OPEN = re.compile(r"/dev/(fd/)?[^/]+|/proc/[^/]+/fd/[^/]+")
_ALONE = "out of a zip or pipe it is read alone: unpack the zip first, or name the file"
MOST_BUFFERS = 1000  # more are not counted
_WITHIN = re.compile(rb'"data:[^",]{0,100};base64,([A-Za-z0-9+/=\\]*)"')  # a solidus may be escaped


@dataclass(frozen=True)
class Accessor:
    """Numbers of a file, a row for each point.

    Attributes:
        stored: (N, width) as they are stored; a view where that is possible.
        full: what 1 is stored as, where integers are normalised.
    """

    stored: Array
    full: float | None = None

    def numbers(self, part: slice) -> Array:
        """(rows, width) what is meant by some rows: float64 of normalised integers, else as stored."""
        stored = self.stored[part]
        return stored if self.full is None else np.maximum(stored / self.full, -1.0)


@dataclass(frozen=True)
class Gltf:
    """A file of one of the two kinds.

    Attributes:
        path: the file. json: what it says. data: its bytes, mapped.
        body: where in them the buffer of a .glb lies.
        within: where in them the buffers lie that its JSON has in base64.
    """

    path: Path
    json: dict[str, Any]
    data: npt.NDArray[np.uint8]
    body: slice | None
    within: list[tuple[int, int]]

    @classmethod
    def open(cls, path: Path) -> Gltf:
        """The file at a path; to be called and used within `malformed`.

        Raises:
            InputError: no glTF 2.0, cut short or too long.
        """
        data = mapped(path)
        if data[:4].tobytes() == glb.MAGIC:
            text, body = glb.chunks(path, data)
            found = cls(path, parsed(text), data, body, [])
        else:
            within = [match.span(1) for match in _WITHIN.finditer(data.data)]
            found = cls(path, parsed(_without(data, within)), data, None, within)
        version = found.json["asset"]["version"]
        if not isinstance(version, str) or not version.startswith("2."):
            raise InputError(f"is glTF {version!r:.20}; 2.0 is read", path=path)
        return found

    @property
    def size(self) -> int:
        """The bytes that it is made of, those of the buffers beside it included."""
        names = {entry.get("uri") for entry in self.json.get("buffers", [])[:MOST_BUFFERS]}
        size = len(self.data)
        for uri in names:
            if isinstance(uri, str) and not uri.startswith("data:"):
                with suppress(OSError):
                    size += self._beside_it(uri).stat().st_size
        return size

    @cached_property
    def _beside(self) -> dict[int, npt.NDArray[np.uint8]]:
        """Buffers that are no part of the file as it lies on the disk, by their number."""
        return {}

    def item(self, kind: str, number: Any) -> dict[str, Any]:
        """One of a list of objects in the JSON.

        Raises:
            ValueError: it is not there.
        """
        found = self.json.get(kind, [])
        if type(number) is not int or not 0 <= number < len(found) or not isinstance(found[number], dict):
            raise ValueError(f"there is no {number!r:.20} among its {kind}")
        entry: dict[str, Any] = found[number]
        return entry

    def count(self, number: Any) -> int:
        """How many rows an accessor claims."""
        return natural(self.item("accessors", number), "count")

    def view(self, number: Any) -> tuple[npt.NDArray[np.uint8], int]:
        """The bytes of a buffer view, and how far apart its items begin; 0 for as close as they can."""
        entry = self.item("bufferViews", number)
        packed = [name for name in entry.get("extensions", {}) if "compression" in name]
        if packed:
            raise InputError(f"is packed by {packed[0]:.60}, which is not read", path=self.path)
        start, length = natural(entry, "byteOffset", 0), natural(entry, "byteLength")
        what = "bytes of a buffer view"
        return table(self._buffer(entry["buffer"]), "u1", length, start, self.path, what), natural(
            entry, "byteStride", 0
        )

    def accessor(self, number: Any) -> Accessor:
        """What an accessor holds, with the values that replace some of it (sparse) in place.

        Raises:
            InputError: it reaches beyond its buffer. ValueError: of no type that points have.
        """
        entry = self.item("accessors", number)
        kind, width = np.dtype(TYPES[entry["componentType"]]), WIDTHS[entry["type"]]
        count = natural(entry, "count")
        if "bufferView" in entry:
            stored = self._items(entry, kind, width, count)
        else:
            stored = np.broadcast_to(np.zeros((1, width), kind), (count, width))
        if "sparse" in entry:
            stored = self._replaced(stored, entry["sparse"])
        full = None
        if entry.get("normalized") is True and kind.kind in "iu":
            full = float(np.iinfo(kind).max)
        return Accessor(stored, full)

    def _replaced(self, stored: Array, sparse: dict[str, Any]) -> Array:
        """A copy with some rows exchanged."""
        count, place = natural(sparse, "count"), sparse["indices"]
        if count > len(stored):
            raise ValueError("a sparse accessor with more values than it has rows")
        rows = self._items(place, np.dtype(TYPES[place["componentType"]]), 1, count)[:, 0]
        if rows.dtype.kind != "u" or (count and int(rows.max()) >= len(stored)):
            raise ValueError("a sparse accessor whose rows are not there")
        out = stored.copy()
        out[rows] = self._items(sparse["values"], stored.dtype, stored.shape[1], count)
        return out

    def _items(self, entry: dict[str, Any], kind: np.dtype[Any], width: int, count: int) -> Array:
        """(count, width) numbers of a buffer view."""
        held, step = self.view(entry["bufferView"])
        start, size = natural(entry, "byteOffset", 0), kind.itemsize * width
        step = step or size
        if step < size:
            raise ValueError("a buffer view whose items overlap")
        if count:
            table(held, "u1", start + (count - 1) * step + size, 0, self.path, "bytes of a buffer view")
        else:
            start = 0
        return np.ndarray((count, width), kind, held, offset=start, strides=(step, kind.itemsize))

    def _buffer(self, number: Any) -> npt.NDArray[np.uint8]:
        entry = self.item("buffers", number)
        length = natural(entry, "byteLength")
        if "uri" not in entry:
            if number != 0 or self.body is None:
                raise ValueError(f"buffer {number} has no data")
            held = self.data[self.body]
        else:
            if number not in self._beside:
                self._beside[number] = self._fetched(entry["uri"])
            held = self._beside[number]
        return table(held, "u1", length, 0, self.path, f"bytes of buffer {number}")

    def _fetched(self, uri: Any) -> npt.NDArray[np.uint8]:
        """The buffer of a URI: one cut out of the JSON, or the name of a file beside this one."""
        if not isinstance(uri, str):
            raise ValueError("a buffer whose URI is no text")
        if uri.startswith("data:"):
            start, stop = self.within[int(uri.removeprefix("data:"))]
            text = self.data[start:stop].tobytes().replace(b"\\/", b"/")
            return np.frombuffer(binascii.a2b_base64(text), np.uint8)
        place = self._beside_it(uri)
        try:
            return mapped(place)
        except InputError as error:
            raise InputError(f"its buffer {place.name:.60}: {error.what}", path=self.path) from None

    def _beside_it(self, uri: str) -> Path:
        """The file of a relative URI, in the folder of this one or in one below."""
        name = unquote(uri)
        parts = re.split(r"[/\\]", name)
        if ":" in name or "\0" in name or ".." in parts or parts[0] == "":
            raise InputError(f"names a buffer outside of its folder: {name!r:.60}", path=self.path)
        if _OPEN.fullmatch(str(self.path)):  # beside it are the files that this process has open
            raise InputError(f"has its buffer {name!r:.60} in another file", path=self.path, remedy=_ALONE)
        return self.path.parent / name


def natural(entry: dict[str, Any], key: str, default: int | None = None) -> int:
    """A number from 0 on that an object of the JSON has.

    Raises:
        ValueError: it has none, or something else.
    """
    value = entry.get(key, default)
    if type(value) is not int or not 0 <= value < 1 << 53:
        raise ValueError(f"{key} is {value!r:.20}")
    return value


def printed(document: dict[str, Any]) -> bytes:
    """The JSON of a file, in ASCII."""
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii")


def _without(data: npt.NDArray[np.uint8], within: list[tuple[int, int]]) -> bytes:
    """JSON with a number in place of each buffer in base64."""
    if len(data) - sum(stop - start for start, stop in within) > MAX_JSON:
        raise ValueError(f"more than {MAX_JSON:,} bytes of JSON")
    out, at = bytearray(), 0
    for number, (start, stop) in enumerate(within):
        out += data[at:start].tobytes()
        del out[out.rindex(b"data:") + 5 :]
        out += b"%d" % number
        at = stop
    return bytes(out + data[at:].tobytes())
