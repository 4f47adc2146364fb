"""While a worker is at one input, the system reads the next."""

from __future__ import annotations

import ctypes
import mmap
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gscli.batch.ahead import read_ahead
from gscli.batch.local import Local
from gscli.batch.run import Stop
from gscli.batch.tasks import Input, Task, look
from gscli.formats import ply

from .conftest import SECONDS, until


def resident(path: Path) -> float:
    """The share of a file that the system has in memory."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as view:
        pages = -(-len(view) // mmap.PAGESIZE)
        found = np.zeros(pages, np.uint8)
        seen = np.frombuffer(view, np.uint8)
        libc = ctypes.CDLL(None, use_errno=True)
        address, size = ctypes.c_void_p(seen.ctypes.data), ctypes.c_size_t(len(view))
        assert libc.mincore(address, size, ctypes.c_void_p(found.ctypes.data)) == 0
        del seen
    return float((found & 1).mean())


@pytest.fixture
def cold(make_scene: Any, tmp_path: Path) -> Path:
    """A scene that is on the disk alone."""
    if not hasattr(os, "posix_fadvise"):
        pytest.skip("the system takes no advice")
    path = tmp_path / "next.ply"
    ply.write(path, make_scene(5_000))
    with path.open("rb+") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    if resident(path) > 0.5:
        pytest.skip("the system keeps files of this disk in memory")
    return path


def test_the_next_input_is_read_while_a_worker_waits_for_a_slow_one(cold: Path, tmp_path: Path) -> None:
    slow = tmp_path / "slow.ply"
    os.mkfifo(slow)
    tasks = [Task("slow", "info", (look(str(slow)),)), Task("next", "info", (look(str(cold)),))]
    records: list[Any] = []
    batch = threading.Thread(target=lambda: records.extend(Local(1)(tasks, None, Stop())))
    batch.start()
    with slow.open("wb") as feeding:  # opened once the worker reads
        assert until(lambda: resident(cold) == 1)
        assert not records
        feeding.write(cold.read_bytes())
    batch.join(SECONDS)
    assert [(record["id"], record["status"]) for record in records] == [("slow", "done"), ("next", "done")]


@pytest.mark.parametrize("name", ["pipe", "gone", "folder", "next.ply"])
def test_what_cannot_be_read_ahead_is_left_to_the_task(name: str, cold: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    os.link(cold, tmp_path / "folder" / "a.ply")
    asking = read_ahead(Task("a", "info", (Input(str(tmp_path / name), 0, 0),)))
    assert asking is not None
    asking.join(SECONDS)
    assert not asking.is_alive()  # as it would be at a pipe
    if name in ("folder", "next.ply"):
        assert until(lambda: resident(cold) == 1)
    else:
        assert resident(cold) < 1
