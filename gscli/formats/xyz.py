"""Points as text: x y z and further numbers on each line, separated by blanks.

Names of further columns stand in a comment line that starts with ``# x y z``. Numbers are printed
with all the digits of their value, and are read as double.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy.typing as npt

from ..cloud import GaussianCloud, Header
from ..files import writing
from ..progress import nothing
from . import _rows, _text, _text_preamble
from ._blocks import Chosen
from ._format import Format, Loss, Writer


def sniff(head: bytes) -> bool:
    start = _text_preamble.sniffed(head)
    return start is not None and start.delimiter is None


def read(path: Path) -> GaussianCloud:
    """Read lines of numbers.

    Raises:
        InputError: something else than three or more numbers on each line.
    """
    rows, comments = _text.read(path, "lines of numbers")
    return GaussianCloud(rows, Header("xyz", comments))


def write(
    path: str | os.PathLike[str],
    cloud: GaussianCloud,
    *,
    overwrite: bool = False,
    index: npt.NDArray[Any] | None = None,
    advance: Callable[[int], object] = nothing,
) -> None:
    """Write a line for each point; a line of names where it is needed."""
    chosen, names = Chosen.of(cloud, index), _text.names_kept(cloud)
    lines = [f"# {_rows.one_line(comment)}" for comment in cloud.header.comments]
    if names != ("x", "y", "z") or not len(chosen):
        lines.append(f"# {' '.join(names)}")
    with writing.replacing(path, overwrite=overwrite) as stream:
        stream.writelines(line.encode("utf-8", "surrogateescape") + b"\n" for line in lines)
        _text.write_rows(stream, chosen, " ", advance)


def unsupported(cloud: GaussianCloud) -> list[Loss]:
    """Columns that text cannot hold."""
    return _text.unsupported(cloud)


FORMAT = Format(
    "xyz",
    "text, x y z first on each line",
    (".xyz", ".txt", ".pts", ".asc"),
    sniff,
    read,
    Writer(write, unsupported),
    is_cloud=_text_preamble.is_cloud,
)
