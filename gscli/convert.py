"""Convert a scene from any format to any other, and say what is lost: what ``gscli convert`` does.

One module: what is written and what is measured of it are the same rows, held whole or decoded twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from . import arguments, fields, files, formats
from .cloud import GaussianCloud
from .errors import UsageError, did_you_mean
from .formats import FORMATS, Decoded, Format, Loss, Source, Target
from .kernels import parallel, quaternions
from .kernels.columns import abreast
from .kernels.structured import release_pages, take_rows
from .progress import Timings, Track, nothing, silent
from .results.documents import document, seconds
from .results.shown import shown

__all__ = ["Converted", "convert", "differences"]

SCHEMA = "gscli/convert/1"
BLOCK = 1 << 13  # rows that are compared at a time
Measure = Callable[[npt.NDArray[Any], npt.NDArray[Any]], npt.NDArray[Any]]  # of two (K, N), (N,)


@shown
@dataclass(frozen=True)
class Converted:
    """What a conversion did, or would do.

    Attributes:
        source: the path read; ``<stdin>`` for stdin.
        output: the path written; ``<stdout>`` for stdout.
        source_format: the format that was read.
        output_format: the format that was (or would be) written.
        points: rows converted.
        lost: what the output format cannot hold, one entry each; empty if nothing is lost.
        largest: how far the output's values are from the source's at most, by `differences`; empty
            where nothing is lost, or nothing was written that could be read again.
        notes: what reading the source had to tell.
        written: false for a dry run.
    """

    source: str
    output: str
    source_format: str
    output_format: str
    points: int
    lost: tuple[Loss, ...]
    largest: dict[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    written: bool = True
    timings: Timings = field(default_factory=Timings)
    options: dict[str, Any] = field(default_factory=dict)

    def _facts(self) -> dict[str, object]:
        return {
            "source": self.source,
            "output": self.output if self.written else f"{self.output} (not written)",
            "points": self.points,
            "lost": "; ".join(map(str, self.lost)) or "nothing",
        }

    def to_dict(self) -> dict[str, Any]:
        """The JSON document."""
        return document(
            SCHEMA,
            input={"path": self.source, "format": self.source_format, "points": self.points},
            output={"path": self.output, "format": self.output_format, "written": self.written},
            options=self.options,
            lost=[str(loss) for loss in self.lost],
            largest_difference=self.largest,
            notes=self.notes,
            timings_s=seconds(self.timings),
        )


def convert(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    overwrite: bool = False,
    allow_lossy: bool = False,
    dry_run: bool = False,
    level: int | None = None,
    trust_pickle: bool = False,
    axes: str | None = None,
    quality: str | None = None,
    also_written: Sequence[str] = (),
    track: Track = silent,
) -> Converted:
    """Read `source`, write it to `output` in the format of its suffix, and measure what was lost.

    Args:
        source: any path that `formats.read` takes, ``FILE::PART`` and ``-`` included.
        output: the file or folder to write; ``-`` is stdout, as PLY.
        overwrite: whether an existing file may be replaced.
        allow_lossy: whether what ``lost`` names may be lost.
        dry_run: read and name the losses, but write nothing and refuse nothing.
        level: of a scene in levels of detail, which; 0 is the finest. The same as ``FILE::LEVEL``.
        trust_pickle: unpickle with the full power of pickle.
        axes: those of `source` if it does not say and of `output`, of whichever may have others; see
            `gscli.formats.read` and `gscli.formats.write`.
        quality: that of `output`; see `gscli.formats.write`.
        also_written: paths that the caller is going to write.
        track: told how far it is; see `gscli.progress.Track`.

    Raises:
        InputError: `source` cannot be read.
        WriteRefused: the output exists and `overwrite` is false, or something would be lost and
            `allow_lossy` is false.
        UsageError: `output` has no suffix of a format that gscli writes, or a `quality` that it has not.
    """
    arguments.require_paths(source=source, output=output)
    arguments.require_flags(overwrite=overwrite, allow_lossy=allow_lossy, dry_run=dry_run)
    read = Source.of(source).at(level)
    like = read.folder_format
    written = Target.of(
        output, like=like, overwrite=overwrite, allow_lossy=allow_lossy, axes=axes, quality=quality
    )
    if not dry_run:
        formats.check_outputs([written], also_written, sources=[read.path], overwrite=overwrite)
    timings = Timings()
    with timings.stage("read", track):
        scene = _opened(read, written, axes, trust_pickle=trust_pickle, dry_run=dry_run)
    cloud = scene.like if isinstance(scene, Decoded) else scene
    lost = written.losses(cloud)
    largest = {}
    if not dry_run:
        with timings.stage("write"), track("converting", len(scene)) as advance:
            if isinstance(scene, Decoded):
                written.write_blocks(scene, advance)
            else:
                written.write(scene, advance=advance)
        if lost and (Path(written.path).is_file() or Path(written.path).is_dir()):
            with timings.stage("measure"), track("measuring", len(scene)) as advance:
                order = written.writer.order
                ordered = None if order is None else order(cloud, None)
                found = Source.of(output).decoded() or formats.read(output)
                largest = differences(scene, found, ordered, advance)
    return Converted(
        read.name,
        files.display_output(output),
        cloud.header.format,
        written.format.name,
        len(scene),
        tuple(lost),
        largest,
        cloud.header.notes,
        written=not dry_run,
        timings=timings,
        options={
            "allow_lossy": allow_lossy,
            "level": level,
            "trust_pickle": trust_pickle,
            "axes": axes,
            "quality": quality,
        },
    )


def _opened(
    read: Source, written: Target, axes: str | None, *, trust_pickle: bool, dry_run: bool
) -> GaussianCloud | Decoded:
    """What is read, in blocks if it can be written so; a dry run looks at all of it."""
    decoded = None
    if written.takes_blocks and not (dry_run or trust_pickle):
        decoded = read.decoded(axes=axes)
    return decoded or read.read(trust_pickle=trust_pickle, axes=axes, axes_of=[written.format])


def written_as(name: str) -> tuple[str, Format]:
    """The suffix of outputs and their format, named by one of its suffixes or as `gscli formats` does.

    >>> [written_as(name)[0] for name in ("spz", ".compressed.ply", "scenesplat")]
    ['.spz', '.compressed.ply', '/']

    Raises:
        UsageError: there is no such format, or it is read only.
    """
    dotted = name.lower() if name[:1] in ("", ".", "/") else f".{name.lower()}"
    by_suffix: dict[str, Format] = {suffix: form for form in FORMATS for suffix in form.suffixes}
    form = by_suffix.get(dotted) or (FORMATS.get(name.lower()) if name.lower() in FORMATS else None)
    if form is None:
        written = [suffix for suffix, found in by_suffix.items() if found.writer is not None]
        remedy = did_you_mean(dotted, written, "`gscli formats` lists what can be written")
        raise UsageError(f"no format that gscli writes has the suffix {name!r}", remedy=remedy)
    if form.writer is None:
        raise UsageError(f"{name!r} ({form.name}) is read, but not written", remedy="try ply")
    return dotted if dotted in form.suffixes else form.suffixes[0], form


def differences(
    wanted: GaussianCloud | Decoded,
    found: GaussianCloud | Decoded,
    order: npt.NDArray[np.int64] | None = None,
    advance: Callable[[int], object] = nothing,
) -> dict[str, float]:
    """The largest differences between two scenes of the same rows, of what both of them hold.

    Args:
        wanted, found: the scenes.
        order: (N,) the rows of `wanted`, a cloud, in the order in which `found` has them; None where that is
            the same.
        advance: told of each number of rows that are compared.

    Returns:
        ``position`` in scene units, ``scale`` as a ratio minus one, ``rotation`` in degrees, ``colour``
        in 0..1, ``opacity`` in 0..1 after the sigmoid, ``harmonics`` as stored; whatever applies.
    """
    both = [name for name in wanted.fields if name in found.fields]
    measures: dict[str, tuple[tuple[str, ...], Measure]] = {
        "position": (fields.POSITION, lambda a, b: np.linalg.norm(a - b, axis=0)),
        "scale": (fields.scale_names(both), lambda a, b: np.expm1(np.abs(a - b))),
        "rotation": (fields.ROTATION, _degrees),
        "colour": (fields.SH_DC, lambda a, b: np.abs(a - b) * fields.SH_C0),
        "opacity": ((fields.OPACITY,), lambda a, b: np.abs(fields.sigmoid(a) - fields.sigmoid(b))),
    }
    if fields.sh_degree(wanted.fields) == fields.sh_degree(found.fields):
        rest = fields.sh_rest(fields.sh_degree(wanted.fields) or 0)
        measures["harmonics"] = rest, lambda a, b: np.abs(a - b)
    applying = {
        label: (names, of) for label, (names, of) in measures.items() if names and set(names) <= set(both)
    }
    if not applying or not len(wanted):
        return {}

    def largest(part: slice) -> list[float]:
        out = []
        with _rows(wanted, part, order) as one, _rows(found, part) as other:
            for names, of in applying.values():
                if _alike(one, other, names):  # as harmonics in most formats of floats
                    out.append(0.0)
                    continue
                a, b = (GaussianCloud(rows).columns(names).astype(np.float64) for rows in (one, other))
                with np.errstate(over="ignore", invalid="ignore"):  # what is beyond all numbers is infinite
                    out.append(float(np.max(of(a, b))))
        return out

    most = np.zeros(len(applying))
    parts = parallel.blocks(len(wanted), BLOCK)
    for part, found_there in zip(parts, parallel.in_order(largest, parts), strict=True):
        most = np.maximum(most, found_there)
        advance(part.stop - part.start)
    return dict(zip(applying, most.tolist(), strict=True))


@contextmanager
def _rows(
    scene: GaussianCloud | Decoded, part: slice, order: npt.NDArray[np.int64] | None = None
) -> Iterator[npt.NDArray[Any]]:
    """Some rows of a scene, while the context lasts; of a cloud in another order, the rows at that."""
    if isinstance(scene, Decoded):
        with scene.rows(part) as rows:
            yield rows
    else:
        rows = scene.rows[part] if order is None else take_rows(scene.rows, order[part])
        yield rows
        release_pages(rows)


def _alike(a: npt.NDArray[Any], b: npt.NDArray[Any], names: Sequence[str]) -> bool:
    """Whether columns of two blocks of rows are equal, by their bits where they lie side by side."""
    beside, against = abreast(a, names), abreast(b, names)
    if beside is None or against is None:
        return all(np.array_equal(a[name], b[name]) for name in names)
    return np.array_equal(beside.view(np.uint8), against.view(np.uint8))


def _degrees(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Angles between (4, N) quaternions of any length; a zero one counts as the identity."""
    a, b = (quaternions.unit(q.T).T for q in (a, b))
    chord = np.minimum(np.linalg.norm(a - b, axis=0), np.linalg.norm(a + b, axis=0))
    angle: npt.NDArray[Any] = np.degrees(4.0 * np.arcsin(np.minimum(chord / 2.0, 1.0)))
    return angle
