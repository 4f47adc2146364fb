"""USD, whatever its encoding, as arrays: OpenUSD's own library reads it, in a bounded process of its own.

Its parsers take what a file claims at its word, and end the process they run in over some that are damaged.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import bounded
from .bounded import Parts
from .bytes import MAX_RATIO, SMALL, mapped

TEXT, BINARY, PACKAGE = b"#usda ", b"PXR-USDC", b"PK\3\4"
_ROOM = 2 << 30  # bytes of address space for the interpreter, the library and its threads
_COPIES = 48  # of the file, at most, while it is parsed: text takes the most


@contextmanager
def opened(path: Path) -> Iterator[Parts]:
    """Take a USD file apart, see `gscli.containers.usd_process`.

    Raises:
        InputError: it is damaged, or makes more of itself than a scene does.
    """
    data = mapped(path)
    packed = data[:4].tobytes() == PACKAGE
    if packed:
        zipfile.ZipFile(path).close()  # its end is there, which the library does not ask for
    name = "scene.usdz" if packed else "scene.usd"
    most, limit = max(SMALL, MAX_RATIO * len(data)), _ROOM + _COPIES * len(data)
    with bounded.taken_apart("gscli.containers.usd_process:main", path, "USD", name, most, limit) as parts:
        yield parts
