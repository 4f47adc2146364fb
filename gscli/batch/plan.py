"""From inputs to tasks: what each is held against, and where its outputs go."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from .. import files
from ..errors import InputError, UsageError
from ..formats import Source
from ..resampling.draws import drawn_from
from . import operations, outputs
from .operation import Operation, Place
from .patterns import Found
from .records import is_kept
from .tasks import Input, Task, look


def plan(
    operation: str,
    inputs: Sequence[Found],
    parameters: dict[str, Any],
    *,
    folder: str | None = None,
    against: Sequence[Found] = (),
    reads: Mapping[str, str] | None = None,
    writes: Collection[str] = (),
    check: bool = False,
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
        check: whether digests of the inputs are recorded; see `Task`.

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
        place = Place(os.path.abspath(folder or "."), one.folder)
        looked = (*map(_look, [one.path, *partners.get(one.path, [])]), *shared)
        tasks.append(
            Task(
                _id(operation, one.relative),
                operation,
                looked,
                tuple(outputs.normal(p) for p in kind.outputs(one.path, place, parameters)),
                parameters,
                tuple(sorted({*(reads or ()), *writes})),
                check,
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
    top = os.path.realpath(folder) if folder else None
    for task in tasks:
        for path in task.outputs:
            real = os.path.realpath(path)
            if os.path.dirname(real) == top and is_kept(os.path.basename(real)):
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
    """Refuse an output folder that would take the place of other outputs, or of what is read."""
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
        for one in task.inputs:
            for above in map(str, Path(os.path.realpath(Source.of(one.path).path)).parents):
                if above in folders:
                    raise UsageError(
                        f"is an input and lies in the output of {folders[above].source}, which replaces it",
                        path=one.path,
                        remedy="choose another `out_dir`",
                    )


def _id(operation: str, relative: str) -> str:
    """A readable, unique and harmless file name for an input."""
    readable = re.sub(r"[^A-Za-z0-9._-]+", "_", Source.of(relative).stem).strip("._-")[:60]
    digest = hashlib.sha256(f"{operation}\0{relative}".encode(errors="surrogateescape")).hexdigest()
    return f"{readable}-{digest[:12]}" if readable else digest[:12]
