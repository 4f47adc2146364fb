"""From a task to its record: the one function that every engine calls, in whatever process."""

from __future__ import annotations

import time
import traceback
import warnings
from pathlib import Path

from ..errors import GscliError
from ..files import changes, writing
from ..results import documents
from ..version import __version__
from . import digests, operations, outputs, records
from .records import Folder, Record
from .tasks import Task


def execute(task: Task, folder: str | None = None) -> Record:
    """Do a task and record it. No failure of the task escapes; a failure is a record too.

    Args:
        folder: the batch's output folder, where the record is kept; None keeps none.

    Returns:
        The record: ``status`` is ``done``, ``missed`` (done, but a gate was not met) or ``failed``.
    """
    return finish(task, attempt(task), folder)


def attempt(task: Task) -> Record:
    """The first half of `execute`: do the task. The record is not kept yet, nor are outputs in it."""
    start = time.perf_counter()
    record = _record(task)
    if task.check:  # before it is read: what changes from now on is noticed next time
        for read in record["inputs"]:
            if digest := digests.of_input(read["path"]):
                read["sha256"] = digest
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            for parent in sorted({outputs.split(path)[0] for path in task.outputs}):
                writing.make_folder(parent)
            with changes.noticed():
                answer = operations.get(task.operation).run(task)
                changes.refuse()
            record |= {
                "status": "missed" if answer.missed else "done",
                "missed": list(answer.missed),
                "figures": documents.finite(answer.figures),
                "result": answer.document,
            }
        except GscliError as error:
            record |= _failed(error.told("`{}`".format), error.exit_code)
        except MemoryError as error:
            record |= _failed(f"{task.source}: out of memory ({error}); use fewer workers", 1)
        except Exception as bug:  # noqa: BLE001 (one input's bug must not end the batch)
            record |= _failed(f"{task.source}: {type(bug).__name__}: {bug}", 1)
            record["traceback"] = traceback.format_exc()
    record["warnings"] = [str(w.message) for w in caught]
    record["seconds"] = round(time.perf_counter() - start, 4)
    return record


def finish(task: Task, record: Record, folder: str | None) -> Record:
    """The second half of `execute`: see the outputs safely onto the disk, then keep the record.

    Two workers may be at one task: one that its scheduler has lost sight of goes on. What one of them did
    stays done, and is the answer, when the other one fails.
    """
    if folder is None:
        return record
    where = Folder(Path(folder))
    try:
        if record["status"] != "failed":
            record["outputs"] = outputs.keep(task.outputs, folder)
        elif (done := where.done(task, check=task.check)) is not None:
            return done
        where.finish(record)
    except Exception as error:  # noqa: BLE001 (as above; what is not recorded is done again next time)
        if record["status"] != "failed":
            record |= _failed(
                f"{task.source}: done, but not recorded: {str(error) or type(error).__name__}", 1
            )
            if not isinstance(error, (GscliError, OSError)):
                record["traceback"] = traceback.format_exc()
    return record


def lost(task: Task, folder: str | None, why: str) -> Record:
    """The record of a task whose process ended before it did."""
    record = _record(task) | _failed(f"{task.source}: {why}", 1) | {"warnings": [], "seconds": None}
    return finish(task, record, folder)


def _record(task: Task) -> Record:
    return {
        "schema": records.SCHEMA,
        "version": __version__,
        "id": task.id,
        "status": "failed",
        "operation": task.operation,
        "inputs": [{"path": i.path, "bytes": i.bytes} for i in task.inputs],
        "parameters": task.parameters,
        "fingerprint": task.fingerprint,
    }


def _failed(error: str, exit_code: int) -> Record:
    return {"status": "failed", "error": error, "exit_code": exit_code}
