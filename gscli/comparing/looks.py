"""How far two scenes look apart: both drawn from the same cameras, picture by picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import rasterizers
from ..cameras import Camera
from ..cloud import GaussianCloud
from ..errors import InputError, UsageError
from ..rasterizers import Picture
from ..rasterizers import Scene as Drawn
from ..rendering.metrics import Alike, Likeness, Psnr, Ssim, ViewAlike
from ..rendering.views import Views, Wanted, find
from ..results.shown import counted
from ..splats import Splats
from .transform import Transform

Image = npt.NDArray[np.float32]

PICTURES = 3  # of the views that differ most, which are kept to be shown
CAVEAT = (
    "PSNR and SSIM rank splats only loosely as people do (Spearman .31 to .52 in 3DGS-VBench and MUGSQA)."
)


@dataclass(frozen=True)
class OnWhite:
    """The same views on white: what is see-through or thin differs there in another way."""

    psnr: Psnr
    ssim: Ssim


@dataclass(frozen=True)
class Looks:
    """How alike two scenes look.

    Attributes:
        views: how many. width, height: pixels of each; None where they differ.
        cameras_sha256: of what decides pixels: numbers of two comparisons can be held against each other
            only where it is one.
        around: where the cameras are: those of a file, or an orbit around the target, and which way is up.
        engine: one of `gscli.rasterizers.RASTERIZERS`.
        background: of `psnr` and `ssim`; None for X-rays, which have none.
        alpha_mae: mean absolute difference of opacity; covered: the share of pixels in which either scene is
            seen. None for X-rays.
        data_range: of PSNR and SSIM. on_white: None for X-rays.
        each: every view, in order.
    """

    views: int
    width: int | None
    height: int | None
    cameras_sha256: str
    around: str
    engine: str
    background: str | None
    psnr: Psnr
    ssim: Ssim
    alpha_mae: float | None
    covered: float | None
    data_range: float
    on_white: OnWhite | None
    each: Sequence[ViewAlike]


@dataclass(frozen=True)
class Differing:
    """The pictures of a view, float32: (H, W, 3) on black, or (H, W) of an X-ray."""

    view: ViewAlike
    source: Image
    target: Image


@dataclass(frozen=True)
class Ready:
    """Two scenes that are ready to be drawn, and from where."""

    scenes: tuple[Drawn, Drawn]
    xray: bool
    engine: str
    views: Views
    around: str
    moved: Transform | None


def prepare(
    clouds: tuple[GaussianCloud, GaussianCloud],
    names: tuple[str, str],
    wanted: Wanted,
    rasterizer: str,
    moved: Transform | None,
) -> Ready:
    """Make both scenes ready, which refuses what cannot be drawn before anything takes long.

    Args:
        clouds, names: source and target.
        wanted: from where; an orbit goes around the target.
        rasterizer: one of `gscli.rasterizers.RASTERIZERS`, or ``auto``.
        moved: what the source is moved by.

    Raises:
        InputError: a scene that is no 3D Gaussians, colours held against densities, or no cameras.
        UsageError: a `transform` that no camera can follow. EngineUnavailable: the engine cannot run here.
    """
    engine = rasterizers.chosen(rasterizer)
    splats = [Splats.of(cloud, name) for cloud, name in zip(clouds, names, strict=True)]
    for each, name in zip(splats, names, strict=True):
        if not each.xray and each.degree is None:
            raise InputError("has no colours to be rendered", path=name, remedy="drop `render`")
    if splats[0].xray != splats[1].xray:
        kinds = ["densities" if each.xray else "colours" for each in splats]
        raise InputError(
            f"holds {kinds[0]}, and {names[1]} {kinds[1]}: they look like nothing to compare", path=names[0]
        )
    if moved is not None and (moved.require_similarity(), np.linalg.det(moved.matrix[:3, :3]))[1] < 0:
        raise UsageError("`render` cannot follow a `transform` that mirrors", remedy="drop `render`")
    views = find(wanted, clouds[1], names[1])
    around = f"from {wanted.path}" if views.up is None else f"around the target; {views.told}"
    drawn = (engine.scene(splats[0]), engine.scene(splats[1]))
    return Ready(drawn, splats[0].xray, engine.name, views, around, moved)


def measure(
    ready: Ready, names: tuple[str, str], advance: Callable[[int], object]
) -> tuple[Looks, tuple[Differing, ...]]:
    """Draw both scenes from every camera, and say how alike they look.

    Returns:
        The numbers; and the pictures of the `PICTURES` views that differ most, the worst first.

    Raises:
        InputError: neither scene is seen from any camera.
    """
    on_black, on_white = Likeness(), None if ready.xray else Likeness()
    kept: list[tuple[float, int, Image, Image]] = []
    for number, camera in enumerate(ready.views.cameras):
        here, there = _drawn(ready, camera)
        a, b = _shown(here), _shown(there)
        on_black.add(camera.name, a, here.alpha, b, there.alpha)
        if on_white is not None:
            on_white.add(camera.name, here.over((1, 1, 1)), here.alpha, there.over((1, 1, 1)), there.alpha)
        kept.append((-_squared(a, b), number, a, b))
        kept.sort(key=lambda view: view[:2])
        del kept[PICTURES:]
        advance(1)
    black = on_black.alike()
    if not black.covered and (not ready.xray or not black.data_range):
        raise InputError(
            f"is seen from none of {counted(len(black.views), 'camera')}, nor is {names[1]}",
            path=names[0],
            remedy="give `cameras` that look at them, or a smaller `near`",
        )
    white = None if on_white is None else on_white.alike()
    pictures = tuple(Differing(black.views[number], a, b) for _, number, a, b in kept)
    return _looks(ready, black, white), pictures


def _looks(ready: Ready, black: Alike, white: Alike | None) -> Looks:
    sizes = {(camera.width, camera.height) for camera in ready.views.cameras}
    width, height = next(iter(sizes)) if len(sizes) == 1 else (None, None)
    return Looks(
        len(black.views),
        width,
        height,
        ready.views.sha256,
        ready.around,
        ready.engine,
        None if ready.xray else "black",
        black.psnr,
        black.ssim,
        black.alpha_mae,
        black.covered,
        black.data_range,
        None if white is None else OnWhite(white.psnr, white.ssim),
        list(black.views),
    )


def _drawn(ready: Ready, camera: Camera) -> tuple[Picture, Picture]:
    source, target = ready.scenes
    if ready.moved is None:
        return source.draw(camera), target.draw(camera)
    seen, scale = _followed(camera, ready.moved.matrix)
    found = source.draw(seen)
    if found.xray is not None:
        found = Picture(xray=found.xray * np.float32(scale))  # rays are so much longer in the scene as moved
    return found, target.draw(camera)


def _followed(camera: Camera, matrix: npt.NDArray[Any]) -> tuple[Camera, float]:
    """The camera that sees a scene as `camera` sees it once it is moved, and the scale of the move."""
    scale = float(np.cbrt(np.linalg.det(matrix[:3, :3])))
    pose = camera.world_to_camera @ matrix
    pose[:3] /= scale
    zoom = scale if camera.parallel else 1.0
    return replace(
        camera, world_to_camera=pose, near=camera.near / scale, fx=camera.fx * zoom, fy=camera.fy * zoom
    ), scale


def _shown(picture: Picture) -> Image:
    found = picture.color if picture.xray is None else picture.xray
    assert found is not None
    return found


def _squared(a: Image, b: Image) -> float:
    """By how much two pictures differ, for which to show."""
    difference = np.subtract(a, b).ravel()
    return float(difference @ difference)
