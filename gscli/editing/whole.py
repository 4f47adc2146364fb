"""Actions that need all positions of a scene at once: those that drop what stands apart, and merges."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cloud import GaussianCloud
from ..errors import naming
from . import merging, moves
from .actions import Apart, Merge
from .state import Done, Means, Scene

Array = npt.NDArray[Any]


def positions(scene: Scene) -> Array:
    """(3, N) of the rows that are left."""
    cloud = scene.cloud
    if scene.kept is None:
        return cloud.columns(fields.POSITION)
    out = np.empty((3, int(np.count_nonzero(scene.kept))), cloud.float_type(fields.POSITION))
    done = 0
    for start, block in cloud.column_blocks(fields.POSITION):
        some = block[:, scene.kept[start : start + block.shape[1]]]
        out[:, done : done + some.shape[1]] = some
        done += some.shape[1]
    return out


def without(scene: Scene, action: Apart) -> tuple[Scene, list[Done]]:
    """A scene without the rows that stand apart."""
    xyz = positions(scene)
    before = xyz.shape[1]
    with moves.named(action.name):
        apart, note = action.found(xyz) if before else (np.zeros(0, bool), "")
    kept = np.ones(len(scene.cloud), bool) if scene.kept is None else scene.kept.copy()
    kept[kept] = ~apart
    after = before - int(np.count_nonzero(apart))
    return Scene(scene.cloud, kept), [Done(action.name, action.value, before, after, note)]


def merged(scene: Scene, action: Merge, means: Means) -> tuple[Scene, list[Done]]:
    """A scene with the rows of another behind its own."""
    other = means.read()
    joint = merging.Joint.of(scene.cloud, other, action.value, allow_lossy=means.allow_lossy)
    kept, note = None, f"{len(other):,} rows"
    if action.dedupe is not None:
        with naming(action.value):
            kept = ~merging.near(positions(scene), other.columns(fields.POSITION), action.dedupe)
        note = (
            f"{np.count_nonzero(kept):,} of {len(other):,} rows, the others within {action.dedupe:g} of one"
        )
    if scene.cloud.render_mode != other.render_mode:
        modes = [mode or "default" for mode in (other.render_mode, scene.cloud.render_mode)]
        note += f"; its render mode was {modes[0]}, and is {modes[1]} now"
    held = means.room()
    joint.put(0, scene.cloud.rows, scene.kept, held)
    joint.put(1, other.rows, kept, held)
    before = len(scene.cloud) if scene.kept is None else int(np.count_nonzero(scene.kept))
    after = before + (len(other) if kept is None else int(np.count_nonzero(kept)))
    rows = held.mapped(joint.kind) if after else np.empty(0, joint.kind)
    header = replace(
        scene.cloud.header, attached=None, edited=scene.cloud.header.edited | set(joint.kind.names or ())
    )
    return Scene(GaussianCloud(rows, header)), [Done(action.name, action.value, before, after, note)]
