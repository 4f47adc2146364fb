"""Points as comma- or semicolon-separated values, with or without a line of names.

Numbers are printed with all the digits of their value, and are read as double.
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
from . import _text, _text_preamble
from ._blocks import Chosen
from ._format import Format, Loss, Writer


def sniff(head: bytes) -> bool:
    start = _text_preamble.sniffed(head)
    return start is not None and start.delimiter is not None


def read(path: Path) -> GaussianCloud:
    """Read separated values.

    Raises:
        InputError: something else than three or more numbers on each line.
    """
    rows, comments = _text.read(path, "CSV")
    return GaussianCloud(rows, Header("csv", comments))


def write(
    path: str | os.PathLike[str],
    cloud: GaussianCloud,
    *,
    overwrite: bool = False,
    index: npt.NDArray[Any] | None = None,
    advance: Callable[[int], object] = nothing,
) -> None:
    """Write a line of names and one for each point."""
    with writing.replacing(path, overwrite=overwrite) as stream:
        stream.write(",".join(_text.names_kept(cloud)).encode("utf-8", "surrogateescape") + b"\n")
        _text.write_rows(stream, Chosen.of(cloud, index), ",", advance)


def unsupported(cloud: GaussianCloud) -> list[Loss]:
    """Comments, and columns that text cannot hold."""
    return [*_text.unsupported(cloud), *Loss.comments(cloud)]


FORMAT = Format(
    "csv",
    "CSV, with or without names; commas or semicolons",
    (".csv",),
    sniff,
    read,
    Writer(write, unsupported),
    is_cloud=_text_preamble.is_cloud,
)
