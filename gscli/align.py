"""Where a scene has to be moved to lie on another: what ``gscli align`` does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from . import arguments, given
from .aligning.judged import Judged, Match, laid_on
from .aligning.search import Laid
from .errors import UsageError
from .files import writing
from .given import Given
from .kernels import hashing
from .kernels.registration import angle, scale_of
from .motions.transform import Transform
from .progress import Timings, Track, silent
from .results.documents import document, dumps, seconds
from .results.shown import shown

__all__ = ["Aligned", "Match", "align"]

SCHEMA = "gscli/align/1"
OVERLAP = 0.9


@shown
@dataclass(frozen=True)
class Aligned:
    """How a source is to be moved to lie on its target.

    Attributes:
        points: of the source, and of the target.
        matrix: four rows of four, x -> matrix @ (x, 1), in scene units.
        degrees: what it turns by. scale: what it multiplies lengths by.
        threshold: in scene units, twice the target's spacing.
        before, after: source to target, and target to source.
        steps: of the refinement.
        colors: the correlation of the colours of counterparts; None where they were not gone by.
        rival: degrees by which another pose that fits nearly as well is turned from it; None without one.
        output: where the matrix was written.
    """

    source: str
    target: str
    points: tuple[int, int]
    matrix: tuple[tuple[float, ...], ...]
    degrees: float
    scale: float
    threshold: float
    before: tuple[Match, Match]
    after: tuple[Match, Match]
    steps: int
    colors: float | None
    rival: float | None
    output: str | None
    notes: tuple[str, ...] = ()
    timings: Timings = field(default_factory=Timings)
    options: dict[str, Any] = field(default_factory=dict)

    def _facts(self) -> dict[str, object]:
        return {"source": self.source, "target": self.target, "degrees": self.degrees, "scale": self.scale}

    def to_dict(self) -> dict[str, Any]:
        """The JSON document."""
        ways = ("source_to_target", "target_to_source")
        return document(
            SCHEMA,
            source={"path": self.source, "points": self.points[0]},
            target={"path": self.target, "points": self.points[1]},
            options=self.options,
            matrix=self.matrix,
            degrees=self.degrees,
            scale=self.scale,
            threshold=self.threshold,
            before=dict(zip(ways, map(asdict, self.before), strict=True)),
            after=dict(zip(ways, map(asdict, self.after), strict=True)),
            steps=self.steps,
            colors=self.colors,
            rival=self.rival,
            output=self.output,
            notes=self.notes,
            timings_s=seconds(self.timings),
        )


def align(
    source: Given,
    target: Given,
    *,
    out: str | os.PathLike[str] | None = None,
    scaled: bool = False,
    colors: bool = True,
    overlap: float = OVERLAP,
    start: str | os.PathLike[str] | npt.ArrayLike | None = None,
    seed: int = 0,
    overwrite: bool = False,
    trust_pickle: bool = False,
    axes: str | None = None,
    also_written: Sequence[str] = (),
    track: Track = silent,
) -> Aligned:
    """Find where a scene has to be moved to lie on another, by what it looks like around its points.

    Places that look alike, by shape and, where both have them, by colours, are laid on each other, and so are
    boxes and axes. The best poses are refined by iterated closest points, both ways. Less than a half of
    either may be in the other, where `overlap` says so.

    Args:
        source, target: files, ``-`` for stdin, clouds, or arrays of points. The target stays where it is.
        out: a JSON file for the matrix, four rows of four, as `gscli.compare` takes it as ``transform``.
        scaled: whether lengths may change, by one factor. Reflections are never tried.
        colors: whether the colours of both, where they have them, help to find it, and have to agree.
        overlap: the share of each scene that has a counterpart in the other, at most. What share has
            one, from half of that on, is found, and what is farthest is left out.
        start: a matrix, or a JSON file of one, to refine instead of searching.
        seed: of the points that are tried, which are a sample of larger scenes.
        overwrite: whether `out` may be replaced. also_written: paths that the caller is going to write.
        trust_pickle, axes: see `gscli.formats.read`. track: told how far it is; see `gscli.progress.Track`.

    Raises:
        InputError: unreadable scenes, positions that are not finite, a scene that is a point or a line.
        GateMissed: less than half of what should have a counterpart has one within two spacings, both cross,
            colours disagree, or of a small overlap another pose fits nearly as well.
        UsageError: an option that cannot be honoured.
    """
    arguments.require_paths(optional=True, out=out)
    arguments.require_flags(scaled=scaled, colors=colors, overwrite=overwrite)
    if not (arguments.is_number(overlap) and 0 < overlap <= 1):
        raise UsageError(f"`overlap` must be above 0 and at most 1, not {arguments.told(overlap)}")
    hashing.require_seeds(seed=seed)
    scenes = given.opened(source, target)
    read = given.paths(scenes)
    read += [Path(start)] if isinstance(start, (str, os.PathLike)) else []
    written = [*also_written, *([] if out is None else [os.fspath(out)])]
    writing.check_outputs(written, overwrite=overwrite, sources=read)
    begun = None if start is None else Transform.of(start)
    timings = Timings()
    with timings.stage("read", track):
        (a, b), (name, other) = given.read(scenes, trust_pickle=trust_pickle, axes=axes)
    with timings.stage("align"):
        found = laid_on(
            a,
            b,
            (name, other),
            colors=colors,
            scaled=scaled,
            overlap=overlap,
            start=None if begun is None else begun.matrix,
            seed=seed,
            track=track,
        )
    if out is not None:
        _write(out, found, overwrite)
    matrix = found.motion.matrix
    scale = scale_of(matrix)
    return Aligned(
        name,
        other,
        (len(a), len(b)),
        tuple(map(tuple, matrix.tolist())),
        angle(matrix[:3, :3] / scale),
        scale,
        found.threshold,
        found.before,
        found.after,
        found.motion.steps,
        found.motion.colors,
        found.motion.rival,
        None if out is None else os.fspath(out),
        (*a.header.notes, *b.header.notes, *_notes(found.motion)),
        timings,
        {
            "scaled": scaled,
            "colors": colors,
            "overlap": overlap,
            "start": None if begun is None else begun.matrix.tolist(),
            "seed": seed,
            "axes": axes,
        },
    )


def _notes(found: Laid) -> list[str]:
    notes = []
    if not found.rested:
        notes.append(f"after {found.steps} steps it still moved a little: go on from this matrix by `start`")
    if found.rival is not None:
        notes.append(f"another pose, turned by {found.rival:.3g} degrees from this one, fits nearly as well")
    return notes


def _write(path: str | os.PathLike[str], found: Judged, overwrite: bool) -> None:
    rows = ",\n ".join(dumps(row, indent=None) for row in found.motion.matrix.tolist())
    with writing.replacing(path, overwrite=overwrite) as stream:
        stream.write(f"[{rows}]\n".encode())
