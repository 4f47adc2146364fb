"""What `gscli.compare` rendered, on its page: the views that differ most, side by side."""

from __future__ import annotations

import base64

import numpy as np
import numpy.typing as npt

from ..comparing.looks import Differing, Looks
from ..comparing.result import Compared
from ..kernels import colormap, raster
from ..rendering import pictures
from ..results.shown import markup
from . import numbers, png, style

Image = npt.NDArray[np.float32]

BRIGHTEST = 0.25  # of the range: differences of this and more have the last colour
SEEN = 5  # of the levels: what is less is left out


def cards(looks: Looks) -> list[tuple[str, str]]:
    """The first numbers, for the top of the page."""
    psnr = "equal" if looks.psnr.mean is None else f"{looks.psnr.mean:.2f} dB"
    found = [(psnr, f"mean PSNR of {looks.views} renders")]
    if looks.ssim.mean is not None:
        found.append((numbers.fraction(looks.ssim.mean, 4), "mean SSIM of renders"))
    return found


def section(result: Compared) -> str:
    """The views that differ most: reference, judged, difference; nothing where nothing was rendered."""
    if result.render is None or result.evidence is None:
        return ""
    looks, worst = result.render, result.evidence.pictures
    top = BRIGHTEST * looks.data_range
    count = f"the {len(worst)} of {looks.views} views that differ most" if looks.views > 1 else "the view"
    size = "" if looks.width is None else f", {looks.width} × {looks.height} pixels each"
    rows = "".join(_row(each, looks.data_range, top) for each in worst)
    return (
        f"<section>\n<h2>How they look</h2>\n"
        f'<p class="soft">{markup(count[:1].upper() + count[1:])}: the reference, what is judged, and where '
        f"they differ. Seen {markup(looks.around)}{size}.</p>\n"
        f"{rows}{_scale(top)}</section>"
    )


def _row(each: Differing, data_range: float, top: float) -> str:
    view = each.view
    said = "no difference" if view.psnr is None else f"PSNR {view.psnr:.2f} dB"
    if view.ssim is not None:
        said += f", SSIM {view.ssim:.4f}"
    name = markup(view.name)
    figures = (
        ("reference", _picture(each.target, data_range), f"{name}: the reference"),
        ("judged", _picture(each.source, data_range), f"judged: {said}"),
        ("difference", _difference(each.source, each.target, top), "difference"),
    )
    shown = (
        f'<figure><img src="{uri}" alt="{name}: {kind}"><figcaption>{told}</figcaption></figure>'
        for kind, uri, told in figures
    )
    return f'<div class="views">{"".join(shown)}</div>\n'


def _picture(image: Image, data_range: float) -> str:
    scaled = image if image.ndim == 3 else image / np.float32(data_range or 1)
    data = pictures.encoded(scaled, "rgb", ".webp")
    return "data:image/webp;base64," + base64.b64encode(data).decode("ascii")


def difference_levels(a: Image, b: Image, top: float) -> npt.NDArray[np.uint8]:
    """(H, W) which colour of the palette each pixel's largest difference has, up to `top`."""
    apart = np.abs(np.subtract(a, b))
    apart = apart.max(axis=2) if apart.ndim == 3 else apart
    return colormap.levels(apart.ravel().astype(np.float64), top).reshape(apart.shape)


def _difference(a: Image, b: Image, top: float) -> str:
    levels = difference_levels(a, b, top)
    levels[levels < SEEN] = raster.EMPTY
    return png.data_uri(png.encode(levels, colormap.palette(), raster.EMPTY))


def _scale(top: float) -> str:
    palette = colormap.palette()
    places = [n / 10 for n in range(11)]
    stops = [(f"#{palette[round(at * (len(palette) - 1))].tobytes().hex()}", at) for at in places]
    ticks = ((0.0, "0", "least"), (0.5, f"{top / 2:.4g}", "more"), (1.0, f"≥ {top:.4g}", "top"))
    return (
        f"{style.scale(stops, ticks)}\n"
        '<p class="soft">The largest difference of a channel, of values from 0 to 1.</p>\n'
    )
