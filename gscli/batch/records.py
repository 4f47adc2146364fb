"""What a batch leaves on disk: its plan, and a record of every input that was done or failed.

FOLDER/manifest.jsonl   one task a line, in planned order
FOLDER/done/ID.json     the result of a finished input; written after its outputs are safely on the disk
FOLDER/failed/ID.json   the error of a failed one
FOLDER/summary.json     how the last run went

Each file appears whole or not at all, so a process may die at any moment: an input without a valid
record is simply not done yet.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import GscliError, InputError
from ..files import temporaries, writing
from . import digests, outputs
from .tasks import Task

_NAMES = re.compile(r"manifest\.jsonl|summary(-\d+-of-\d+)?\.json")
Record = dict[str, Any]
SCHEMA = "gscli/batch-record/1"
KINDS = ("done", "failed")  # of records, each in a folder of its own
LOCK_SECONDS = 5.0  # workers of a killed batch let go within milliseconds


@dataclass(frozen=True)
class Folder:
    """The output folder of a batch."""

    path: Path

    @property
    def manifest(self) -> Path:
        return self.path / "manifest.jsonl"

    def record(self, kind: str, id: str) -> Path:
        """Where the ``done`` or ``failed`` record of an input is."""
        return self.path / kind / f"{id}.json"

    def make(self) -> None:
        try:
            for kind in KINDS:
                (self.path / kind).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise writing.unwritable(self.path, error) from None

    @contextmanager
    def locked(self, number: int, of: int) -> Iterator[tuple[int, int]]:
        """Hold part `number` of `of` against other processes; yields the descriptors that hold it.

        Parts of one division may be at work together, each once. The whole, or a part of another
        division, would share inputs with them, and waits. The system lets go when the last process
        that has the descriptors ends, however it ends.
        """
        whole = self.path / ".lock"
        with _opened(whole) as division, _opened(self.path / f".lock-{number}-of-{of}") as part:
            until = time.monotonic() + LOCK_SECONDS
            while not (_divided(whole, division, of) and _locked(part, fcntl.LOCK_EX)):
                if time.monotonic() > until:
                    raise GscliError(
                        "another gscli batch is at work here",
                        path=self.path,
                        remedy="wait for it, or divide all of the work with `shard`",
                    )
                time.sleep(0.05)
            yield division, part

    def write_manifest(self, tasks: Sequence[Task]) -> None:
        _write(self.manifest, manifest_text(tasks))

    def ages(self) -> tuple[int, ...] | None:
        """When the plan was written, and records last came or went, in nanoseconds; None without a plan."""
        paths = (self.manifest, *(self.path / kind for kind in KINDS))
        ages = tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in paths)
        return ages if ages[0] else None

    def same_manifest(self, tasks: Sequence[Task]) -> bool:
        """Whether the manifest on disk is of exactly these tasks."""
        try:
            return self.manifest.read_bytes() == manifest_text(tasks).encode()
        except OSError:
            return False

    def planned(self) -> set[str]:
        """The ids in the manifest on disk; none of one that cannot be read."""
        try:
            return {json.loads(line)["id"] for line in self.manifest.read_bytes().splitlines()}
        except (OSError, ValueError, KeyError, TypeError):
            return set()

    def finish(self, record: Record) -> None:
        """Write the record of an input; that it is done outweighs that it failed.

        A run forgets what it is about to do. So an input that is done by now was done by another worker or
        a later run, and whoever fails at it is one that was thought lost.
        """
        done, failed = (self.record(kind, record["id"]) for kind in KINDS)
        if record["status"] != "failed":
            _write(done, json.dumps(record, indent=1) + "\n")
            failed.unlink(missing_ok=True)
        elif not done.exists():
            _write(failed, json.dumps(record, indent=1) + "\n")

    def forget(self, task: Task) -> None:
        """Remove the records of an input, before its outputs are made anew."""
        for path in (self.record(kind, task.id) for kind in KINDS):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise writing.unwritable(path, error) from None

    def forget_others(self, tasks: Sequence[Task], kinds: Sequence[str]) -> None:
        """Remove the records of these kinds of all inputs but these."""
        kept = {f"{task.id}.json" for task in tasks}
        for kind in kinds:
            for name in filter(_is_json, os.listdir(self.path / kind)):
                if name not in kept:
                    (self.path / kind / name).unlink(missing_ok=True)

    def done(
        self, task: Task, *, check: bool = False, of: Callable[[str], str] = digests.of_file
    ) -> Record | None:
        """The record of a task that is done: same fingerprint, and its outputs there in full size.

        Args:
            check: whether the outputs are read, too, and must have the digests that were recorded; inputs as
                well, whatever their ages, if theirs were.
            of: gives the digest of a file.
        """
        try:
            record = json.loads(self.record("done", task.id).read_bytes())
            if record["schema"] != SCHEMA or record["status"] not in ("done", "missed"):
                return None
            digested = check and digests.were_kept(record)
            if not digested and record["fingerprint"] != task.fingerprint:
                return None
            kept = {os.path.normpath(self.path / o["path"]): o for o in record["outputs"]}
            if not outputs.complete(task.outputs, kept, of=of if check else None):
                return None
            if digested and not digests.read_alike(record, task, of):
                return None
        except (OSError, InputError, ValueError, KeyError, TypeError, AttributeError):
            return None
        return dict(record)

    def has_record(self, task: Task) -> bool:
        return any(self.record(kind, task.id).exists() for kind in KINDS)

    def sweep(self, tasks: Sequence[Task]) -> int:
        """Remove what interrupted writes of these tasks and of the plan left behind; returns how many."""
        names: dict[str, set[str]] = {os.fspath(self.path): {self.manifest.name}}
        for task in tasks:
            records = [os.fspath(self.record(kind, task.id)) for kind in KINDS]
            for folder, name in map(outputs.split, [*task.outputs, *records]):
                names.setdefault(folder, set()).add(name)
        return sum(temporaries.sweep(folder, held) for folder, held in names.items())


def brief(record: Record) -> Record:
    """A record without its result, which is most of it: there may be thousands of them in memory."""
    return {key: value for key, value in record.items() if key != "result"}


def is_kept(name: str) -> bool:
    """Whether the folder of a batch has something of its own by this name."""
    return name in KINDS or _NAMES.fullmatch(name) is not None


def is_record(path: str) -> bool:
    """Whether a path is, or holds nothing but, what a batch wrote down: not an input of another one."""
    folder, name = os.path.split(path)
    if _NAMES.fullmatch(name):
        return os.path.exists(os.path.join(folder, "manifest.jsonl"))
    if name in KINDS and os.path.isdir(path):
        return is_record(os.path.join(folder, "manifest.jsonl")) and all(map(_is_json, os.listdir(path)))
    outer, kind = os.path.split(folder)
    return kind in KINDS and _is_json(name) and is_record(os.path.join(outer, "manifest.jsonl"))


def _is_json(name: str) -> bool:
    return name.endswith(".json")


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise writing.unwritable(path, error) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(descriptor: int, how: int) -> bool:
    """Lock a file, or change the lock on it; False, and without a lock, if others have it."""
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise GscliError(
            f"the file system of `out_dir` has no locks ({error.strerror})", remedy="choose another one"
        ) from None
    return True


def _divided(path: Path, descriptor: int, of: int) -> bool:
    """Share a lock with the other parts of a division; the first one in says how many there are."""
    mine = b"%d\n" % of
    if _locked(descriptor, fcntl.LOCK_EX):
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, mine, 0)
        except OSError as error:
            raise writing.unwritable(path, error) from None
    if not _locked(descriptor, fcntl.LOCK_SH):
        return False
    if os.pread(descriptor, 100, 0) == mine:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def manifest_text(tasks: Sequence[Task]) -> str:
    return "".join(task.line() + "\n" for task in tasks)


def _write(path: Path, text: str) -> None:
    with writing.replacing(path, overwrite=True, sync=True, sweep=False) as stream:
        stream.write(text.encode())
