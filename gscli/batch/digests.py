"""SHA-256 digests of files: of what a batch read, if it is asked to, and of all that it wrote."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from threading import Lock
from typing import Any

from .. import files
from ..errors import InputError
from .tasks import Task

_CHUNK = 1 << 17  # stays in the L2 cache


def of_file(path: str) -> str:
    """The digest of a regular file.

    Raises:
        InputError: a pipe or device. OSError: it cannot be read.
    """
    digest, chunk = hashlib.sha256(), memoryview(bytearray(_CHUNK))
    with files.open_regular(path) as stream:
        while size := stream.readinto(chunk):  # type: ignore[attr-defined]
            digest.update(chunk[:size])
    return digest.hexdigest()


def of_input(path: str, of: Callable[[str], str] | None = None) -> str | None:
    """The digest of an input: of a folder, that of the names and digests of the files in it.

    Args:
        of: gives the digest of a file; `of_file` unless given.

    Returns:
        None for what has none: it is gone, or no file.
    """
    from ..formats import Source

    of = of or of_file
    try:
        if not os.path.isdir(path):
            return of(os.fspath(Source.of(path).path))
        held = sorted(entry.name for entry in os.scandir(path) if entry.is_file())
        listing = [(name, of(os.path.join(path, name))) for name in held]
    except (OSError, InputError):
        return None
    return hashlib.sha256(json.dumps(listing).encode()).hexdigest()


def were_kept(record: Mapping[str, Any]) -> bool:
    """Whether a record has the digest of every input."""
    return all("sha256" in one for one in record["inputs"])


def read_alike(record: Mapping[str, Any], task: Task, of: Callable[[str], str]) -> bool:
    """Whether a record is of what a task would do, and of what its inputs hold; sizes go first.

    Args:
        of: gives the digest of a file.
    """
    now, then = task.inputs, record["inputs"]
    if record["operation"] != task.operation or [one.bytes for one in now] != [one["bytes"] for one in then]:
        return False
    if task.settings(record["parameters"]) != task.settings(task.parameters):
        return False
    before = [one["sha256"] for one in then]
    return all(of_input(one.path, of) == digest for one, digest in zip(now, before, strict=True))


class Once:
    """Digests of files, each of which is read once, however many threads ask for it."""

    def __init__(self) -> None:
        self._found: dict[str, Future[str]] = {}
        self._lock = Lock()

    def __call__(self, path: str) -> str:
        """As `of_file`."""
        with self._lock:
            first = path not in self._found
            found = self._found.setdefault(path, Future())
        if first:
            try:
                found.set_result(of_file(path))
            except Exception as error:  # noqa: BLE001 (whoever asks is told)
                found.set_exception(error)
        return found.result()
