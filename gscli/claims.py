"""What a thinned file says of how it was made: the report of ``gscli resample``, or its comment line."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import files
from .cloud import GaussianCloud
from .errors import InputError, UsageError
from .methods import Method, method

_COMMENT = re.compile(r"gscli \S+ resample ((?:\S+=\S+ ?)+)")


@dataclass(frozen=True)
class Claim:
    """How a draw was made, as said by `said_by`: ``report`` or ``comment``.

    Attributes:
        voxel_size, origin: the lattice; None for a draw from a given mapping.
        points, fraction, forced_cells, cells, source_points: what the report says was kept and there
            was; None where only a comment speaks.
    """

    said_by: str
    method: Method
    seed: int
    epoch: int
    voxel_size: float | None
    origin: tuple[float, float, float] | None
    points: int | None = None
    fraction: float | None = None
    forced_cells: int | None = None
    cells: int | None = None
    source_points: int | None = None


def from_comment(cloud: GaussianCloud, path: str) -> Claim:
    """The claim of the last provenance comment of a file.

    Raises:
        InputError: there is none, or it cannot be understood.
    """
    lines = [m[1] for line in cloud.header.comments if (m := _COMMENT.fullmatch(line))]
    if not lines:
        raise InputError(
            "does not say how it was drawn",
            path=path,
            remedy="give the report of the run that made it with --expect",
        )
    said = dict(word.split("=", 1) for word in lines[-1].split())
    try:
        how = method(
            said["method"],
            ratio=_pair(said["ratio"]) if "ratio" in said else None,
            min_per_cell=int(said["min_per_cell"]) if "min_per_cell" in said else None,
            k=int(said["k"]) if "k" in said else None,
            target=said.get("target"),
            pick=said.get("pick"),
        )
        size = float(said["voxel_size"]) if "voxel_size" in said else None
        origin = None if size is None else _corner(said["origin"].split(","))
        return Claim("comment", how, int(said["seed"]), int(said["epoch"]), size, origin)
    except (KeyError, ValueError, UsageError) as error:
        raise InputError(f"its provenance comment cannot be understood ({error})", path=path) from None


def from_report(report: str | os.PathLike[str], draw: str, *, alone: bool) -> Claim:
    """The claim that a report of ``gscli resample`` makes of a file.

    Args:
        report: JSON of schema ``gscli/resample/1``, or ``-`` for stdin.
        draw: the file; found in the report by its path, else by its name.
        alone: whether it is the only one in question, so that the only output of a report is it,
            whatever it is called now.

    Raises:
        InputError: no such report, or the file is not in it.
    """
    content = _load(report)
    try:
        outputs = content["outputs"]
        found = [o for o in outputs if os.path.realpath(o["path"]) == os.path.realpath(draw)]
        found = found or [o for o in outputs if Path(o["path"]).name == Path(draw).name]
        if not found and alone and len(outputs) == 1:
            found = outputs
        if len(found) != 1:
            raise InputError(f"does not say which of its {len(outputs)} outputs {draw} is", path=report)
        output, grid = found[0], content["grid"]
        ratio, pick = output.get("ratio"), output["pick"]
        how = method(
            output["method"],
            ratio=None if ratio is None else (float(ratio[0]), float(ratio[1])),
            min_per_cell=output.get("min_per_cell"),
            k=output.get("k"),
            target=output.get("target"),
            pick=None if output["method"] == "dense" else pick,
        )
        size = grid["voxel_size"]
        return Claim(
            "report",
            how,
            int(output["seed"] or 0),  # null where nothing is random
            int(output["epoch"] or 0),
            None if size is None else float(size),
            None if size is None else _corner(grid["origin"]),
            points=int(output["kept"]["points"]),
            fraction=float(output["kept"]["fraction"]),
            forced_cells=int(output["kept"]["forced_cells"]),
            cells=int(grid["cells"]),
            source_points=int(content["input"]["points"]),
        )
    except (KeyError, TypeError, ValueError, IndexError, UsageError) as error:
        raise InputError(
            f"is no report of gscli resample ({error!r})", path=report, remedy="give what --report wrote"
        ) from None


def _load(report: str | os.PathLike[str]) -> Any:
    if files.is_standard(report):
        with files.spooled_stdin() as spool:
            text = spool.read_text()
    else:
        files.require_readable(Path(report))
        text = Path(report).read_text(errors="replace")
    try:
        content = json.loads(text)
    except ValueError as error:
        raise InputError(f"is no JSON ({error})", path=report) from None
    if not isinstance(content, dict) or content.get("schema") != "gscli/resample/1":
        raise InputError("is no report of gscli resample", path=report, remedy="give what --report wrote")
    return content


def _corner(values: Sequence[Any]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _pair(text: str) -> tuple[float, float]:
    low, high = (float(part) for part in text.split(":"))
    return low, high
