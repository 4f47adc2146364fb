"""The JSON documents that commands print and results give: what all of them have in common."""

from __future__ import annotations

import json
import math
import os
from typing import Any

from ..files import writing
from ..version import __version__


def document(schema: str, **content: Any) -> dict[str, Any]:
    """A document in JSON's own types, its schema (``gscli/NAME/VERSION``) and the tool's version first."""
    plain: dict[str, Any] = finite({"schema": schema, "version": __version__, **content})
    return plain


def dumps(content: dict[str, Any], *, indent: int | None = 2) -> str:
    """A document as JSON text."""
    return json.dumps(content, indent=indent, allow_nan=False)


def write(path: str | os.PathLike[str], content: dict[str, Any], *, overwrite: bool) -> None:
    """Write a document to a file, or to stdout for ``-``."""
    with writing.replacing(path, overwrite=overwrite) as stream:
        stream.write(dumps(content).encode() + b"\n")


def seconds(timings: dict[str, float]) -> dict[str, float]:
    """Stage timings rounded to tenths of a millisecond."""
    return {stage: round(value, 4) for stage, value in timings.items()}


def finite(value: Any) -> Any:
    """The same value with null for every number that is not finite, and plain numbers for NumPy's."""
    if isinstance(value, dict):
        return {str(k): finite(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(v) for v in value]
    if hasattr(value, "item"):  # a NumPy number
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
