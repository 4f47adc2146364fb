"""What is in a scene: what ``gscli info`` says.

One module: a scene in numbers, and where each comes from.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from . import arguments, fields, flaws, given
from .cloud import GaussianCloud
from .comparing.spacing import median_spacing
from .errors import InputError, naming
from .files import writing
from .given import Given
from .grids import lattice
from .grids.figures import GridFigures, figures
from .grids.voxel_grid import VoxelGrid
from .kernels.distributions import Distribution, distribution
from .neighbors import kdtree
from .positions import LARGEST, finite_rows
from .progress import Track, silent
from .rendering import glance as glances
from .rendering.glance import Glance
from .results.documents import document
from .results.shown import shown

__all__ = ["Distribution", "Glance", "GridFigures", "Info", "Quantiles", "describe", "info"]

SCHEMA = "gscli/info/1"
QUANTILES = (0.05, 0.5, 0.95)
INVISIBLE = 1 / 255  # of an opacity: what is below, no renderer of 3DGS draws (Kerbl et al. 2023)


@dataclass(frozen=True)
class Quantiles:
    """5 %, 50 % and 95 % quantiles and the mean of the finite values."""

    p05: float
    median: float
    p95: float
    mean: float


@shown
@dataclass(frozen=True)
class Info:
    """A scene in numbers; None for what it does not have.

    Attributes:
        bytes: size of the file; None for stdin, folders and clouds in memory.
        columns: (name, type) of every column, types as NumPy writes them.
        axes: those that the file is in, such as ``rub``, where its format lets them differ; a note says how
            they are known. All that is told is right-down-front.
        render_mode: how it is meant to be rendered, see `gscli.cloud.GaussianCloud.render_mode`.
        invalid: rows whose position is not finite, and the first of them.
        not_finite: Gaussians with a finite position and something else that is not: opacities may be infinite
            and scales -infinite, but nothing NaN. unrotated: those whose quaternion is zero. None where there
            are no Gaussians.
        low, high: corners of the box around the finite positions, in scene units.
        spacing: median distance to the nearest other position, in scene units.
        sh_degree: degree of the spherical harmonics.
        invisible: Gaussians whose opacity is below 1/255, which nothing draws.
        opacity: quantiles after the sigmoid. scale: quantiles of the longest axis, in scene units.
        distributions: of each column the name and how its values are spread, as stored; None unless asked
            for. Columns that do not hold one number a row are left out.
        cells: of a grid of the size asked for. points_per_cell: how many points its occupied cells hold.
        glance: what its page shows beside these; no part of the JSON document. None unless asked for.
    """

    path: str
    format: str
    bytes: int | None
    points: int
    columns: tuple[tuple[str, str], ...]
    comments: tuple[str, ...]
    notes: tuple[str, ...]
    axes: str | None
    gaussian: bool
    sh_degree: int | None
    render_mode: str | None
    invalid: int
    first_invalid: int | None
    not_finite: int | None
    unrotated: int | None
    invisible: int | None
    low: tuple[float, float, float] | None
    high: tuple[float, float, float] | None
    spacing: float | None
    opacity: Quantiles | None
    scale: Quantiles | None
    distributions: tuple[tuple[str, Distribution], ...] | None = None
    cells: GridFigures | None = None
    points_per_cell: Distribution | None = None
    glance: Glance | None = None

    def _facts(self) -> dict[str, object]:
        kind = "Gaussians" if self.gaussian else "points"
        return {"path": self.path, "format": self.format, kind: self.points, "columns": len(self.columns)}

    def to_dict(self) -> dict[str, Any]:
        """The JSON document."""
        return document(
            SCHEMA,
            input={"path": self.path, "format": self.format, "bytes": self.bytes, "points": self.points},
            axes=self.axes,
            gaussian=self.gaussian,
            sh_degree=self.sh_degree,
            render_mode=self.render_mode,
            fields=[{"name": name, "type": kind} for name, kind in self.columns],
            invalid={
                "points": self.invalid,
                "first_row": self.first_invalid,
                "not_finite": self.not_finite,
                "unrotated": self.unrotated,
            },
            invisible=self.invisible,
            bounds=None if self.low is None else {"min": self.low, "max": self.high},
            spacing=self.spacing,
            opacity=None if self.opacity is None else asdict(self.opacity),
            scale=None if self.scale is None else asdict(self.scale),
            distributions=None
            if self.distributions is None
            else {name: found.to_dict() for name, found in self.distributions},
            cells=None
            if self.cells is None or self.points_per_cell is None
            else {**self.cells.to_dict(), "points_per_cell": self.points_per_cell.to_dict()},
            comments=self.comments,
            notes=self.notes,
        )


def info(
    source: Given,
    *,
    stats: bool = False,
    voxel_size: float | None = None,
    glance: bool = False,
    up: str | None = None,
    trust_pickle: bool = False,
    axes: str | None = None,
    also_written: Sequence[str] = (),
    overwrite: bool = False,
    track: Track = silent,
) -> Info:
    """Read a scene and describe it. Positions that are not finite are counted, not refused.

    Args:
        source: a scene file or folder, ``-`` for stdin, a cloud, or what `gscli.in_memory.as_cloud` makes one
            of.
        stats, voxel_size, glance, up: as of `describe`.
        trust_pickle, axes: see `gscli.formats.read`.
        also_written: paths that the caller is going to write. overwrite: whether it may replace files.
        track: told how far it is; see `gscli.progress.Track`.
    """
    arguments.require_flags(stats=stats, glance=glance, overwrite=overwrite)
    lattice.check_lattice_options(voxel_size, None, None)
    glances.refuse_up(up, asked=glance)
    (scene,) = given.opened(source)
    writing.check_outputs(also_written, overwrite=overwrite, sources=given.paths([scene]))
    with track("reading", None):
        (cloud,), (name,) = given.read([scene], trust_pickle=trust_pickle, axes=axes)
    with naming(name):
        return describe(
            cloud,
            path=name,
            size=scene.bytes,
            stats=stats,
            voxel_size=voxel_size,
            glance=glance,
            up=up,
            track=track,
        )


def describe(
    cloud: GaussianCloud,
    *,
    path: str = "",
    size: int | None = None,
    stats: bool = False,
    voxel_size: float | None = None,
    glance: bool = False,
    up: str | None = None,
    track: Track = silent,
) -> Info:
    """Describe a cloud in memory.

    Args:
        cloud: what to describe.
        path, size: what `Info` says as its path and bytes.
        stats: whether to say how the values of every column are spread.
        voxel_size: edge of a cell, in scene units, of a grid to say of how many points lie in a cell.
        glance: whether to look at it too, for a page. up: which way is up then; see `gscli.cameras.upright`.
        track: told how far it is; see `gscli.progress.Track`.
    """
    glances.refuse_up(up, asked=glance)
    distributions = _distributions(cloud, track) if stats or glance else ()
    looked = glances.at(cloud, distributions, up=up, track=track) if glance else None
    xyz = cloud.columns(fields.POSITION)
    valid = finite_rows(xyz)
    if valid is not None:
        xyz = xyz[:, valid]
    some = xyz.shape[1] > 0
    searchable = some and float(xyz.min()) >= -LARGEST and float(xyz.max()) <= LARGEST
    too_far = f"no spacing: positions beyond {LARGEST:g} are too far apart to measure"
    names = cloud.fields
    gaussian = fields.is_gaussian(names)
    with track("describing", len(cloud)) as advance:
        found = flaws.of(cloud, advance=advance) if gaussian else flaws.Flaws()
    opacity = fields.sigmoid(cloud.columns((fields.OPACITY,))[0]) if gaussian else None
    grid = None if voxel_size is None else VoxelGrid.from_points(xyz.T, voxel_size=voxel_size)
    return Info(
        path=path,
        format=cloud.header.format,
        bytes=size,
        points=len(cloud),
        columns=tuple((name, str(cloud.rows.dtype[name])) for name in names),
        comments=cloud.header.comments,
        notes=cloud.header.notes + ((too_far,) if some and not searchable else ()),
        axes=cloud.header.axes,
        gaussian=gaussian,
        sh_degree=fields.sh_degree(names),
        render_mode=cloud.render_mode,
        invalid=0 if valid is None else int(np.count_nonzero(~valid)),
        first_invalid=None if valid is None else int(np.argmin(valid)),
        not_finite=found.not_finite,
        unrotated=found.unrotated,
        invisible=None if opacity is None else int(np.count_nonzero(opacity < INVISIBLE)),
        low=_triple(xyz.min(1)) if some else None,
        high=_triple(xyz.max(1)) if some else None,
        spacing=median_spacing(kdtree.Index(xyz.T), xyz.T) if searchable else None,
        opacity=None if opacity is None else _quantiles(opacity),
        scale=_quantiles(_longest_axis(cloud)) if gaussian else None,
        distributions=distributions if stats else None,
        cells=None if grid is None else figures(grid),
        points_per_cell=None if grid is None else distribution(grid.counts),
        glance=looked,
    )


def _distributions(cloud: GaussianCloud, track: Track) -> tuple[tuple[str, Distribution], ...]:
    found = []
    with track("counting", len(cloud.fields), "columns") as advance:
        for name in cloud.fields:
            with contextlib.suppress(InputError):  # not one number a row
                cloud.float_type((name,))
                found.append((name, distribution(cloud[name])))
            advance(1)
    return tuple(found)


def _longest_axis(cloud: GaussianCloud) -> npt.NDArray[Any]:
    with np.errstate(over="ignore"):
        longest: npt.NDArray[Any] = np.exp(
            cloud.columns(fields.scale_names(cloud.fields)).max(0).astype(np.float64)
        )
    return longest


def _quantiles(values: npt.NDArray[Any]) -> Quantiles | None:
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, middle, high = np.quantile(values, QUANTILES)
    return Quantiles(float(low), float(middle), float(high), float(values.mean()))


def _triple(values: npt.NDArray[Any]) -> tuple[float, float, float]:
    return float(values[0]), float(values[1]), float(values[2])
