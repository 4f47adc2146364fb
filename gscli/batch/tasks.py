"""Task: one operation on one input, as plain data that crosses process borders and goes into files."""

from __future__ import annotations

import hashlib
import heapq
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Input:
    """A file or folder to read, and how it was when the batch was planned.

    Attributes:
        path: absolute.
        bytes: its size; of a folder, the sum of the files in it.
        modified_ns: nanoseconds since 1970; of a folder, of the newest file in it.
        files: of a folder, a digest of the names, sizes and ages of the files in it.
    """

    path: str
    bytes: int
    modified_ns: int
    files: str = ""


@dataclass(frozen=True)
class Task:
    """One operation on one input.

    Attributes:
        id: a file name that stays the same for the same input of the same operation.
        operation: a name of `operations.NAMES`.
        inputs: what is read; the first is the one that the batch goes over.
        outputs: absolute paths of every file that the task writes, and of every folder, which end in a slash.
        parameters: the operation's options under their Python names, as JSON holds them; options that
            were not given are absent.
        paths: the parameters that hold paths; what these lead to is among the inputs and outputs.
        check: whether digests of what it reads are recorded, to be compared when a batch is resumed.
    """

    id: str
    operation: str
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    check: bool = False

    @property
    def source(self) -> str:
        return self.inputs[0].path

    @property
    def bytes(self) -> int:
        """How much there is to read."""
        return sum(i.bytes for i in self.inputs)

    @property
    def fingerprint(self) -> str:
        """A digest of what decides the result: operation, parameters, the inputs' sizes and ages.

        Paths stay out of it, so that a data set may move together with its batch.
        """
        looks = [(i.bytes, i.files or i.modified_ns) for i in self.inputs]
        return _digest([self.operation, self.settings(self.parameters), looks])

    def settings(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Parameters of this task, or of an earlier one of its operation, without the paths among them."""
        return {name: None if name in self.paths else value for name, value in parameters.items()}

    def line(self) -> str:
        """The task as one line of JSON; `from_line` reads it back."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_line(cls, line: str) -> Task:
        about = json.loads(line)
        about["inputs"] = tuple(Input(**i) for i in about["inputs"])
        about["outputs"], about["paths"] = tuple(about["outputs"]), tuple(about["paths"])
        return cls(**about)


def look(path: str) -> Input:
    """A file or folder as it is now.

    Raises:
        OSError: there is none.
    """
    from ..formats import Source

    about = os.stat(Source.of(path).path)
    if not os.path.isdir(path):
        return Input(path, about.st_size, about.st_mtime_ns)
    held = sorted((entry.name, entry.stat()) for entry in os.scandir(path) if entry.is_file())
    listing = [(name, stat.st_size, stat.st_mtime_ns) for name, stat in held]
    newest = max((age for _, _, age in listing), default=about.st_mtime_ns)
    return Input(path, sum(size for _, size, _ in listing), newest, _digest(listing))


def _digest(about: Any) -> str:
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:32]


def largest_first(tasks: Sequence[Task]) -> list[Task]:
    """The order in which tasks start: so that no long one is left over at the end."""
    return sorted(tasks, key=lambda task: (-task.bytes, task.id))


def shard(tasks: Sequence[Task], number: int, of: int) -> list[Task]:
    """The tasks of part `number` (1 to `of`), in their given order; parts weigh about the same in bytes.

    Each task, largest first, goes to the part that is lightest so far: all parts together are all
    tasks, and every machine that plans the same batch divides it the same way.
    """
    used = min(of, len(tasks))  # parts beyond get nothing
    lightest = [(0, 0, part) for part in range(1, used + 1)]  # a heap of (bytes, tasks, part)
    mine = set()
    for task in largest_first(tasks):
        size, count, part = lightest[0]
        heapq.heapreplace(lightest, (size + task.bytes, count + 1, part))
        if part == number:
            mine.add(task.id)
    return [task for task in tasks if task.id in mine]
