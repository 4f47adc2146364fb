"""Read damaged copies of a file in this process, within bounds; run by `test_fuzz` in a process of its own.

    python -m tests.formats.fuzz SAMPLE SCRATCH COUNT SEED

Every read must end in a cloud or in a GscliError of one line. Prints the first mutation that does
not, or that takes more than 2 s; memory beyond 500 MB is refused by the operating system.
"""

from __future__ import annotations

import random
import resource
import signal
import sys
import time
from pathlib import Path

from gscli import formats
from gscli.errors import GscliError

SECONDS = 2.0
BYTES = 500 << 20


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Flipped bits, rubbish in the header, a cut, a splice, an extreme number, a hole, or odd digits."""
    out = bytearray(data)
    head = min(len(out), 600)
    kind = rng.randrange(7)
    if kind == 0:
        for _ in range(rng.choice((1, 2, 8, 64))):
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        for _ in range(rng.choice((1, 2, 4))):
            out[rng.randrange(head)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    elif kind == 2:
        del out[rng.randrange(len(out)) :]
    elif kind == 3:
        start, size, target = rng.randrange(len(out)), rng.randrange(1, 200), rng.randrange(len(out))
        out[target:target] = out[start : start + size]
    elif kind == 4:
        size = rng.choice((1, 2, 4, 8))
        at = rng.randrange(head if rng.random() < 0.7 else len(out))
        value = rng.choice((0, 1, 2 ** (8 * size) - 1, 2 ** (8 * size - 1), 2 ** (8 * size - 1) - 1, 10**12))
        out[at : at + size] = (value % 2 ** (8 * size)).to_bytes(size, "little")
    elif kind == 5:
        at = rng.randrange(len(out))
        del out[at : at + rng.randrange(1, 100)]
    else:
        text = [i for i in range(min(len(out), 4000)) if chr(out[i]).isdigit()]
        for i in rng.sample(text, min(len(text), 3)):
            out[i : i + 1] = rng.choice((b"9", b"0", b"-1", b"1000000000000", b"1e9", b"nan"))
    return bytes(out)


def current_bytes() -> int:
    """The address space that this process has taken."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def main(sample: Path, scratch: Path, count: int, seed: int) -> str:
    data = sample.read_bytes()
    formats.read(sample)  # what reading imports is not counted
    limit = current_bytes() + BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    # A hang ends in the default action of the signal, which ends the process.
    for number in range(count):
        rng = random.Random(f"{sample.name} {seed} {number}")
        scratch.write_bytes(mutated(data, rng) or b"\0")
        signal.setitimer(signal.ITIMER_REAL, 5 * SECONDS)
        start = time.perf_counter()
        try:
            formats.read(scratch)
        except GscliError as error:
            if "\n" in str(error) or not str(error).startswith(str(scratch)):
                return f"mutation {number}: {error!r} is not one line about the file"
        except BaseException as error:  # noqa: BLE001 - anything else is what is looked for
            import traceback

            return f"mutation {number}: {''.join(traceback.format_exception(error)[-6:])}"
        if time.perf_counter() - start > SECONDS:
            return f"mutation {number}: took more than {SECONDS} s"
    return ""


if __name__ == "__main__":
    found = main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    print(found)
    sys.exit(bool(found))
