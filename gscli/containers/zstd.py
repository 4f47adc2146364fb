"""The container of SPZ 4: a table of contents and one zstd frame for each stream.

zstandard unpacks them, which has wheels for every Python and is imported for such files alone: Python's
own zstd comes with 3.14.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..runtime import libraries
from .bytes import require_end, table

HEADER_BYTES = 32


def unpack(
    path: Path, data: npt.NDArray[np.uint8], streams: int, sizes: Sequence[int]
) -> tuple[list[npt.NDArray[np.uint8]], bytes]:
    """The streams of a version 4 file and its extension records.

    Args:
        path: the file, for errors.
        data: its bytes.
        streams: how many streams the header claims.
        sizes: the unpacked bytes of each stream, as the header's count implies; empty ones are not stored.

    Raises:
        InputError: the table or a frame says anything else.
        EngineUnavailable: zstandard is missing or broken.
    """
    libraries.require("zstandard", "SPZ version 4", path=path)
    import zstandard

    stored = [size for size in sizes if size]
    if streams != len(stored):
        raise InputError(f"has {streams} streams where {len(stored)} are expected", path=path)
    start = int(table(data, "<u4", 1, 16, path, "header fields")[0])
    if start < HEADER_BYTES:
        raise InputError("has its table of contents inside its header", path=path, remedy="it is damaged")
    contents = table(data, "<u8", 2 * streams, start, path, "table entries").reshape(streams, 2)
    at, out = start + contents.nbytes, []
    for (packed, unpacked), size in zip(contents.tolist(), stored, strict=True):
        frame = table(data, "u1", packed, at, path, "bytes of a stream").tobytes()
        at += packed
        try:
            said = zstandard.frame_content_size(frame)
            if unpacked != size or said not in (size, -1):
                raise InputError(
                    f"has a stream of {max(unpacked, said):,} bytes where its count needs {size:,}", path=path
                )
            window = zstandard.get_frame_parameters(frame).window_size
            if window > max(8 << 20, 2 * size):
                raise InputError("has a zstd window larger than its data", path=path, remedy="it is damaged")
            body = zstandard.ZstdDecompressor().decompress(frame, max_output_size=size)
        except zstandard.ZstdError as error:
            raise ValueError(str(error)) from None
        if len(body) != size:
            raise InputError(f"has a stream of {len(body):,} bytes where {size:,} are expected", path=path)
        out.append(np.frombuffer(body, np.uint8))
    require_end(path, data, at, "its streams")
    parts = iter(out)
    whole = [next(parts) if size else np.empty(0, np.uint8) for size in sizes]
    return whole, data[HEADER_BYTES:start].tobytes()
