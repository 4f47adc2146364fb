"""A scene beside what is left of it, thinned in several ways: pictures, and how alike they are."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from .. import formats, rasterizers
from ..cloud import GaussianCloud
from ..errors import InputError
from ..progress import Track
from ..rendering import pictures
from ..splats import Splats
from . import judging, look
from .gaussians import require

SHOWN = (0, 3, 6)  # which of the views have pictures


@dataclass(frozen=True)
class Beside:
    """One scene among others.

    Attributes:
        name: what was done to it. path: its file. points: its rows.
        psnr: beside the whole scene, of pixels that show anything, in dB on black; worst: that of the view
            that is least alike. None of the whole scene, and where nothing differs.
        pictures: of some views, as WebP.
    """

    name: str
    path: str
    points: int
    psnr: float | None
    worst: float | None
    pictures: tuple[bytes, ...] = field(repr=False)


def can_be(cloud: GaussianCloud) -> bool:
    """Whether a scene can be drawn, selected from and merged."""
    try:
        Splats.of(cloud).require_looks("")
        require(cloud, "")
    except InputError:
        return False
    return True


def beside(
    source: str | os.PathLike[str], thinned: Mapping[str, str | os.PathLike[str]], track: Track
) -> tuple[Beside, ...]:
    """The whole scene, and what is left of it by the name of how it was thinned.

    Args:
        source: a scene of which `can_be` is true. thinned: files.
    """
    whole, name = formats.read(source), os.fspath(source)
    views = judging.from_where(whole, name, None)
    engine = rasterizers.chosen("auto")
    judge = judging.Judge(whole, name, views, engine, several=True)
    found = []
    with track("comparing", len(views.cameras) * len(thinned), "views") as advance:
        for how, path in {"the whole scene": source, **thinned}.items():
            cloud = whole if path is source else formats.read(path)
            looks = None if path is source else judge.of(cloud, advance)
            scene = look.drawn(cloud, os.fspath(path), engine)
            drawn = (scene.draw(views.cameras[number]).color for number in SHOWN)
            found.append(
                Beside(
                    how,
                    os.fspath(path),
                    len(cloud),
                    None if looks is None else looks.psnr.foreground,
                    None if looks is None else looks.worst,
                    tuple(pictures.encoded(c.clip(0, 1), "rgb", ".webp") for c in drawn if c is not None),
                )
            )
    return tuple(found)
