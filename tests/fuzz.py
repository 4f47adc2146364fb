"""Damaged files of every format: each must end in a cloud or in a GscliError of one line.

So must damaged entries of the cache of grids, in the grid that was stored or in a warning.

    python tests/fuzz.py --mutations 100000 --seed 1 [--only FORMAT] [--keep FOLDER]
    python tests/fuzz.py --replay FILE

A fault is any other exception, a warning, more than 2 s, memory beyond 300 MB, a process that ends, or
other values than were stored where the container has a checksum. It is printed with its seed, and the
file is kept.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from gscli import formats
from gscli.errors import GscliError
from gscli.grids.cache import CacheWarning, GridCache
from gscli.grids.voxel_grid import VoxelGrid
from tests.conftest import random_scene
from tests.mutations import mutated, repacked

SECONDS = 2.0
BYTES = 300 << 20
SLOW = ("las-packed", "usd", "e57")  # a process for each file
# Each byte of the points has a checksum.
CHECKED = ("npz", "npz-packed", "checkpoint-zip", "spz", "sog", "sog-1", "sog-2", "e57", "zip", "zip-stored")
CACHE = "cache"
KEY = "a" * 40
GRID = VoxelGrid.from_points(random_scene(200).xyz.astype(np.float32), voxel_size=0.5)


def cache_entry(folder: Path) -> Path:
    """The file in which the cache keeps `GRID`."""
    store = GridCache(folder / "grids")
    store.store(KEY, GRID)
    return store.path(KEY)


def rearranged(data: bytes, rng: random.Random) -> bytes:
    """A well-formed grid with a few of its numbers exchanged, under the seal of the original."""
    with np.load(io.BytesIO(data)) as old:
        members = {name: old[name] for name in old.files}
    array = members[rng.choice(["order", "offsets", "cells", "rows", "origin", "voxel_size"])]
    flat = array.reshape(-1)
    i, j = rng.randrange(flat.size), rng.randrange(flat.size)
    flat[[i, j]] = flat[[j, i]] if i != j and flat[i] != flat[j] else flat[i] + 1
    out = io.BytesIO()
    np.savez(out, **members)
    return out.getvalue()


def current_bytes() -> int:
    """The address space that this process has taken."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def bound() -> None:
    """Let the operating system refuse memory beyond the limit, and end a read that hangs."""
    limit = current_bytes() + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def fault(path: Path, whole: bytes | None = None) -> str:
    """What is wrong with how a file is read; "" for nothing.

    Args:
        path: the damaged file.
        whole: the rows that any cloud read from it must have, if that is known.
    """
    signal.setitimer(signal.ITIMER_REAL, 30 * SECONDS)  # its default action ends the process
    start = sum(os.times()[:4])  # of this process and its children: others may keep them waiting
    try:
        cloud = formats.read(path)
    except GscliError as error:
        if "\n" in str(error) or not str(error).startswith(str(path)):
            return f"{error!r} is not one line about the file"
    except BaseException as error:  # noqa: BLE001 - anything else is what is looked for
        return "".join(traceback.format_exception(error)[-6:])
    else:
        if whole is not None and cloud.rows.tobytes() != whole:
            return "other values than were stored, in silence"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    took = sum(os.times()[:4]) - start
    return f"took {took:.1f} s" if took > SECONDS else ""


def cache_fault(path: Path) -> str:
    """What is wrong with how a damaged entry of the cache is answered; "" for nothing."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        store = GridCache(Path(folder))
        store.store(KEY, GRID)
        shutil.copyfile(path, store.path(KEY))
        start = sum(os.times()[:4])
        try:
            found = store.load(KEY, GRID.rows)
        except Exception as error:  # noqa: BLE001 - none is expected
            return "".join(traceback.format_exception(error)[-6:])
        if sum(os.times()[:4]) - start > SECONDS:
            return f"took more than {SECONDS} s"
        if found is None:
            told = [w.category for w in caught] == [CacheWarning] and "\n" not in str(caught[0].message)
            return "" if told and not store.path(KEY).exists() else f"no one warning of one line: {caught}"
    arrays = ((getattr(found, name), getattr(GRID, name)) for name in ("order", "offsets", "cells"))
    same = all(np.array_equal(a, b) for a, b in arrays)
    same &= (found.voxel_size, found.origin, found.rows) == (GRID.voxel_size, GRID.origin, GRID.rows)
    return "" if same else "another grid than was stored, in silence"


def run(name: str, sample: Path, count: int, seed: int, keep: Path) -> int:
    """Read mutations of one sample in this process; print, keep and count those at fault."""
    warnings.simplefilter("error")
    data, rows = sample.read_bytes(), b""
    if name != CACHE:
        rows = formats.read(sample).rows.tobytes()  # what reading imports is not counted
    if name == "streamed_sog":
        shutil.copy(sample.with_name("0.sog"), keep)  # which it names, as all that is made of it does
    bound()
    suffix = ".compressed.ply" if name == "compressed_ply" else sample.suffix
    faults = 0
    for number in range(count):
        rng = random.Random(f"{name} {seed} {number}")
        damage = rng.choice((mutated, repacked, rearranged) if name == CACHE else (mutated, repacked))
        scratch = keep / f"{name}.{seed}.{number}{suffix}"
        scratch.write_bytes(damage(data, rng))
        whole = rows if name in CHECKED and damage is mutated else None
        found = cache_fault(scratch) if name == CACHE else fault(scratch, whole)
        if found:
            print(f"{scratch}: {found}", flush=True)
            faults += 1
        else:
            scratch.unlink()
    return faults


def run_all(files: dict[str, Path], mutations: int, seed: int, keep: Path) -> int:
    """Share out the mutations over all samples, each in a forked process; the number of faults."""
    fork = multiprocessing.get_context("fork")
    faults = 0
    for name, sample in files.items():
        count = max(1, mutations // len(files) // (50 if name in SLOW else 1))

        def work(name: str = name, sample: Path = sample, count: int = count) -> None:
            sys.exit(min(run(name, sample, count, seed, keep), 100))

        worker = fork.Process(target=work)
        worker.start()
        worker.join()
        if worker.exitcode is None or not 0 <= worker.exitcode <= 100:
            print(f"{name}: ended by signal {worker.exitcode}; its last file is in {keep}", flush=True)
        print(f"{name}: {count} mutations, {worker.exitcode} faults", flush=True)
        faults += abs(worker.exitcode or 0)
    return faults


def main() -> int:
    from tests.formats import samples

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutations", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="samples whose name starts with this")
    parser.add_argument("--keep", type=Path, help="folder for the files at fault")
    parser.add_argument("--replay", type=Path, help="read this file again, within the same bounds")
    asked = parser.parse_args()
    if asked.replay:
        warnings.simplefilter("error")
        bound()
        damaged = asked.replay
        found = cache_fault(damaged) if damaged.name.startswith(CACHE) else fault(damaged)
        print(found or "no fault")
        return bool(found)
    keep = asked.keep or Path(tempfile.mkdtemp(prefix="fuzz-"))
    keep.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp())
    try:
        files = samples.make_all(folder, random_scene(60, 1, normals=False))
        files[CACHE] = cache_entry(folder)
        chosen = {name: path for name, path in files.items() if name.startswith(asked.only or "")}
        return min(run_all(chosen, asked.mutations, asked.seed, keep), 1)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
