"""A comparison of centres, and with it what is told by surfaces: point to plane, and M3C2."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np

from .. import scratch
from ..cloud import GaussianCloud
from ..formats import Target
from ..progress import Track, silent
from ..version import __version__
from . import m3c2, paint
from .centers import color_top
from .m3c2_options import Asked
from .planes import to_planes
from .result import Compared


def with_clouds(result: Compared, asked: Asked | None, track: Track = silent) -> Compared:
    """A result with the distances to planes, where the target has normals, and M3C2 where asked for.

    Raises:
        UsageError: a length in spacings of a target that has none.
    """
    assert result.evidence is not None
    seen = result.evidence
    source, target = seen.positions
    with result.timings.stage("metrics", track):
        planes = to_planes(source, target, seen.forth, seen.clouds[1], result.centers.thresholds)
    result = replace(result, point_to_plane=planes)
    if asked is None:
        return result
    moved = result.options["transform"]
    with result.timings.stage("m3c2"):
        figures, found, used = m3c2.measure(
            source,
            target,
            asked,
            result.target.spacing,
            cloud=seen.clouds[0],
            matrix=np.eye(3) if moved is None else np.array(moved)[:3, :3],
            core=seen.forth.asked,
            name=result.target.path,
            track=track,
        )
    return replace(
        result,
        m3c2=figures,
        notes=(*result.notes, *m3c2.notes(figures, own=asked.own)),
        options={**result.options, "m3c2": used},
        evidence=replace(seen, moved=found),
    )


def write_distances(output: Target, source: GaussianCloud, result: Compared, colors: bool) -> None:
    """Write the source with the distance of each point, and what M3C2 found there.

    Args:
        colors: paint it by distance, too.
    """
    assert result.evidence is not None
    seen = result.evidence
    target = "stdin" if result.target.path == "<stdin>" else os.path.basename(result.target.path)
    with paint.with_distances(
        source,
        seen.forth.distances,
        more=None if seen.moved is None else seen.moved.columns(),
        colors_to=color_top(result.centers.source_to_target) if colors else None,
        folder=scratch.folder_for(output.path),
    ) as cloud:
        line = f"gscli {__version__} compare: distance to the nearest point of {target!a}"
        output.write(cloud, made_by=line)
