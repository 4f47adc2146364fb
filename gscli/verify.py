"""Check that a file is the sample of a scene that it claims to be: what ``gscli verify`` does.

One module: what is asked of draws, and what is answered.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import arguments, files, given
from .cameras import files as camera_files
from .cloud import GaussianCloud
from .errors import GateMissed, UsageError
from .files import writing
from .given import Given
from .grids import grid_files
from .grids.voxel_grid import VoxelGrid
from .kernels import statistics
from .kernels.statistics import Uniformity
from .progress import Timings, Track, silent
from .results.documents import document, seconds
from .results.shown import shown
from .verifying import claims, levels, merged, simplifications, simplify_reports
from .verifying.checks import Check, check_draw
from .verifying.claims import Claim, refusing
from .verifying.figures import check_comment, check_report, positions
from .verifying.levels import Listed
from .verifying.simplifications import Simplification

__all__ = ["Verified", "verify"]

SCHEMA = "gscli/verify/1"
LEAST_P = 1e-6  # an ideal sampler fails one test of a million


@shown
@dataclass(frozen=True)
class Verified:
    """What `verify` found.

    Attributes:
        draws: path, claim and checks of each draw.
        uniformity: the statistical tests over several draws; empty where none were made.
        together: the check that the statistical tests make, if they were made.
    """

    path: str
    points: int
    draws: tuple[tuple[str, Claim | Simplification | Listed, tuple[Check, ...]], ...]
    uniformity: tuple[Uniformity, ...]
    together: tuple[Check, ...]
    notes: tuple[str, ...]
    timings: Timings

    @property
    def violations(self) -> int:
        """How many there are, of all checks together."""
        every = [check for _, _, checks in self.draws for check in checks] + list(self.together)
        return sum(check.violations for check in every)

    def _facts(self) -> dict[str, object]:
        found = {"path": self.path, "points": self.points, "draws": len(self.draws)}
        return {**found, "violations": self.violations}

    def to_dict(self) -> dict[str, Any]:
        """The JSON document."""
        return document(
            SCHEMA,
            source={"path": self.path, "points": self.points},
            passed=self.violations == 0,
            violations=self.violations,
            draws=[
                {
                    "path": path,
                    **claim.to_dict(),
                    "checks": [check.to_dict() for check in checks],
                }
                for path, claim, checks in self.draws
            ],
            statistics=[
                {"name": t.name, "statistic": t.statistic, "freedom": t.freedom, "p": t.p}
                for t in self.uniformity
            ],
            together=[check.to_dict() for check in self.together],
            notes=self.notes,
            timings_s=seconds(self.timings),
        )

    def require(self) -> None:
        """Nothing if all checks passed.

        Raises:
            GateMissed: naming the first violation.
        """
        for path, _, checks in (*self.draws, (self.path, None, self.together)):
            for check in checks:
                if not check.passed:
                    more = f", and {self.violations - 1:,} more" if self.violations > 1 else ""
                    raise GateMissed(f"{check.examples[0]}{more}", path=path)


def verify(
    source: Given,
    draws: Given | Sequence[Given],
    *,
    expect: str | os.PathLike[str] | None = None,
    grid_file: str | None = None,
    rows: str | os.PathLike[str] | None = None,
    cameras: str | os.PathLike[str] | None = None,
    trust_pickle: bool = False,
    axes: str | None = None,
    overwrite: bool = False,
    also_written: Sequence[str] = (),
    track: Track = silent,
) -> Verified:
    """Check draws against the scene they were drawn from.

    Of each: the columns are the scene's (``columns``); every row is a row of the scene (``subset``), none
    used twice (``duplicates``); every cell keeps exactly as many as the method says (``cells``); drawing
    again with its seed and epoch gives these rows in this order (``rows``); every figure of the report is
    true (``report``), and the comment in the file says the same (``comment``). Two or more draws with one
    method and grid are also tested for uniformity, see `gscli.kernels.statistics`.

    Values are compared, whatever types the format of a draw stores them in. What a format rounds is held to
    what it makes of the same draw, what it cannot hold is not compared: both are said in a note.

    Of what ``gscli simplify`` made: there are as many rows as asked for (``count``) and the scene's columns
    (``columns``); rows that nothing was merged with are those of the scene (``untouched``), the others what
    theirs merge to (``merged``); each row of the scene is where `rows` says (``map``), those of a cell in one
    row (``cells``). With its report the scene is simplified, searched and judged again, and ``report`` and
    ``comment`` are as of draws.

    Of a folder that ``gscli lod`` wrote, by its lod.json: the files that it names are there, and no other
    level (``files``); each level has as many rows as it says, fewer than the one before (``counts``); the
    finest is the scene (``scene``); every other is what one sequence of merges leaves of it, as above, and
    its comment says the same (``comment``). Of levels in SOG rows are not compared.

    Args:
        source: the scene, a file, ``-`` for stdin, or a cloud.
        draws: one or several that `gscli.resample` or `gscli.simplify` made of it, files or clouds, or
            folders that `gscli.lod` made.
        expect: the report of the run that made them, or it; without it their comment lines are believed.
        grid_file: the mapping that draws without a lattice were made with; by default the one in
            the scene's folder, see `gscli.grids.grid_files`.
        rows: of one simplified scene, the row that each row of `source` became part of, as simplify's `index`
            writes them; without it rows are merged again.
        cameras: those that a simplified scene was looked at from, if they are of a file.
        trust_pickle, axes: about `source`; see `gscli.formats.read`.
        overwrite: whether what `also_written` names may be there.
        also_written: paths that the caller is going to write.
        track: told how far it is; see `gscli.progress.Track`.

    Raises:
        InputError: a file is missing or malformed, or does not say how it was drawn, or says what
            cannot be.
    """
    arguments.require_paths(optional=True, expect=expect, grid_file=grid_file, rows=rows, cameras=cameras)
    several = given.several(draws)
    if not several:
        raise UsageError("there is no draw to verify")
    (scene,) = given.opened(source)
    drawings = [given.opened(draw, roles=["draws"])[0] for draw in several]
    whole = os.fspath(source) if isinstance(source, arguments.PATH) else scene.name
    if (
        sum(each.standard for each in (scene, *drawings)) + (expect is not None and files.is_standard(expect))
        > 1
    ):
        raise UsageError("stdin can be read once")
    read = given.paths([scene, *drawings])
    read += [Path(path) for path in (expect, grid_file, rows, cameras) if path is not None]
    writing.check_outputs(also_written, overwrite=overwrite, sources=read)
    timings = Timings()
    with timings.stage("read", track):
        (cloud,), _ = given.read([scene], trust_pickle=trust_pickle, axes=axes)
        said = None if expect is None else claims.read_report(expect)
    grids: dict[Any, VoxelGrid] = {}
    groups: dict[Any, dict[tuple[int, int], npt.NDArray[Any]]] = {}
    found: list[tuple[str, Claim | Simplification | Listed, tuple[Check, ...]]] = []
    looked = None if cameras is None else camera_files.read(cameras)
    notes: list[str] = [*cloud.header.notes]
    for number, (draw, drawing) in enumerate(zip(several, drawings, strict=True)):
        path = "draws" if len(several) == 1 else f"draws[{number}]"
        path = os.fspath(draw) if isinstance(draw, arguments.PATH) else path
        if drawing.path is not None and levels.is_folder(drawing.path):
            idle_here = (("expect", expect), ("grid_file", grid_file), ("rows", rows))
            if name := next((name for name, value in idle_here if value is not None), None):
                raise _idle(name, path, "a folder of levels")
            leveled = levels.check(cloud, whole, path, cameras=looked, timings=timings, track=track)
            found += leveled.draws
            notes += leveled.notes
            continue
        with timings.stage("read", track):
            (drawn,), _ = given.read([drawing])
        notes += drawn.header.notes
        if said is None:
            simplified = simplifications.claim(drawn, path)
        else:
            simplified = simplify_reports.from_report(said, files.display(expect or ""))
        if simplified is not None:
            if grid_file is not None:
                raise _idle("grid_file", path, "a simplified scene")
            for name, value in (("rows", rows), ("expect", expect)):
                if value is not None and len(drawings) > 1:
                    raise UsageError(
                        f"`{name}` is about one simplified scene", remedy="verify each by itself"
                    )
            both = (cloud, drawn, simplified, whole, path)
            tested, more, redone = merged.check(
                *both, rows=rows, cameras=looked, timings=timings, track=track
            )
            if redone is not None and simplified.report is not None:
                about = simplified, redone, len(drawn), scene.bytes, whole
                tested.append(simplify_reports.check_report(*about, timings, track))
            if simplified.report is not None:
                tested += filter(None, [simplify_reports.check_comment(simplified, drawn, path)])
            found.append((path, simplified, tuple(tested)))
            notes += more
            continue
        if idle := next((name for name, a in (("rows", rows), ("cameras", cameras)) if a is not None), None):
            raise UsageError(f"`{idle}` is about simplified scenes, and {path} does not say that it is one")
        with track("verifying", len(cloud) + len(drawn)) as advance:
            if expect is None or said is None:
                claim = claims.from_comment(drawn, path)
            else:
                claim = claims.from_report(said, files.display(expect), path, alone=len(several) == 1)
            lattice = (claim.voxel_size, claim.origin, claim.drop)
            with timings.stage("grid", track):
                if lattice not in grids:
                    grids[lattice] = _grid(cloud, claim, scene.path, grid_file, path)
            with timings.stage("check"):
                checked = check_draw(cloud, drawn, claim, grids[lattice], path, advance)
                checks = [*checked.checks]
                if claim.report is not None:
                    with refusing(path):
                        again = grids[lattice], len(drawn), checked.forced_cells, checked.compensated
                        checks.append(check_report(claim, cloud, scene.bytes, *again))
                    checks += filter(None, [check_comment(claim, drawn)])
            found.append((path, claim, tuple(checks)))
            notes += checked.notes
            if claim.method.picks and claim.method.pick.uniform:
                group = groups.setdefault((lattice, claim.method), {})
                if (claim.seed, claim.epoch) in group:
                    notes.append(f"{path} is a draw of the same seed and epoch as another: tested once")
                group[claim.seed, claim.epoch] = checked.rows
    uniformity: list[Uniformity] = []
    with timings.stage("statistics", track):
        for (lattice, how), group in groups.items():
            if len(group) > 1:
                for test in _uniformity(grids[lattice], list(group.values())):
                    name = f"{how.name} {test.name}" if len(groups) > 1 else test.name
                    uniformity.append(replace(test, name=name))
    odd = tuple(_unlikely(test) for test in uniformity if test.p < LEAST_P)
    return Verified(
        path=whole,
        points=len(cloud),
        draws=tuple(found),
        uniformity=tuple(uniformity),
        together=(Check("statistics", len(odd), odd),) if uniformity else (),
        notes=tuple(notes),
        timings=timings,
    )


def _idle(option: str, path: str, what: str) -> UsageError:
    return UsageError(f"`{option}` has no effect: {path} is {what}", remedy=f"drop `{option}`")


def _grid(
    cloud: GaussianCloud, claim: Claim, source: Path | None, grid_file: str | None, path: str
) -> VoxelGrid:
    if claim.voxel_size is None:
        found = grid_files.find_mapping(source, grid_file)
        return VoxelGrid.from_ids(grid_files.read_mapping(found, len(cloud), scene=source))
    if grid_file is not None:
        raise UsageError(
            "`grid_file` has no effect: the draws were made from a lattice", remedy="drop `grid_file`"
        )
    with refusing(path):
        xyz = positions(cloud, claim)
        return VoxelGrid.from_points(
            xyz.T, voxel_size=claim.voxel_size, origin=claim.origin, drop_invalid=True
        )


def _uniformity(grid: VoxelGrid, draws: list[npt.NDArray[Any]]) -> list[Uniformity]:
    if not len(grid):
        return []
    kept = np.zeros((len(draws), grid.points), bool)
    for number, rows in enumerate(draws):
        chosen = np.zeros(grid.rows, bool)
        chosen[rows] = True
        kept[number] = chosen[grid.order]
    return statistics.uniformity(grid.offsets, kept)


def _unlikely(test: Uniformity) -> str:
    if test.freedom:
        value = f"chi-square {test.statistic:.4g} with {test.freedom:,} degrees of freedom"
    else:
        value = f"{test.statistic:.3g} standard deviations"
    return f"{test.name} is not that of a uniform sampler: {value}, p = {test.p:.1g}"
