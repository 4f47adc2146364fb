"""A page of a scene beside what is left of it, thinned in several ways."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence

from ..results.shown import counted, markup
from ..simplifying.beside import Beside
from ..simplifying.judging import VIEWS
from . import parts
from .style import STYLE

_STYLE = """
.beside { display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 220px), 1fr)); }
.beside figure { margin: 0; }
.beside img { width: 100%; height: auto; display: block; border-radius: 8px; border: 1px solid var(--line); }
.beside img + img { margin-top: 8px; }
.beside figcaption { margin-top: 8px; font-size: .9rem; font-variant-numeric: tabular-nums; }
.beside b { display: block; }
"""


def told(each: Beside) -> str:
    """How alike it looks, in words; empty of the whole scene."""
    if each.psnr is None or each.worst is None:
        return ""
    return f"PSNR {each.psnr:.1f} dB, {each.worst:.1f} of the worst view"


def write(path: str | os.PathLike[str], found: Sequence[Beside], *, overwrite: bool) -> None:
    """Write the page to a file."""
    parts.write(path, page(found), overwrite=overwrite)


def page(found: Sequence[Beside]) -> str:
    """The page as text: a column for each scene, a row for each view."""
    whole = os.path.basename(found[0].path.rstrip("/")) or found[0].path
    figures = "\n".join(_figure(each) for each in found)
    return "\n".join(
        (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{markup(whole)}, whole and thinned</title>",
            f"<style>{STYLE}{_STYLE}</style>\n</head>\n<body>\n<main>",
            f"<h1>{markup(whole)}, whole and thinned</h1>",
            f'<p class="soft">PSNR is that of the pixels that show anything, on black, in {VIEWS} views '
            "around the scene; here are three of them.</p>",
            f'<section>\n<div class="beside">\n{figures}\n</div>\n</section>',
            "</main>\n</body>\n</html>\n",
        )
    )


def _figure(each: Beside) -> str:
    images = "".join(
        f'<img src="data:image/webp;base64,{base64.b64encode(picture).decode("ascii")}" '
        f'alt="{markup(each.name)}, view {number} of {len(each.pictures)}">'
        for number, picture in enumerate(each.pictures, 1)
    )
    about = "<br>".join(filter(None, (counted(each.points, "Gaussian"), told(each))))
    return f"<figure>{images}<figcaption><b>{markup(each.name)}</b>{about}</figcaption></figure>"
