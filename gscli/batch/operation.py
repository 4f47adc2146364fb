"""What an operation of a batch is.

It knows its tool, and nothing of engines or records. Its parameters are the options of the command of the
same name, under Click's names for them; options that were not given are absent.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from .outputs import refuse_existing
from .tasks import Task

Parameters = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where the outputs of one input go.

    Attributes:
        folder: the batch's output folder, absolute.
        below: the input's folder in it, relative; empty for the top.
    """

    folder: str
    below: str = ""

    def path(self, name: str, folder: str | None = None) -> str:
        """A file of this name, in the output folder or in another one that is laid out the same way."""
        return os.path.join(self.folder if folder is None else folder, self.below, name)


@dataclass(frozen=True)
class Answer:
    """What an operation found.

    Attributes:
        document: its JSON document.
        figures: the few numbers of it that stand in the batch's table.
        missed: the gates that the input missed.
    """

    document: dict[str, Any]
    figures: dict[str, Any]
    missed: tuple[str, ...] = ()


class RefuseExisting(Protocol):
    """Raise `WriteRefused` where an output, made of `source`, would replace something without leave."""

    def __call__(self, path: str, *, overwrite: bool, source: str) -> None: ...


@dataclass(frozen=True)
class Operation:
    """One entry of the registry.

    Attributes:
        run: does the task and returns what it found. A pure function of the task: the files it reads
            and the parameters decide what it writes, byte for byte.
        outputs: the absolute paths that a task on this input writes, those of folders with a slash at the
            end; refuses bad parameters.
        writes: whether it has outputs, and therefore needs an output folder.
        compares: whether every input is held against another one.
        renames: whether the suffix of its outputs is a parameter, ``to``.
        refuse_existing: refuses what it would not replace of what is at one of its outputs.
        modules: what a worker imports before its first task.
    """

    run: Callable[[Task], Answer]
    outputs: Callable[[str, Place, Parameters], list[str]]
    writes: bool = False
    compares: bool = False
    renames: bool = False
    refuse_existing: RefuseExisting = refuse_existing
    modules: tuple[str, ...] = ()
