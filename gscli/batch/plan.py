"""From patterns to tasks: which inputs, what they are held against, and where their outputs go."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import files
from ..errors import InputError, UsageError
from ..formats import PART, Source, identify
from ..resampling.draws import drawn_from
from . import globs, operations, outputs
from .operations import Operation, Place
from .records import KINDS, is_record
from .tasks import Input, Task, look


@dataclass(frozen=True)
class Pattern:
    """A path or a glob (``*``, ``?``, ``[...]``, and ``**`` for any depth), relative to `root`.

    Matches are files, but not pipes, devices and the records of a batch; a pattern that ends in a slash
    matches folders, but not those that are no scenes and hold folders; one that ends in ``::NAME`` takes
    that model of each file. A `listed` one is a path of a list, and stands for itself.
    """

    text: str
    root: str = "."
    listed: bool = False

    @property
    def base(self) -> str:
        """The longest folder without wildcards, absolute: outputs are laid out relative to it.

        Of a listed path, the folder that the list is relative to.
        """
        if self.listed:
            return os.path.abspath(self.root)
        folder = os.path.dirname(self.text.rstrip("/"))
        while not self.literal and glob.has_magic(folder):
            folder = os.path.dirname(folder)
        return os.path.abspath(os.path.join(self.root, folder))

    @property
    def literal(self) -> bool:
        """Whether it names one path, wildcards or not: a file may be called ``scene[1].ply``."""
        path = os.path.join(self.root, self.text)
        return self.listed or os.path.lexists(path) or not glob.has_magic(self.text)

    def paths(self) -> list[str]:
        """Every match, absolute and sorted.

        Raises:
            InputError: nothing matches, or a folder was named that is no scene.
        """
        if self.literal:
            path = os.path.abspath(os.path.join(self.root, self.text))
            if os.path.isdir(path) and not self.listed and not _is_scene(path):
                raise InputError(
                    "is a folder, but no scene",
                    path=self.text or "''",
                    remedy=f"give a pattern such as '{os.path.join(self.text, '*.ply')}'",
                )
            return [path]
        source = Source.of(self.text)
        found = globs.matches(os.fspath(source.path) if source.part else self.text, self.root)
        matches = sorted(os.path.abspath(os.path.join(self.root, match)) for match in found)
        if self.text.endswith("/"):
            matches = [match for match in matches if not _holds_folders(match) or _is_scene(match)]
        else:
            # what leads nowhere is left to its task, which says so
            matches = [match for match in matches if os.path.isfile(match) or not os.path.exists(match)]
        matches = [match for match in matches if not is_record(match)]
        if not matches:
            raise InputError("matches no file", path=self.text, remedy="check it with ls, and quote it")
        return [match + PART + source.part for match in matches] if source.part else matches


def listed(text: bytes) -> list[Pattern]:
    """The paths of a list, one a line or, as ``find -print0`` writes them, with a zero byte after each.

    Raises:
        InputError: there are none.
    """
    separator = b"\0" if b"\0" in text else b"\n"
    lines = [line for line in text.split(separator) if line.strip()]
    if not lines:
        raise InputError("lists no paths", path="<stdin>", remedy="check the command that makes the list")
    return [Pattern(os.fsdecode(line), listed=True) for line in lines]


@dataclass(frozen=True)
class Found:
    """An input, and its path below the folder that outputs are laid out by."""

    path: str
    relative: str

    @property
    def key(self) -> str:
        """The relative path without suffix and part: what a pair of scenes has in common."""
        return os.path.join(os.path.dirname(self.relative), replace(Source.of(self.path), part=None).stem)


def find(
    patterns: Iterable[Pattern], *, relative_to: str | None = None, outside: str | None = None
) -> list[Found]:
    """The inputs that patterns match, each once, in the order of the patterns.

    Args:
        relative_to: lay out relative to this folder instead of each pattern's own base.
        outside: leave out what a wildcard matches below this folder, such as the outputs of a run before.
            Where inputs and outputs share a folder, nothing is.

    Raises:
        InputError: a pattern matches nothing, or nothing but what is left out.
        UsageError: an input is not below `relative_to`.
    """
    found: dict[str, Found] = {}
    left_out = None
    for pattern in patterns:
        base = pattern.base if relative_to is None else os.path.abspath(relative_to)
        apart = outside is not None and os.path.abspath(outside) != base and _below(outside, base)
        for path in pattern.paths():
            if outside is not None and apart and not pattern.literal and _below(path, outside):
                left_out = path
                continue
            if not _below(path, base):
                raise UsageError(f"is not below {base}", path=path, remedy="choose another `relative_to`")
            found.setdefault(path, Found(path, os.path.relpath(path, base)))
    if left_out is not None and not found:
        raise InputError(
            "like all that matches, is below `out_dir`", path=left_out, remedy="choose another `out_dir`"
        )
    return list(found.values())


def plan(
    operation: str,
    inputs: Sequence[Found],
    parameters: dict[str, Any],
    *,
    folder: str | None = None,
    against: Sequence[Found] = (),
    reads: Mapping[str, str] | None = None,
    writes: Collection[str] = (),
) -> list[Task]:
    """The tasks of a batch, one for each input.

    Args:
        parameters: options that were given, by their Python names. Paths are absolute; a relative grid
            file is the one in each scene's folder.
        folder: where outputs and records go.
        against: for operations that compare: one scene, or one for each input, paired by their
            relative paths without suffixes.
        reads: the parameters that name a file which every task reads, and that file.
        writes: the parameters that name a folder of outputs.

    Raises:
        UsageError: options that make no sense, or two tasks that would write one file.
        InputError: an input that is gone, or has no partner.
    """
    kind = operations.get(operation)
    if folder is None and (kind.writes or writes):
        raise UsageError(f"this {operation} writes files", remedy="give `out_dir='FOLDER'`")
    parameters = json.loads(json.dumps(parameters))  # what a worker will see
    partners = _partners(kind, operation, inputs, against)
    shared = [] if reads is None else [_look(path) for _, path in sorted(reads.items())]
    tasks = []
    for one in inputs:
        place = Place(os.path.abspath(folder or "."), os.path.dirname(one.relative))
        looked = (*map(_look, [one.path, *partners.get(one.path, [])]), *shared)
        tasks.append(
            Task(
                _id(operation, one.relative),
                operation,
                looked,
                tuple(outputs.normal(p) for p in kind.outputs(one.path, place, parameters)),
                parameters,
                tuple(sorted({*(reads or ()), *writes})),
            )
        )
    _refuse_collisions(tasks, folder)
    _refuse_nesting(tasks)
    return tasks


def _look(path: str) -> Input:
    """An input as it is; what is there but cannot be read, such as a broken link, is left to its task."""
    try:
        return look(path)
    except OSError as error:
        if not os.path.lexists(Source.of(path).path):
            raise files.unreadable(path, error) from None
        return Input(path, 0, 0)
    except ValueError as error:  # a zero byte in its name
        raise InputError(str(error), path=path) from None


def _partners(
    kind: Operation, operation: str, inputs: Sequence[Found], against: Sequence[Found]
) -> dict[str, list[str]]:
    if not kind.compares:
        return {}
    if not against:
        raise UsageError(f"{operation} needs something to hold each input against", remedy="give `reference`")
    if len(against) == 1:
        return {one.path: [against[0].path] for one in inputs}
    by_key: dict[str, str] = {}
    for other in against:
        if other.key in by_key:
            raise UsageError(
                f"and {other.path} are both the partner of {other.key}",
                path=by_key[other.key],
                remedy="narrow `reference` down",
            )
        by_key[other.key] = other.path
    partners = {}
    for one in inputs:
        key = one.key if one.key in by_key else drawn_from(one.key)
        if key not in by_key:
            raise InputError(
                "has no partner in `reference`", path=one.path, remedy=f"there should be one called {key}"
            )
        partners[one.path] = [by_key[key]]
    return partners


def _refuse_collisions(tasks: Sequence[Task], folder: str | None) -> None:
    """Refuse what two tasks would write, or one write and another read, or that is for records."""
    read = {os.path.realpath(i.path): i.path for task in tasks for i in task.inputs}
    writers: dict[str, str] = {}
    ids: dict[str, str] = {}
    records = {os.path.join(os.path.realpath(folder), kind) for kind in KINDS} if folder else set()
    for task in tasks:
        for path in task.outputs:
            real = os.path.realpath(path)
            if real in records:
                raise UsageError(
                    f"is where records go, and would be the output of {task.source}",
                    path=path,
                    remedy="lay outputs out from a folder above with `relative_to`",
                )
            if real in read:
                raise UsageError(
                    f"is an input and would be overwritten by the output of {task.source}",
                    path=path,
                    remedy="choose another `out_dir`",
                )
            if real in writers:
                beside = os.path.dirname(writers[real]) == os.path.dirname(task.source)
                remedy = "lay outputs out from a folder above both with `relative_to`"
                raise UsageError(
                    f"would be written twice: for {writers[real]} and for {task.source}",
                    path=path,
                    remedy="let the pattern match one of them" if beside else remedy,
                )
            writers[real] = task.source
        if task.id in ids:
            raise UsageError(
                f"and {task.source} have one name below their folders",
                path=ids[task.id],
                remedy="name a folder above both with `relative_to`",
            )
        ids[task.id] = task.source


def _refuse_nesting(tasks: Sequence[Task]) -> None:
    """Refuse a scene folder that would take the place of other outputs."""
    folders = {os.path.realpath(path): task for task in tasks for path in task.outputs if path.endswith("/")}
    if not folders:
        return
    for task in tasks:
        for path in task.outputs:
            for above in map(str, Path(os.path.realpath(path)).parents):
                if above in folders:
                    raise UsageError(
                        f"would lie in the output of {folders[above].source}",
                        path=path,
                        remedy="let the pattern match one of them",
                    )


def _id(operation: str, relative: str) -> str:
    """A readable, unique and harmless file name for an input."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", Source.of(relative).stem).strip("._-")[:60]
    digest = hashlib.sha256(f"{operation}\0{relative}".encode(errors="surrogateescape")).hexdigest()
    return f"{readable}-{digest[:12]}" if readable else digest[:12]


def _below(path: str, folder: str) -> bool:
    folder = os.path.abspath(folder)
    return os.path.commonpath([os.path.abspath(path), folder]) == folder


def _holds_folders(path: str) -> bool:
    try:
        with os.scandir(path) as entries:
            return any(entry.is_dir() for entry in entries)
    except OSError:  # its task will say why
        return False


def _is_scene(path: str) -> bool:
    try:
        identify(Path(path))
    except InputError:
        return False
    return True
