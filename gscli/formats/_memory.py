"""Where a scene goes: to a path, or, where none is given, nowhere else."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy.typing as npt

from ..cloud import GaussianCloud
from ..errors import UsageError
from ..progress import nothing
from ._format import FORMATS
from ._target import Target
from ._write import Edit


class Memory(NamedTuple):
    """A scene stays in memory; it says of itself what a `Target` does."""

    path: None = None
    streams: bool = False

    def write(
        self,
        cloud: GaussianCloud,
        *,
        index: npt.NDArray[Any] | None = None,
        made_by: str | None = None,
        advance: Callable[[int], object] = nothing,
        edit: Edit | None = None,
    ) -> GaussianCloud:
        """What is read of the file that `Target.write` writes; arguments as there."""
        count = len(cloud)
        if made_by is not None:
            cloud = cloud.with_comment(made_by)
        if edit is not None:
            cloud = edit.of(cloud, index)
        elif index is not None:
            cloud = cloud.take(index)
        advance(count)
        return cloud

    def rows_of(
        self, cloud: GaussianCloud, index: npt.NDArray[Any], edit: Edit | None = None
    ) -> npt.NDArray[Any]:
        """The rows that `write` keeps, in their order."""
        return index

    def references_rows(self, cloud: GaussianCloud) -> list[str]:
        """What is kept of the cloud as it is, and numbers rows."""
        held = cloud.header.format
        writer = FORMATS.get(held).writer if held in FORMATS else None  # a cloud may be of no file
        return [] if writer is None else [*writer.references_rows(cloud)]


def destination(
    output: str | os.PathLike[str] | None, *, idle: Mapping[str, object], **how: Any
) -> Target | Memory:
    """Where a path says, or memory.

    Args:
        output: the path. how: as of `Target.of`.
        idle: arguments that have no effect without a path, and what was given for them.

    Raises:
        UsageError: one of these was given; or as of `Target.of`.
    """
    if output is not None:
        return Target.of(output, **how)
    refuse_idle("output", idle)
    return Memory()


def refuse_idle(output: str, idle: Mapping[str, object]) -> None:
    """Refuse arguments that have no effect where that of the name `output` is not given.

    Raises:
        UsageError: one of them was.
    """
    given = next((name for name, value in idle.items() if value not in (None, False)), None)
    if given is not None:
        raise UsageError(f"`{given}` has no effect without `{output}`", remedy="drop it, or name a path")
