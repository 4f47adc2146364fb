"""What a file says of how it was simplified, by its comment line."""

from __future__ import annotations

import ast
import re
import reprlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..cloud import GaussianCloud
from ..errors import InputError, UsageError
from ..grids.lattice import check_lattice_options
from ..grids.settings import rows_wanted
from ..rasterizers import ON_CPU
from ..simplifying import cells
from ..simplifying.merged import BLIND, GROWTHS
from ..simplifying.methods import CELLS

_COMMENT = re.compile(
    r"gscli \S+ simplify (?:(target|min_psnr)=(\S+)"
    r"|method=one-per-grid voxel_size=(\S+) origin=(\S+)(?: target=(\S+))?)"
    r" views=(\d{1,9})(?: cameras=('.*'|\".*\"))?(?: rasterizer=(triton))? growth=(\S+)"
)
_MADE = re.compile(r"gscli \S+ (resample|simplify) ")


@dataclass(frozen=True)
class Simplification:
    """How a scene was simplified, as said by `said_by`: ``report`` or ``comment``.

    Attributes:
        aim: what was asked for, ``target=25%`` or ``min_psnr=35.0``. views: how many it was looked at from.
        target: exactly so many; None for the fewest that look alike, or one of each cell.
        cells, voxel_size: those whose rows were put together, and how large they are; None where pairs were.
        cameras: the name of the file that they are of, if they are of one.
        growth: the power by which Gaussians grew. rasterizer: what drew the scene.
        report: the whole report; None where only a comment speaks.
    """

    aim: str
    target: str | None
    views: int
    cameras: str | None
    growth: float
    rasterizer: str = ON_CPU
    said_by: str = "comment"
    cells: cells.CellsAsked | None = None
    voxel_size: float | None = None
    report: dict[str, Any] | None = None

    def __str__(self) -> str:
        whence = "" if self.cameras is None else f" of {self.cameras}"
        what = "simplify" if self.voxel_size is None else f"simplify, cells of {self.voxel_size:g}"
        by = "" if self.rasterizer == ON_CPU else f" by {self.rasterizer}"
        return f"{what}, {self.aim}, {self.views} views{whence}{by}, growth {self.growth:g}"

    def to_dict(self) -> dict[str, Any]:
        """Its part of the JSON document."""
        return {
            "method": "simplify",
            "aim": self.aim,
            "voxel_size": self.voxel_size,
            "views": self.views,
            "cameras": self.cameras,
            "growth": self.growth,
            "rasterizer": self.rasterizer,
            "said_by": self.said_by,
        }


def claim(drawn: GaussianCloud, path: str) -> Simplification | None:
    """What the last provenance comment of a file says, if it says that it was simplified.

    Raises:
        InputError: it says what no run does.
    """
    lines = [line for line in drawn.header.comments if _MADE.match(line)]
    if not lines or _MADE.match(lines[-1])[1] != "simplify":  # type: ignore[index]
        return None
    try:
        found = _COMMENT.fullmatch(lines[-1])
        if found is None:
            raise ValueError(reprlib.repr(lines[-1]))
        what, wanted, size, corner, share, views, cameras, rasterizer, growth = found.groups()
        target = wanted if what == "target" else share
        if what == "min_psnr" and not 0 < float(wanted) < np.inf:
            raise ValueError(f"{what}={wanted}")
        lattice = None if size is None else _lattice(size, corner)
        aim = f"{what}={wanted}" if what else CELLS if share is None else f"target={share}"
        if target is not None:
            rows_wanted(target, None)
        power = float(growth)
        if power not in (GROWTHS if int(views) else (BLIND,)):
            raise ValueError(f"growth={growth}")
        named = None if cameras is None else str(ast.literal_eval(cameras))
        edge = None if size is None else float(size)
        by = ON_CPU if rasterizer is None else str(rasterizer)
        return Simplification(aim, target, int(views), named, power, by, cells=lattice, voxel_size=edge)
    except (ValueError, SyntaxError, UsageError) as error:
        raise InputError(f"its provenance comment cannot be understood ({error})", path=path) from None


def _lattice(size: str, corner: str) -> cells.CellsAsked:
    """That of the words of a comment."""
    x, y, z = map(float, corner.split(","))
    check_lattice_options(float(size), None, (x, y, z))
    return cells.CellsAsked(float(size), None, (x, y, z))
