"""Is what a report of ``gscli simplify`` says true? The scene is simplified, searched and judged again."""

from __future__ import annotations

from typing import Any

from ..cloud import GaussianCloud
from ..errors import GateMissed, InputError
from ..grids.figures import figures
from ..progress import Timings, Track
from ..rasterizers import ON_CPU, ON_GPU
from ..simplifying import judging, searching
from ..simplifying.asked import require_sense
from ..simplifying.cells import CellsAsked
from ..simplifying.making import Made
from ..simplifying.merged import BLIND
from ..simplifying.methods import CELLS
from ..simplifying.result import SCHEMA, Looked, Simplified
from .checks import SHOWN, Check
from .claims import number, sensible, whole
from .figures import differences
from .merged import Redone
from .simplifications import Simplification, claim

DIGITS = 6  # decimals of what is compared: logarithms differ by the last bit between machines
_BELIEVED = {"version": (), "options": (), "notes": (), "timings_s": (), "input": ("path",)}
_BELIEVED |= {"output": ("path", "index")}


def from_report(content: dict[str, Any], report: str) -> Simplification | None:
    """How a report of ``gscli simplify``, read from the path `report`, says that its output was made.

    None of another report.

    Raises:
        InputError: it says what no run does.
    """
    if content["schema"] != SCHEMA:
        return None
    with sensible(report, "simplify"):
        options = content["options"]
        target, least, views, cameras = (options[k] for k in ("target", "min_psnr", "views", "cameras"))
        for value in (target, cameras):
            if value is not None and type(value) is not str:
                raise TypeError(f"{value!r:.50} is no text")
        if least is not None:
            number(least)
        method, lattice, size = options["method"], None, None
        asked = (options["voxel_size"], options["points_per_cell"], options["origin"])
        require_sense(target, least, views, cameras, method, *asked)
        if method == CELLS:
            lattice, size = CellsAsked(*asked), number(content["cells"]["voxel_size"])
        seen = {"views": 0, "growth": None, "rasterizer": ON_CPU} if views == 0 else content["look"]
        if seen["rasterizer"] not in (ON_CPU, ON_GPU):
            raise ValueError(f"rasterizer {seen['rasterizer']!r:.50}")
        power = seen["growth"]
        return Simplification(
            f"target={target}" if target is not None else CELLS if lattice else f"min_psnr={least!r}",
            target,
            whole(seen["views"]),
            None if cameras is None else cameras.replace("\\", "/").rsplit("/", 1)[-1],
            BLIND if power is None else number(power),
            seen["rasterizer"],
            said_by="report",
            cells=lattice,
            voxel_size=size,
            report=content,
        )


def check_report(
    said: Simplification,
    again: Redone,
    rows: int,
    size: int | None,
    source: str,
    timings: Timings,
    track: Track,
) -> Check:
    """Every figure of a report that the scene and its options tell.

    Not known are how long it took, and which axes and quality were asked for.

    Args:
        again: the scene simplified as the report says. rows: of the file.
        size: bytes of the scene's file, where it has a size. source: what messages call it.
    """
    report = said.report
    assert report is not None
    maker, made, cloud = again.maker, again.made, again.maker.gaussians.cloud
    judged = searched = None
    if maker.seen is not None:
        where = judging.from_where(cloud, source, again.cameras)
        searches = said.target is None and again.grid is None
        judge = judging.Judge(cloud, source, where, maker.seen.engine, several=searches)

        def looks(made: Made) -> tuple[Made, judging.Judged]:
            return made, judge.stage(made.cloud, timings, track)

        if not searches:
            judged = looks(made)[1]
        else:
            hierarchy, least = maker.hierarchy(1), report["options"]["min_psnr"]
            try:
                made, judged, searched = searching.fewest(
                    len(cloud),
                    least,
                    lambda left: looks(maker.made(hierarchy.roots(left), timings, track)),
                    source,
                )
            except GateMissed as error:
                return Check("report", 1, (f"no run does what the report says: {error.what}",))
    true = Simplified(
        path="",
        format=cloud.header.format,
        bytes=size,
        points=len(cloud),
        output="",
        kept=len(made.cloud),
        merged=len(made.clusters.merged),
        sources=len(made.clusters.members),
        cells=None if again.grid is None else figures(again.grid),
        averaged=tuple(maker.averaged),
        chosen=tuple(maker.chosen),
        searched=searched,
        looked=None
        if maker.seen is None
        else Looked.of(maker.seen, report["options"]["cameras"], made.growth),
        looks=judged,
        index=None,
        timings=timings,
    ).to_dict()
    for name, inside in _BELIEVED.items():
        if not inside:
            del true[name]
        for key in inside:
            del true[name][key]
    wrong = list(differences(_told(report), _told(true)))
    if rows != len(made.cloud):
        wrong.append(f"has {rows:,} rows, and by the report's options {len(made.cloud):,} are left")
    return Check("report", len(wrong), tuple(wrong[:SHOWN]))


def check_comment(said: Simplification, drawn: GaussianCloud, path: str) -> Check | None:
    """Whether the comment of a file says what its report says; None where it has none."""
    try:
        told = claim(drawn, path)
    except InputError as error:
        return Check("comment", 1, (error.what,))
    if told is None:
        return None
    reported = said.to_dict()
    wrong = [
        f"its comment says {name}={value}, the report {name}={reported[name]}"
        for name, value in told.to_dict().items()
        if name != "said_by" and value != reported[name]
    ]
    return Check("comment", len(wrong), tuple(wrong[:SHOWN]))


def _told(value: Any) -> Any:
    """A document with its numbers rounded."""
    if isinstance(value, dict):
        return {key: _told(inside) for key, inside in value.items()}
    return round(value, DIGITS) if isinstance(value, float) else value
