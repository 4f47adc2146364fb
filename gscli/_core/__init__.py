"""Kernels in C, where only those are fast. Optional: without them the same answers take longer.

One extension module, built where there is a C compiler, exports functions that take addresses and numbers,
keep no state and call nothing back. ctypes calls them without the interpreter's lock, so threads of
`gscli.kernels.parallel` share the work. They check nothing: `Kernel` holds arrays to their types and layout,
and the module of `gscli.kernels` that calls one holds their sizes.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

from ..errors import UsageError
from ..runtime.libraries import Trouble

REVISION = 13  # of what core.h exports
Word = ctypes.c_uint64


@cache
def trouble() -> Trouble | None:
    """What is wrong with the compiled kernels here, as ``are not built``; None if nothing is.

    Raises:
        UsageError: ``GSCLI_CORE`` is neither 0 nor 1.
    """
    asked = os.environ.get("GSCLI_CORE", "")
    if asked not in ("", "0", "1"):
        what = f"must be 0 (do without compiled kernels) or 1, not {asked!r}"
        raise UsageError(what, path="GSCLI_CORE")
    if asked == "0":
        return Trouble("are switched off", "unset GSCLI_CORE")
    again = "reinstall gscli where there is a C compiler"
    try:
        from ._kernels import REVISION as built
    except ModuleNotFoundError:
        return Trouble("are not built", again, missing=True)
    except ImportError as error:
        return Trouble(f"cannot be loaded ({' '.join(str(error).split())[:200]})", again)
    return None if built == REVISION else Trouble("are those of another version", again)


def available() -> bool:
    """Whether there are compiled kernels here."""
    return trouble() is None


def instructions() -> str:
    """The vector instructions that the compiled kernels use on this processor, such as ``AVX2``."""
    from ._kernels import INSTRUCTIONS

    return str(INSTRUCTIONS)


class Kernel:
    """A function of core.h, looked up when it is first called.

    Args:
        name: its name.
        arguments: what it takes: NumPy dtypes for the elements of arrays, int, float and `Word` for numbers.
    """

    def __init__(self, name: str, *arguments: Any) -> None:
        self.name, self.arguments = name, arguments
        self._function: Any = None

    def __call__(self, *values: Any) -> None:
        """Run without the interpreter's lock.

        Raises:
            ctypes.ArgumentError: an array of another dtype, or one that is not as `laid_out` gives it.
        """
        if self._function is None:
            self._function = _bound(self.name, self.arguments)
        self._function(*values)


def for_each_type(name: str, arguments: Callable[[str], Sequence[Any]]) -> dict[str, Kernel]:
    """The two functions of a template of core.h, by the type of their coordinates, ``f4`` and ``f8``.

    Args:
        name: what their names have in common.
        arguments: what the one of a type takes, as of `Kernel`.
    """
    suffixes = {"f4": "f32", "f8": "f64"}
    return {kind: Kernel(f"{name}_{suffix}", *arguments(kind)) for kind, suffix in suffixes.items()}


def of_columns(kernels: dict[str, Kernel], xyz: Any) -> Callable[..., None] | None:
    """The kernel for (3, n) points, with their columns as its first arguments; None if there is none."""
    kernel = kernels.get(xyz.dtype.str[1:]) if available() and xyz.dtype.isnative else None
    return None if kernel is None else partial(kernel, *map(laid_out, xyz))


def laid_out(array: Any) -> Any:
    """The array as kernels take it, C-contiguous and aligned; a copy where it is not."""
    import numpy as np

    return np.require(array, requirements=("C", "A"))


def _bound(name: str, arguments: tuple[Any, ...]) -> Any:
    from numpy.ctypeslib import ndpointer

    numbers = {int: ctypes.c_int64, float: ctypes.c_double, Word: Word}
    function = getattr(_library(), name)
    function.argtypes = [
        numbers[kind] if kind in numbers else ndpointer(kind, flags=("C", "A")) for kind in arguments
    ]
    function.restype = None
    return function


@cache
def _library() -> ctypes.CDLL:
    from . import _kernels

    return ctypes.CDLL(_kernels.__file__)
