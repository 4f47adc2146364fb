"""USD, whatever its encoding, as arrays: OpenUSD's own library reads it, in a bounded process of its own.

Its parsers take what a file claims at its word, and end the process they run in over some that are damaged.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from ..files import temporaries
from ..runtime import processes
from .bytes import MAX_JSON, MAX_RATIO, SMALL, mapped, parsed, read_small, table, volume
from .usd_process import ABOUT, VALUES

TEXT, BINARY, PACKAGE = b"#usda ", b"PXR-USDC", b"PK\3\4"
_ROOM = 2 << 30  # bytes of address space for the interpreter, the library and its threads
_COPIES = 48  # of the file, at most, while it is parsed: text takes the most


class Usd:
    """What a USD file shows, see `gscli.containers.usd_process`.

    Attributes:
        path: the file. about: what was found in it.
    """

    def __init__(self, path: Path, about: dict[str, Any], values: npt.NDArray[np.uint8]) -> None:
        self.path, self.about, self._values = path, about, values

    def array(self, place: list[Any]) -> npt.NDArray[Any]:
        """An array that is at a place, (N,) or (N, width)."""
        at, kind, shape = place[:3]
        return table(self._values, kind, volume(shape), at, self.path, "values").reshape(shape)


@contextmanager
def opened(path: Path) -> Iterator[Usd]:
    """Take a USD file apart; its arrays are maps of a temporary file, gone at the end.

    Raises:
        InputError: it is damaged, or makes more of itself than a scene does.
    """
    data = mapped(path)
    with temporaries.folder("gscli-usd") as folder:
        packed = data[:4].tobytes() == PACKAGE
        if packed:
            zipfile.ZipFile(path).close()  # its end is there, which the library does not ask for
        source = folder / ("scene.usdz" if packed else "scene.usd")
        try:
            os.symlink(path.resolve(strict=True), source)
        except OSError:  # spooled stdin, a descriptor of this process alone; or no links here
            source.write_bytes(data.data)
        most, limit = max(SMALL, MAX_RATIO * len(data)), _ROOM + _COPIES * len(data)
        arguments = map(str, (source, folder, most, limit))
        status = processes.run("gscli.containers.usd_process:main", *arguments)
        if status or not (folder / ABOUT).exists():
            what = "has damaged USD data, or asks for more memory than a scene of its size"
            raise InputError(what, path=path, remedy="check that it is intact")
        about = parsed(read_small(folder / ABOUT, MAX_JSON))
        if "error" in about:
            raise ValueError(about["error"])
        values = folder / VALUES
        yield Usd(path, about, mapped(values) if values.stat().st_size else np.empty(0, np.uint8))
