"""How much memory a task takes, for schedulers that share it out.

Bytes of memory for each byte of input, from the peaks that were measured for every operation on Gaussians
of 62 floats that pack well, rounded up. A scene in PLY is read in pieces; others are unpacked as a whole.
"""

from __future__ import annotations

from .tasks import Task

_START = 100_000_000  # the interpreter, its modules, and what small inputs take
_PACKED = (".spz", ".compressed.ply", ".sog", ".ksplat", ".laz")
_FROM_PACKED, _FROM_PLY, _FROM_OTHERS = 24.0, 1.3, 5.0
_TO_PACKED, _TO_OTHERS = 6.0, 4.0  # for each byte of PLY; writing PLY takes no more than reading it
_MERGED = 5.0  # for each byte of PLY
_UNPACKED = 6.0  # bytes of PLY for each packed byte


def needed(task: Task) -> float:
    """About the most bytes that a task takes, by the sizes of its inputs and the suffixes of its files."""
    named = [f".{task.parameters['to']}"] if "to" in task.parameters else []
    to = max((_writing(path.lower()) for path in [*task.outputs, *named]), default=0.0)
    if task.operation in ("lod", "simplify"):
        to = max(to, _MERGED)
    return _START + sum(one.bytes * _each(one.path.lower(), to) for one in task.inputs)


def _each(path: str, to: float) -> float:
    """Bytes of memory for each byte of an input; `to` is what writing takes for each byte of PLY."""
    if path.endswith(_PACKED):
        return max(_FROM_PACKED, to * _UNPACKED)
    return max(_FROM_PLY if path.endswith(".ply") else _FROM_OTHERS, to)


def _writing(path: str) -> float:
    if path.endswith(_PACKED):
        return _TO_PACKED
    return 0.0 if path.endswith((".ply", ".npy", ".html", "/")) else _TO_OTHERS
