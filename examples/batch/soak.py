#!/usr/bin/env python3
"""Kill a batch again and again, at random moments, and hold what it leaves to an undisturbed run.

    soak.py --kills 1000

After every kill each output must be whole, byte for byte, or absent; at the end, resuming must give
exactly what the undisturbed run gave. A third of the kills hit the batch, a third one of its workers
(both with SIGKILL, which nothing can prepare for), and a third are Ctrl-C.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gscli import scene

GSCLI = [sys.executable, "-m", "gscli"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--scenes", type=int, default=8)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gscli-soak-") as folder:
        soak(Path(folder), options.kills, options.scenes, options.points, random.Random(options.seed))


def soak(folder: Path, kills: int, scenes: int, points: int, chance: random.Random) -> None:
    (folder / "scenes").mkdir()
    for number in range(scenes):
        scene.write(folder / "scenes" / f"{number}.ply", points, sh_degree=1, seed=number)
    begin = time.monotonic()
    finish(folder, "undisturbed")
    longest = time.monotonic() - begin
    expected = outputs(folder / "undisturbed")
    assert len(expected) == 2 * scenes

    out, finished = folder / "out", 0
    hits = {"batch": 0, "worker": 0, "ctrl-c": 0}
    while sum(hits.values()) < kills:
        batch = start(folder, "out")
        try:
            batch.wait(chance.uniform(0, longest))
        except subprocess.TimeoutExpired:
            hits[hit(batch, chance)] += 1
            batch.wait()
            print(f"\r{sum(hits.values())} of {kills} kills", end="", file=sys.stderr)
        check(outputs(out), expected)
        if len(outputs(out)) == len(expected):
            finish(folder, "out")
            assert outputs(out) == expected
            shutil.rmtree(out)
            finished += 1
    finish(folder, "out")
    assert outputs(out) == expected
    assert not list(out.rglob("*.gscli-tmp")), "leftovers of interrupted writes"
    print("\r", end="", file=sys.stderr)
    told = ", ".join(f"{count} {name}" for name, count in hits.items())
    print(f"{kills} kills ({told}); {finished + 1} batches resumed to the same {len(expected)} files")


def start(folder: Path, out: str) -> subprocess.Popen[bytes]:
    words = "--method half-density --method one-per-grid --seed 1 --workers 2 --resume --quiet"
    return subprocess.Popen(
        [*GSCLI, "batch", "resample", "scenes/*.ply", "--out-dir", out, *words.split()],
        cwd=folder,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def finish(folder: Path, out: str) -> None:
    status = start(folder, out).wait()
    assert status == 0, f"exit status {status}"


def hit(batch: subprocess.Popen[bytes], chance: random.Random) -> str:
    """Kill the batch, or one of its workers, or interrupt it; returns which."""
    victim = chance.choice(["batch", "worker", "ctrl-c"])
    workers = children(batch.pid)
    if victim == "ctrl-c":
        batch.send_signal(signal.SIGINT)
    elif victim == "worker" and workers:
        with contextlib.suppress(ProcessLookupError):  # it was done
            os.kill(chance.choice(workers), signal.SIGKILL)
    else:
        victim = "batch"
        batch.kill()
    return victim


def children(pid: int) -> list[int]:
    listing = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True)
    return [int(line) for line in listing.stdout.split()]


def outputs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.ply")}


def check(found: dict[str, bytes], expected: dict[str, bytes]) -> None:
    for name, data in found.items():
        assert data == expected[name], f"{name} is neither whole nor absent"


if __name__ == "__main__":
    main()
