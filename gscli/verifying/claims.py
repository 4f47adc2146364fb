"""What a file says of how it was drawn: the report of ``gscli resample``, or its comment line."""

from __future__ import annotations

import math
import os
import re
import reprlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import files
from ..cloud import GaussianCloud
from ..containers.bytes import MAX_JSON, parsed, read_small
from ..errors import InputError, UsageError, naming
from ..flaws import GAUSSIANS, Dropped
from ..grids.lattice import check_lattice_options
from ..grids.methods import Method
from ..kernels import hashing
from ..resampling import result as resampled
from ..simplifying import result as simplified

SCHEMAS = (resampled.SCHEMA, simplified.SCHEMA)
_REMEDY = "give the report that a run wrote"
_COMMENT = re.compile(r"gscli \S+ resample ([^\s=]+=\S+(?: [^\s=]+=\S+)* ?)")


@dataclass(frozen=True)
class Claim:
    """How a draw was made, as said by `said_by`: ``report`` or ``comment``.

    Attributes:
        voxel_size, origin: the lattice; None for a draw from a given mapping.
        drop: which flawed rows are in no cell.
        report: the whole report; None where only a comment speaks.
        output: which of its outputs the draw is.
    """

    said_by: str
    method: Method
    seed: int
    epoch: int
    voxel_size: float | None
    origin: tuple[float, float, float] | None
    drop: Dropped = True
    report: dict[str, Any] | None = None
    output: int = 0

    def __str__(self) -> str:
        return f"{self.method.name}, seed {self.seed} epoch {self.epoch}"

    def to_dict(self) -> dict[str, Any]:
        """Its part of the JSON document."""
        return {
            "method": self.method.name,
            "seed": self.seed,
            "epoch": self.epoch,
            "voxel_size": self.voxel_size,
            "origin": self.origin,
            "said_by": self.said_by,
        }

    def words(self) -> dict[str, str]:
        """The words of the comment that such a draw carries; those that have an effect."""
        said = [*self.method.words(), f"seed={self.seed}", f"epoch={self.epoch}"]
        words = dict(word.split("=", 1) for word in said)
        if not self.method.uses_seed:
            del words["seed"], words["epoch"]
        if self.voxel_size is not None and self.origin is not None:
            words |= {"voxel_size": repr(self.voxel_size), "origin": ",".join(map(repr, self.origin))}
        if self.drop == GAUSSIANS:
            words["drop_invalid"] = GAUSSIANS
        return words


def comment_words(cloud: GaussianCloud) -> dict[str, str] | None:
    """The words of the last provenance comment of a file; None where there is none."""
    lines = [m[1] for line in cloud.header.comments if (m := _COMMENT.fullmatch(line))]
    return dict(word.split("=", 1) for word in lines[-1].split()) if lines else None


def from_comment(cloud: GaussianCloud, path: str) -> Claim:
    """The claim of the last provenance comment of a file.

    Raises:
        InputError: there is none, or it cannot be understood.
    """
    said = comment_words(cloud)
    if said is None:
        raise InputError(
            "does not say how it was drawn",
            path=path,
            remedy="give the report of the run that made it with `expect`",
        )
    try:
        how = Method.of_words(said)
        size = float(said["voxel_size"]) if "voxel_size" in said else None
        origin = None if size is None else _corner([float(v) for v in said["origin"].split(",")])
        drop: Dropped = True
        if "drop_invalid" in said:
            drop = GAUSSIANS
            if said["drop_invalid"] != GAUSSIANS or size is None:
                raise ValueError("no run drops that")
        return _possible(Claim("comment", how, int(said["seed"]), int(said["epoch"]), size, origin, drop))
    except (KeyError, TypeError, ValueError, UsageError) as error:
        raise InputError(f"its provenance comment cannot be understood ({error})", path=path) from None


