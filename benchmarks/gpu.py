"""What a GPU takes beside the CPU's cores, once each answer is found equal, in under 8 minutes.

It runs the tests marked gpu, holds answers and files to the CPU's, and times them; what there was no time
for, or what failed, is named, and the rest goes on. With --dry-run all of it on the CPU, on tiny clouds.
"""

from __future__ import annotations

import argparse
import datetime
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from gscli import device

from .gpu_parts import PARTS, ROOT, Found, Run
from .measured import Part, Table
from .tables import machine

REPORT = "gpu.json", "gpu.md"


def go(work: Callable[[Run], Found], part: Part, run: Run, limit: float) -> None:
    """Run a part until its end, its limit or its first failure, which it keeps."""
    start = time.monotonic()
    try:
        for found in work(run):
            if isinstance(found, Table):
                part.tables.append(found)
                print(f"{found.markdown()}\n", flush=True)
            else:
                part.facts |= found
                print("\n".join(f"{name}: {fact}" for name, fact in found.items()) + "\n", flush=True)
            if time.monotonic() - start > limit or time.monotonic() > run.ends:
                part.left_out = f"what follows, after {limit:.0f} s"
                break
    except Exception as error:  # noqa: BLE001  whatever one part meets, the others are measured
        part.error = f"{type(error).__name__}: {error}"
    part.took_s = round(time.monotonic() - start, 1)
    for trouble in filter(None, (part.left_out and f"left out: {part.left_out}", part.error)):
        print(f"{part.name}: {trouble}\n", flush=True)


def commit() -> str:
    """What is measured; where there is no history, that this is not known."""
    asked = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    try:
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown commit"


def main() -> int:
    """Run every part; 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="on the CPU, on tiny clouds, once")
    parser.add_argument("--repeats", type=int, help="timed repeats after a warm-up (5, with --dry-run 1)")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for gpu.json and gpu.md")
    asked = parser.parse_args()
    if not asked.dry_run and not torch.cuda.is_available():
        parser.error("torch sees no usable GPU; use --dry-run")
    run = Run(asked.dry_run, asked.repeats or (1 if asked.dry_run else 5))
    about = {
        "card": device.describe(run.where),
        "commit": commit(),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "machine": machine(),
        "dry_run": run.dry,
    }
    head = f"{about['card']}, commit {about['commit']}, {about['date']}; {about['machine']}"
    print(f"{head}\n", flush=True)
    asked.out.mkdir(parents=True, exist_ok=True)
    parts: list[Part] = []
    for name, (work, limit) in PARTS.items():
        parts.append(Part(name))
        go(work, parts[-1], run, limit)
        document = about | {"parts": [part.json() for part in parts]}  # kept whatever comes after
        (asked.out / REPORT[0]).write_text(json.dumps(document, indent=1) + "\n", "utf-8")
        (asked.out / REPORT[1]).write_text("\n\n".join([head, *map(Part.markdown, parts)]) + "\n", "utf-8")
    return int(any(part.error for part in parts))


if __name__ == "__main__":
    sys.exit(main())
