"""All that a run is going to write, looked at before anything is computed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..files import writing
from ._memory import Memory
from ._target import Target


def check_outputs(
    targets: Sequence[Target | Memory],
    others: Sequence[str | os.PathLike[str]] = (),
    *,
    sources: Sequence[Path],
    overwrite: bool,
    will_be_made: Sequence[str | os.PathLike[str]] = (),
) -> None:
    """Refuse outputs that would fail later; see `gscli.files.writing.check_outputs`.

    Args:
        targets: where scenes are going to be written.
        others: other files that are going to be written; none may be one of the `sources`, which a
            scene may replace.
    """
    writing.check_outputs(others, overwrite=True, will_be_made=will_be_made, sources=sources)
    written = [target for target in targets if isinstance(target, Target)]
    folders = [target for target in written if target.format.folder]
    for target in written:
        target.refuse_existing(sources)
    writing.check_outputs(
        [*others, *(target.path for target in written)],
        overwrite=overwrite,
        will_be_made=will_be_made,
        folders=[target.path for target in folders],
    )
