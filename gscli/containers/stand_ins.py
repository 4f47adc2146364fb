"""Pickles that hold instances of somebody's own classes, which no reader needs: read around them.

Where a list of what a pickle may name would refuse it, a stand-in takes the place of the class or
function, whatever its name: one object without a past that nothing can be called through. What the
pickle has it make is another, which swallows whatever it is told. Neither imports, looks up or calls
anything, neither keeps anything, and both are the same ones every time. Names of Python's own library
are refused all the same, but for a few types of plain data: an honest file has no use for them.
"""

from __future__ import annotations

import _compat_pickle
import pickle
import sys
from collections.abc import Callable
from typing import Any, ClassVar

from .pickles import Refused, Unpickler

_OF_PYTHON = sys.stdlib_module_names | {old.partition(".")[0] for old in _compat_pickle.IMPORT_MAPPING}
_PLAIN = {
    *((module, name) for module in ("builtins", "__builtin__") for name in ("set", "frozenset")),
    *(
        (module, f"{pure}{system}Path")
        for module in ("pathlib", "pathlib._local")
        for pure in ("", "Pure")
        for system in ("", "Posix", "Windows")
    ),
    ("argparse", "Namespace"),
    ("collections", "defaultdict"),
}


class _Unknown:
    """Stands for a class or a function that is not on the list."""

    __slots__ = ()


class _Left:
    """Stands for what was made of one: takes whatever it is told, and keeps nothing."""

    __slots__ = ()

    def append(self, _: Any) -> None: ...

    def extend(self, _: Any) -> None: ...

    def __setitem__(self, _: Any, __: Any) -> None: ...


_UNKNOWN, _LEFT = _Unknown(), _Left()


class Lenient(Unpickler):
    """Reads as `Unpickler`, with stand-ins for the globals that are not on its list."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(Unpickler.dispatch)

    def find_class(self, module: str, name: str) -> Any:
        try:
            return super().find_class(module, name)
        except Refused:
            if module.partition(".")[0] in _OF_PYTHON and (module, name) not in _PLAIN:
                raise
        return _UNKNOWN

    def load_build(self) -> None:
        if self.stack[-2] is _LEFT:
            self.stack.pop()
        else:
            super().load_build()

    def load_reduce(self) -> None:
        if self.stack[-2] is _UNKNOWN:
            self.stack[-2:] = [_LEFT]
        else:
            super().load_reduce()

    def load_newobj(self) -> None:
        if self.stack[-2] is not _UNKNOWN:
            self.load_unwanted()
        self.stack[-2:] = [_LEFT]

    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.NEWOBJ[0]] = load_newobj
