"""The body of a binary PLY file: where its elements lie. Rows stay where they are."""

from __future__ import annotations

import mmap
import struct
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from ..cloud import GaussianCloud
from ..errors import InputError
from ..kernels.structured import FileMap
from ._ply_header import Element, PlyHeader
from ._ply_size import require_room, wrong_size

Bytes = npt.NDArray[np.uint8]


def read_body(stream: BinaryIO, header: PlyHeader, body: int) -> tuple[npt.NDArray[Any], Bytes, Bytes]:
    """Map the vertices, the bytes before them and the bytes after them.

    Costs nothing per row, except for elements with lists, whose extent only their content tells.

    Args:
        stream: at the first byte after the header.
        header: what the body holds.
        body: bytes from there to the end of the file.

    Raises:
        InputError: the body is shorter or longer than its header says.
    """
    require_room(header, body)
    start = stream.tell()
    mapping = FileMap.of(stream)
    spans = {}
    position = start
    for element in header.elements:
        stop = _end_of(element, header.order, mapping, position)
        if stop > len(mapping):
            raise wrong_size(body, stop - start, exact=False)
        spans[element.name] = (position, stop)
        position = stop
    if position != len(mapping):
        raise wrong_size(body, position - start, exact=True)
    first, last = spans["vertex"]
    byte = np.dtype(np.uint8)
    return (
        _mapped(mapping, header.vertex.dtype(header.order), first, last),
        _mapped(mapping, byte, start, first),
        _mapped(mapping, byte, last, len(mapping)),
    )


def _mapped(mapping: mmap.mmap, dtype: np.dtype[Any], start: int, stop: int) -> npt.NDArray[Any]:
    if start == stop:
        return np.empty(0, dtype)  # frombuffer refuses an empty range at the end
    return np.frombuffer(mapping, dtype, (stop - start) // dtype.itemsize, start)


def _end_of(element: Element, order: str, mapping: mmap.mmap, start: int) -> int:
    """Where an element that starts at `start` ends; beyond the mapping if the file is too short."""
    if not element.has_lists or not element.count:
        return start + element.count * element.least_bytes
    if _walk(element, order, mapping, start, 1) > len(mapping):
        return len(mapping) + 1
    stop = _end_if_alike(element, order, mapping, start)
    return _walk(element, order, mapping, start, element.count) if stop is None else stop


def _end_if_alike(element: Element, order: str, mapping: mmap.mmap, start: int) -> int | None:
    """The end, if every row has lists as long as the first row's, as in a mesh of triangles."""
    fields: list[Any] = []
    position = start
    for number, prop in enumerate(element.properties):
        shape: tuple[int, ...] = ()
        if prop.length:
            counter = np.dtype(order + prop.length)
            fields.append((f"length{number}", counter))
            shape = (int(np.frombuffer(mapping, counter, 1, position)[0]),)
            position += counter.itemsize
        fields.append((f"value{number}", order + prop.code, shape))
        position += np.dtype(prop.code).itemsize * (shape[0] if shape else 1)
    stop = start + element.count * (position - start)
    if stop > len(mapping) or position - start > np.iinfo(np.int32).max:  # the largest row NumPy knows
        return None
    table = GaussianCloud(_mapped(mapping, np.dtype(fields), start, stop))
    lengths = [name for name in table.fields if name.startswith("length")]
    alike = all((block[n] == table.rows[n][0]).all() for _, block in table.blocks() for n in lengths)
    return stop if alike else None


def _walk(element: Element, order: str, mapping: mmap.mmap, start: int, count: int) -> int:
    """Step over `count` rows, list by list; stops soon after the end of the mapping."""
    steps: list[tuple[int, struct.Struct, int]] = []  # bytes to skip, form of the length, bytes per entry
    skip = 0
    for prop in element.properties:
        if prop.length:
            form = struct.Struct(order + np.dtype(prop.length).char)
            steps.append((skip, form, np.dtype(prop.code).itemsize))
            skip = 0
        else:
            skip += prop.least_bytes
    position = start
    for row in range(count):
        for before, form, size in steps:
            position += before
            if position + form.size > len(mapping):
                return position + form.size
            (length,) = form.unpack_from(mapping, position)
            if length < 0:
                raise InputError(f"row {row} of element {element.name} has a list of {length} entries")
            position += form.size + length * size
        position += skip
    return position
