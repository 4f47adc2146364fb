"""`gscli.watch.Measured` as one line of JSON."""

from __future__ import annotations

import json

from ..watch import Measured
from .document import finite


def line(measured: Measured) -> str:
    """``{"step", "scalars", "paths", "seconds"}``; numbers that do not exist become null."""
    content = {
        "step": measured.step,
        "scalars": measured.scalars,
        "paths": list(measured.paths),
        "seconds": round(measured.seconds, 4),
    }
    return json.dumps(finite(content), allow_nan=False)
