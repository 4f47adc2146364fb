"""What the scripts share: how they are called, and groups of what was timed as Markdown."""

from __future__ import annotations

import argparse
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from gscli.bench.timing import Group, Row
from gscli.kernels import parallel

GSCLI = (sys.executable, "-m", "gscli")
PEERS = ("numpy", "torch", "triton", "scipy", "plyfile", "open3d")

Tables = Callable[..., Iterator[str]]  # tables(quick, repeats): Markdown, as each is measured


def show(tables: Tables, about: str | None, *, files: str | None = None) -> None:
    """Run a script: print where it runs and its tables.

    Args:
        files: what files are that it takes too, as its last argument; None where it takes none.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, once: whether it runs at all")
    parser.add_argument("--repeats", type=int, help="timed repeats after a warm-up (5, with --quick 1)")
    if files is not None:
        parser.add_argument("files", nargs="*", help=files)
    asked = parser.parse_args()
    given = [asked.files] if files is not None else []
    print(f"{machine()}\n")
    for table in tables(asked.quick, asked.repeats or (1 if asked.quick else 5), *given):
        print(f"{table}\n", flush=True)


def machine() -> str:
    """Where this runs, in one line: cores, system and the versions of what is timed."""
    versions = [f"{name} {found}" for name in PEERS if (found := _version(name))]
    where = f"{parallel.cores()} cores, {platform.system()} {platform.machine()}"
    return f"{where}, Python {platform.python_version()}, {', '.join(versions)}"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def markdown(group: Group, each: str = "", counts: Mapping[str, int] | None = None) -> str:
    """A group as a Markdown table: time, ratio to the first row, and peak memory of processes.

    Args:
        group: what was timed.
        each: the heading of a further column, the time for one of what a row does several of.
        counts: by the name of a row, how many that are.
    """
    memory = any(row.peak_mb is not None for row in group.rows)
    heads = [group.title, "time", "ratio", *([each] if each else []), *(["peak memory"] if memory else [])]
    lines = [heads, ["---"] * len(heads)]
    for row in group.rows:
        cells = [row.name, _time(row), "" if row.ratio is None else f"{row.ratio:.2f}"]
        if each:
            many = (counts or {}).get(row.name)
            cells.append("" if row.seconds is None or not many else seconds(row.seconds / many))
        if memory:
            cells.append("" if row.peak_mb is None else f"{row.peak_mb:,.0f} MB")
        lines.append(cells)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _time(row: Row) -> str:
    return row.note if row.seconds is None else ", ".join(filter(None, [seconds(row.seconds), row.note]))


def seconds(time: float) -> str:
    """Two digits that say something."""
    if time >= 10:
        return f"{time:.0f} s"
    if time >= 1:
        return f"{time:.1f} s"
    return f"{time:.2f} s" if time >= 0.0995 else f"{time * 1e3:.2g} ms"


def script(code: str, *arguments: object, needs: str) -> list[str] | str:
    """The command that runs Python code which needs a library; or that this is not installed."""
    if find_spec(needs) is None:
        return f"{needs} is not installed"
    return [sys.executable, "-c", code, *map(str, arguments)]


def set_aside(variable: str, value: os.PathLike[str] | str, *command: str) -> list[str]:
    """A command with one variable of its environment set."""
    return ["env", f"{variable}={os.fspath(value)}", *command]
