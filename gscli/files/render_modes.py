"""How Gaussians are meant to be rendered, as comments of their file tell it.

``mip`` is antialiased: opacity makes up for the pixel's filter, as in mip-splatting. ``2dgs`` are flat
splats that rays are intersected with. Rendered otherwise, such scenes look wrong. Brush and splat-transform
write ``SplatRenderMode: mip``, Postshot ``antialiased 1``; the last line of either kind counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

MIP, FLAT = "mip", "2dgs"
_TOLD = {"mip": MIP, "2dgs": FLAT, "1": MIP, "default": None, "0": None}
_LINE = re.compile(r"\s*(?:SplatRenderMode:\s*(mip|2dgs|default)|antialiased\s+([01]))\s*", re.IGNORECASE)


def comment(mode: str) -> str:
    """The line that tells of a mode.

    >>> comment("mip")
    'SplatRenderMode: mip'
    """
    return f"SplatRenderMode: {mode}"


def tells(line: str) -> bool:
    """Whether a comment is about the mode."""
    return _LINE.fullmatch(line) is not None


def told(comments: Iterable[str]) -> str | None:
    """The mode that comments tell; None for the usual one, or where they do not tell.

    >>> told(["SplatRenderMode: mip"]), told(["antialiased 0"])
    ('mip', None)
    """
    found = [match for line in comments if (match := _LINE.fullmatch(line))]
    return _TOLD[(found[-1][1] or found[-1][2]).lower()] if found else None