def from_report(content: dict[str, Any], report: str, draw: str, *, alone: bool) -> Claim:
    """The claim that a report of ``gscli resample`` makes of a file.

    Args:
        content: what `read_report` returned.
        report: its path, for messages.
        draw: the file; found in the report by its path, else by its name.
        alone: whether it is the only one in question, so that the only output of a report is it,
            whatever it is called now.

    Raises:
        InputError: the file is not in it, or what it says of the file makes no sense.
    """
    with sensible(report, "resample"):
        outputs = content["outputs"]
        real = os.path.realpath(draw)
        numbers = range(len(outputs))
        found = [i for i in numbers if os.path.realpath(outputs[i]["path"]) == real]
        found = found or [i for i in numbers if Path(outputs[i]["path"]).name == Path(draw).name]
        if not found and alone and len(outputs) == 1:
            found = [0]
        if len(found) != 1:
            raise InputError(f"does not say which of its {len(outputs)} outputs {draw} is", path=report)
        output, grid = outputs[found[0]], content["grid"]
        how, kept = Method.of(output), output["kept"]
        for counted in (kept["points"], kept["forced_cells"], grid["cells"], content["input"]["points"]):
            whole(counted)
        number(kept["fraction"])
        if not all(isinstance(each["method"], str) and "pick" in each for each in outputs):
            raise TypeError("an output without method or pick")
        if (aim := content["options"]["points_per_cell"]) is not None:
            number(aim)
        drop = content["options"].get("drop_invalid", False)
        if type(drop) is not bool and (drop != GAUSSIANS or grid["voxel_size"] is None):
            raise TypeError(f"{reprlib.repr(drop)} is nothing that a run drops")
        seed, epoch = ((output[key] if how.uses_seed else 0) for key in ("seed", "epoch"))
        size = grid["voxel_size"]
        return _possible(
            Claim(
                "report",
                how,
                whole(seed),
                whole(epoch),
                None if size is None else number(size),
                None if size is None else _corner(grid["origin"]),
                drop or True,  # what has no position is in no cell, whatever was asked for
                report=content,
                output=found[0],
            )
        )


def read_report(report: str | os.PathLike[str]) -> dict[str, Any]:
    """The document of a schema of `SCHEMAS` in a file, or on stdin for ``-``.

    Raises:
        InputError: there is no such file, or it is no such document.
    """
    path = files.display(report)
    with files.rereadable(report) as readable:
        text = read_small(readable, MAX_JSON, name=path).decode(errors="replace")
    try:
        content = parsed(text, parse_constant=number)
    except (ValueError, TypeError) as error:
        raise InputError(f"is no JSON ({error})", path=path) from None
    if not isinstance(content, dict) or content.get("schema") not in SCHEMAS:
        raise InputError("is no report of gscli resample or simplify", path=path, remedy=_REMEDY)
    return content


@contextmanager
def sensible(report: str, tool: str) -> Iterator[None]:
    """What cannot be understood of a report, at this path, makes it none of ``gscli`` and this tool."""
    try:
        yield
    except (KeyError, TypeError, ValueError, OverflowError, RecursionError, UsageError) as error:
        reason = repr(error)
        raise InputError(
            f"is no report of gscli {tool} ({reason if len(reason) < 200 else reason[:200] + ' ...'})",
            path=report,
            remedy=_REMEDY,
        ) from None


def _possible(claim: Claim) -> Claim:
    """The claim, unless no run could have made it: then UsageError."""
    hashing.require_seeds(seed=claim.seed, epoch=claim.epoch)
    check_lattice_options(claim.voxel_size, None, claim.origin)
    return claim


def whole(value: Any) -> int:
    if type(value) is not int:
        raise TypeError(f"{reprlib.repr(value)} is no whole number")
    return value


def number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise TypeError(f"{reprlib.repr(value)} is no finite number")
    return float(value)


def _corner(values: Sequence[Any]) -> tuple[float, float, float]:
    x, y, z = values
    return number(x), number(y), number(z)


@contextmanager
def refusing(path: str) -> Iterator[None]:
    """What would be a wrong option of a user is a wrong claim of the draw at `path`."""
    try:
        with naming(path):
            yield
    except UsageError as error:
        raise InputError(f"cannot be what it claims ({error.what})", path=path) from None
