"""One way for a directory to be the registry: a package whose modules are its entries.

``formats/ply.py`` *is* the format ``ply``: a new entry is one new file. A module defines its entry as a
record, named like the record's type in capitals: ``FORMAT = Format("ply", ...)``. Modules whose names
begin with an underscore are private parts of the package.
"""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from typing import Generic, TypeVar

from .errors import UsageError, did_you_mean

Entry = TypeVar("Entry")


class Registry(Generic[Entry]):
    """The entries of a package by name; none is imported before it is asked for.

    Args:
        package: its full name.
        kind: the type of its entries, such as `Format`.
        separator: what stands in names where the modules' have an underscore.
        beside: names that the caller understands and that are no entries, for messages.
    """

    def __init__(
        self, package: str, kind: type[Entry], *, separator: str = "_", beside: tuple[str, ...] = ()
    ) -> None:
        self._package, self._kind = package, kind
        self._separator, self._beside = separator, beside
        self._names: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Names of all entries, found in the directory without importing any."""
        if not self._names:
            modules = pkgutil.iter_modules(import_module(self._package).__path__)
            found = (module.name for module in modules if not module.name.startswith("_"))
            self._names = tuple(sorted(name.replace("_", self._separator) for name in found))
        return self._names

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def __iter__(self) -> Iterator[Entry]:
        return map(self.get, self.names())

    def get(self, name: str) -> Entry:
        """The entry of that name; its module is imported.

        Raises:
            UsageError: there is none.
            TypeError: the module defines no such record.
        """
        noun = self._kind.__name__.lower()
        if name not in self.names():
            known = (*self._beside, *self.names())
            raise UsageError(f"no {noun} {name!r}", remedy=did_you_mean(name, known))
        module = import_module(f"{self._package}.{name.replace(self._separator, '_')}")
        entry = vars(module).get(self._kind.__name__.upper())
        if not isinstance(entry, self._kind):
            raise TypeError(f"{module.__name__} defines no {noun.upper()} = {self._kind.__name__}(...)")
        return entry
