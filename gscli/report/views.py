"""Where two clouds differ: their points from the front, from a side and from above, coloured by distance."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import fields
from ..cameras import upright
from ..cameras.upright import Up
from ..comparing.result import Compared, Evidence
from ..kernels import colormap, raster
from ..results.shown import counted, markup
from . import numbers, png, style

Array = npt.NDArray[Any]

PIXELS, SMALL = 560, 72


@dataclass(frozen=True)
class Side:
    """A view along an axis: what is to the right and what is up in it, (3,) each."""

    name: str
    across: Array
    up: Array


@dataclass(frozen=True)
class Scale:
    """Calm colours below a threshold, warm ones beyond it."""

    threshold: float
    decades: int

    @classmethod
    def of(cls, result: Compared) -> Scale:
        """The scale that begins to be warm at the first threshold, and reaches most of the distances."""
        c = result.centers
        sides = (c.source_to_target, c.target_to_source)
        largest = max(side.p99 for side in sides) or max(side.max for side in sides)
        return cls(c.thresholds[0], colormap.decades(c.thresholds[0], largest))

    def levels(self, distances: Array) -> npt.NDArray[np.uint8]:
        return colormap.judged(distances, self.threshold, self.decades)

    def colours(self, distances: Array) -> list[str]:
        """The colours of (N,) distances, as a page writes them."""
        return [_hex(colour) for colour in colormap.judging_palette()[self.levels(distances)]]

    def ticks(self) -> list[tuple[float, str, str]]:
        """Places from 0 to 1 on the scale, the distances there, and what they are, as a class of style."""
        calm, t, number = colormap.CALM / colormap.SIZE, self.threshold, numbers.number
        every = -(-self.decades // 3)
        powers = [10**n for n in range(self.decades, 0, -every)][::-1]
        *between, top = [2, 5, 10] if self.decades == 1 else powers
        beyond = [step for step in between if math.isfinite(t * step)]
        more = [
            (calm + (1 - calm) * math.log10(step) / self.decades, number(t * step), "more") for step in beyond
        ]
        return [
            (0.0, "0", "least"),
            (calm, number(t), "threshold"),
            *more,
            (1.0, f"≥ {number(min(t * top, sys.float_info.max))}", "top"),
        ]


def sides(up: Sequence[int]) -> tuple[Side, Side, Side]:
    """Three views in which what is up in a scene is up: from the front, from the right and from above.

    Args:
        up: (3,) a unit vector along an axis. With -y the view from the front looks along z, as cameras of
            3DGS do; with z along y; x is to the right.
    """
    upwards = np.asarray(up, np.float64)
    across = np.eye(3)[0 if upwards[0] == 0 else 1]
    forward = np.cross(upwards, across)
    return (
        Side("front", across, upwards),
        Side("right side", forward, upwards),
        Side("above", across, forward),
    )


def which_way_up(result: Compared, evidence: Evidence, asked: str) -> Up:
    """Which way is up: by the target, or by the source where it alone is Gaussians and was not moved."""
    source, target = evidence.clouds
    moved = result.options.get("transform") is not None
    if fields.is_gaussian(source.fields) and not fields.is_gaussian(target.fields) and not moved:
        return upright.up(source, asked)
    return upright.up(target, asked)


def section(evidence: Evidence, names: Sequence[str], scale: Scale, up: Up, asked: str) -> str:
    """The views of both, with the scale of their colours; which way is up, and which was asked for."""
    t = numbers.number(scale.threshold)
    other = "" if up.way == asked else "; --up chooses another"
    return "\n".join(
        (
            "<section>\n<h2>Where they differ</h2>",
            _bar(scale),
            f'<p class="soft">Distance to the nearest point of the other, in scene units: calm below the '
            f"threshold of {t}, and warm from there on; linear up to it, and logarithmic beyond. Each pixel "
            "shows the largest of the points behind it. All views have one scale. "
            f"Up is {up.way}, {up.why}{other}.</p>",
            *(_views(evidence, side, names, scale, up) for side in (0, 1)),
            "</section>",
        )
    )


def thumbnail(evidence: Evidence, scale: Scale, up: Up) -> str:
    """The address of a small picture of both from the front, the largest distances on top."""
    front = sides(up.vector)[0]
    middle, edge = raster.frame(evidence.positions)
    across, above, levels = [], [], []
    for side, found in enumerate((evidence.forth, evidence.back)):
        centred = (_asked(evidence, side).astype(np.float64) - middle) / edge
        across.append(centred @ front.across + 0.5)
        above.append(centred @ front.up + 0.5)
        levels.append(scale.levels(found.distances))
    together = np.concatenate
    picture, _ = raster.view(together(across), together(above), together(levels), SMALL, 0)
    return png.data_uri(png.encode(picture, colormap.judging_palette(), raster.EMPTY))


def _asked(evidence: Evidence, side: int) -> Array:
    """(N, 3) positions of the points whose nearest was asked for."""
    found = (evidence.forth, evidence.back)[side]
    return evidence.positions[side] if found.asked is None else evidence.positions[side][found.asked]


def _bar(scale: Scale) -> str:
    palette, calm = colormap.judging_palette(), colormap.CALM
    levels = [0, calm - 1, *np.linspace(calm, colormap.SIZE - 1, 9).astype(int).tolist()]
    places = [
        0.0,
        calm / colormap.SIZE,
        calm / colormap.SIZE,
        *(level / (colormap.SIZE - 1) for level in levels[3:]),
    ]
    return style.scale(
        ((_hex(palette[level]), at) for level, at in zip(levels, places, strict=True)), scale.ticks()
    )


def _views(evidence: Evidence, side: int, names: Sequence[str], scale: Scale, up: Up) -> str:
    found = (evidence.forth, evidence.back)[side]
    xyz = _asked(evidence, side)
    middle, edge = raster.frame(evidence.positions)
    levels = scale.levels(found.distances)
    dot = raster.dot(len(xyz))
    what = "target misses or places elsewhere" if side == 0 else "source misses or places elsewhere"
    out = [f"<h3>{markup(names[side])}: what the {what}</h3>", '<div class="views">']
    centred = (xyz.astype(np.float64) - middle) / edge
    for view in sides(up.vector):
        picture, outside = raster.view(
            centred @ view.across + 0.5, centred @ view.up + 0.5, levels, PIXELS, dot
        )
        uri = png.data_uri(png.encode(picture, colormap.judging_palette(), raster.EMPTY))
        rest = f"; {counted(outside, 'point')} outside" if outside else ""
        seen = f"from {'the ' if view.name != 'above' else ''}{view.name}"
        alt = markup(f"{names[side]} {seen}, coloured by distance")
        out.append(
            f'<figure><img src="{uri}" alt="{alt}" width="{PIXELS}" height="{PIXELS}">'
            f"<figcaption>{seen}: {_axis(view.across)} to the right, {_axis(view.up)} up; "
            f"{edge:.4g} wide{rest}</figcaption></figure>"
        )
    return "\n".join((*out, "</div>"))


def _axis(vector: Array) -> str:
    """The name of an axis, as `-y`."""
    number = int(np.abs(vector).argmax())
    return ("-" if vector[number] < 0 else "") + "xyz"[number]


def _hex(colour: Array) -> str:
    return "#" + colour.astype(np.uint8).tobytes().hex()
