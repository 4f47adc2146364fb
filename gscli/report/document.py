"""The JSON documents that commands print: what all of them have in common."""

from __future__ import annotations

import json
import math
import os
from typing import Any

from .. import files
from ..version import __version__


def document(schema: str, **content: Any) -> dict[str, Any]:
    """A document with its schema (``gscli/NAME/VERSION``) and the tool's version first."""
    return {"schema": schema, "version": __version__, **content}


def dumps(content: dict[str, Any]) -> str:
    """JSON text; numbers that do not exist (NaN, infinity) become null."""
    return json.dumps(finite(content), indent=2, allow_nan=False)


def write(path: str | os.PathLike[str], content: dict[str, Any], *, overwrite: bool) -> None:
    """Write a document to a file, or to stdout for ``-``."""
    with files.replacing(path, overwrite=overwrite) as stream:
        stream.write(dumps(content).encode() + b"\n")


def seconds(timings: dict[str, float]) -> dict[str, float]:
    """Stage timings rounded to tenths of a millisecond."""
    return {stage: round(value, 4) for stage, value in timings.items()}


def percent(share: float, digits: int = 2) -> str:
    """A share as a percentage, rounded; never to everything of less than all, nor to nothing of some."""
    rounded, least = f"{share:.{digits}%}", f"{10**-digits:.{digits}f}%"
    if share < 1 and rounded.startswith("100"):
        return f"{100 - 10**-digits:.{digits}f}%"
    return f"<{least}" if share > 0 and not rounded.strip("0.%") else rounded


def fraction(share: float, digits: int) -> str:
    """A share from 0 to 1 to so many digits; 1 is all and nothing less."""
    rounded = f"{share:.{digits}g}"
    return f"{1 - 10**-digits:.{digits}f}" if share < 1 and float(rounded) == 1 else rounded


def size(count: int) -> str:
    """Bytes for people: ``12.3 MB``."""
    value, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if float(f"{value:.3g}") < 1000:
            break
        value, unit = value / 1000, larger
    return f"{value:.3g} {unit}"


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
