"""`gscli.watching.watcher.Measured` as one line of JSON."""

from __future__ import annotations

import json

from ..watching.watcher import Measured
from . import document as documents

SCHEMA = "gscli/watch/1"


def line(measured: Measured) -> str:
    """A document on one line; numbers that do not exist become null."""
    content = documents.document(
        SCHEMA,
        step=measured.step,
        scalars=measured.scalars,
        paths=list(measured.paths),
        timings_s={"measure": round(measured.seconds, 4)},
    )
    return json.dumps(documents.finite(content), allow_nan=False)
