"""Arguments of the library that cannot be what they are for, refused in one line by their names."""

from __future__ import annotations

import os
import re
import reprlib
from collections.abc import Iterable
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from .cloud import GaussianCloud, array_of
from .errors import UsageError

PATH = (str, os.PathLike)


def array(values: Any, name: str, kinds: str, wanted: str, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """(N, *shape) values as a NumPy array.

    Args:
        values: what was given for the argument of this name, NumPy or torch.
        kinds: NumPy's letters of the types that will do; wanted: all that is asked for, in words.

    Raises:
        UsageError: another type or shape.
    """
    if isinstance(values, GaussianCloud):
        raise UsageError(f"`{name}` must be {wanted}, not a cloud", remedy="give its .xyz, or a column")
    found = array_of(values, f"`{name}`")
    if found.ndim == 0 or found.shape[1:] != shape or found.dtype.kind not in kinds:
        raise not_numbers(found if isinstance(values, (list, tuple)) else values, name, wanted)
    return found


def not_numbers(found: Any, name: str, wanted: str) -> UsageError:
    """The refusal of what is no array of numbers, or one of another type or shape than is wanted."""
    held = [part for part in ("xyz", "vertices", "points") if np.ndim(getattr(found, part, 0)) == 2]
    held += ["cloud"] if isinstance(getattr(found, "cloud", None), GaussianCloud) else []
    remedy = f"give its .{held[0]}" if held else None
    return UsageError(f"`{name}` must be {wanted}, not {told(found)}", remedy=remedy)


def several(given: Any, name: str, kinds: tuple[type, ...], wanted: str) -> list[Any]:
    """What was given for the argument of this name, one thing or several, as several.

    >>> several("a.ply", "draws", PATH, "paths"), several(("a.ply", "b.ply"), "draws", PATH, "paths")
    (['a.ply'], ['a.ply', 'b.ply'])

    Args:
        kinds: the types that one thing may have; wanted: what is asked for, in words.

    Raises:
        UsageError: neither one nor several such things.
    """
    one = isinstance(given, kinds) or not isinstance(given, Iterable) or getattr(given, "ndim", 1) == 0
    found = [given] if one else list(given)
    for thing in found:
        if not isinstance(thing, kinds) or isinstance(thing, bool):
            raise UsageError(f"`{name}` must be {wanted}, not {told(thing)}")
    return found


def require_paths(*, optional: bool = False, **given: Any) -> None:
    """Refuse what is no path, by its name; `optional` lets None pass.

    Raises:
        UsageError: neither text nor `os.PathLike`, or of no letters.
    """
    for name, value in given.items():
        if not isinstance(value, PATH) and not (optional and value is None):
            remedy = "write it first, by gscli.write" if isinstance(value, GaussianCloud) else None
            raise UsageError(f"`{name}` must be a path, not {told(value)}", remedy=remedy)
        if value == "":
            raise UsageError(f"`{name}` must be a path, not an empty text")


def require_flags(**given: Any) -> None:
    """Refuse what is neither True nor False, by its name: a text of "no" would mean yes.

    Raises:
        UsageError: it is neither.
    """
    for name, value in given.items():
        if not isinstance(value, (bool, np.bool_)):
            raise UsageError(f"`{name}` must be True or False, not {told(value)}")


def size(value: int | str | None, name: str) -> int | None:
    """As many bytes as were given for the argument of this name, if any; see `parsed_size`.

    Raises:
        UsageError: no size.
    """
    if not (value is None or isinstance(value, (int, str))) or isinstance(value, bool):
        raise UsageError(f"`{name}` must be whole bytes or a size such as '2GB', not {told(value)}")
    try:
        return None if value is None else parsed_size(value)
    except ValueError as error:
        raise UsageError(f"`{name}` {error}") from None


def parsed_size(value: int | str) -> int:
    """As many bytes as a size says: kB, MB, GB and TB are powers of 1000, KiB to TiB of 1024.

    >>> [parsed_size(size) for size in (4096, "2GB", "1.5 GiB")]
    [4096, 2000000000, 1610612736]

    Raises:
        ValueError: no size, in words that follow its name.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    spelt = re.fullmatch(r"(\d{1,18}(?:\.\d{1,18})?) ?([kmgt]?)(i?)b?", str(value).lower(), re.ASCII)
    if spelt is None or (spelt[3] and not spelt[2]):
        raise ValueError(f"{value!r} is no size such as 512MB, 2GB or 1.5GiB")
    power = "kmgt".index(spelt[2]) + 1 if spelt[2] else 0
    return int(float(spelt[1]) * (1024 if spelt[3] else 1000) ** power)


def is_whole(value: Any) -> bool:
    """Whether an argument is one of Python's integers; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether an argument is one real number that a float has room for; True and False are none."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        float(value)
    except OverflowError:
        return False
    return True


def told(value: Any) -> str:
    """A text, a number or None as Python writes it, in short; an array by type and shape; else the type."""
    if value is None or isinstance(value, (str, Real)):
        return reprlib.repr(value)
    if hasattr(value, "dtype") and hasattr(value, "shape"):
        rows = getattr(value.dtype, "names", None)
        kind = "rows of named columns" if rows else str(value.dtype).removeprefix("torch.")
        return f"{kind} of shape {tuple(value.shape)}"
    return type(value).__name__


def spelt(value: Any) -> str:
    """A number in short; anything else as Python writes it, in short too."""
    return f"{value:g}" if is_number(value) else reprlib.repr(value)


def span(given: float, name: str) -> float:
    """What the values of images span, as a float.

    Raises:
        UsageError: it is not positive, or not a size that float32 has.
    """
    limits = np.finfo(np.float32)
    try:
        found = np.nan if isinstance(given, (str, bytes, bool)) else float(given)
    except (TypeError, ValueError, OverflowError):
        found = np.nan
    if not float(limits.tiny) <= found <= float(limits.max):
        raise UsageError(f"`{name}` must be a positive number, not {spelt(given)}")
    return found
