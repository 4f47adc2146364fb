"""How far two scenes look apart: both drawn from the same cameras, picture by picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .. import rasterizers
from ..cameras import Camera
from ..cloud import GaussianCloud
from ..errors import InputError, UsageError
from ..motions.transform import Transform
from ..progress import Track
from ..rasterizers import Drawable, Picture
from ..rendering.metrics import Alike, Likeness
from ..rendering.views import Views, Wanted, find
from ..results.shown import counted
from ..splats import Splats
from .looks import Differing, Image, Looks, OnWhite

if TYPE_CHECKING:
    import torch

PICTURES = 3  # of the views that differ most, which are kept to be shown
ORBIT = Wanted()


@dataclass(frozen=True)
class Ready:
    """Two scenes that are ready to be drawn, and from where."""

    scenes: tuple[Drawable, Drawable]
    xray: bool
    engine: str
    views: Views
    around: str
    moved: Transform | None
    data_range: float | None


def prepare(
    clouds: tuple[GaussianCloud, GaussianCloud],
    names: tuple[str, str],
    wanted: Wanted = ORBIT,
    rasterizer: str = "auto",
    moved: Transform | None = None,
    around: tuple[GaussianCloud, str] | None = None,
    data_range: float | None = None,
    where: torch.device | None = None,
) -> Ready:
    """Make both scenes ready, which refuses what cannot be drawn before anything takes long.

    Args:
        clouds, names: source and target.
        wanted: from where.
        rasterizer: one of `gscli.rasterizers.RASTERIZERS`, or ``auto``.
        moved: what the source is moved by.
        around: what an orbit goes around, and what to call it; the target if None.
        data_range: what X-rays span; None for the largest value of the target.
        where: what `gscli.device.resolve` returned.

    Raises:
        InputError: a scene that is no 3D Gaussians, colours held against densities, or no cameras.
        UsageError: a `transform` that no camera can follow, or a `data_range` of colours.
        EngineUnavailable: the engine cannot run here.
    """
    engine = rasterizers.chosen(rasterizer, where)
    splats = [seen(cloud, name) for cloud, name in zip(clouds, names, strict=True)]
    splats[0].require_kind_of(splats[1], names)
    splats[0].require_range(data_range)
    if moved is not None and (moved.similarity() is None or np.linalg.det(moved.matrix[:3, :3]) < 0):
        what = "`render` cannot follow a `transform` that stretches or mirrors"
        raise UsageError(what, remedy="drop `render`")
    center, called = (clouds[1], "the target") if around is None else around
    views = find(wanted, center, names[1])
    views.require_for(splats[1])
    seen_from = f"from {wanted.path}" if views.up is None else f"around {called}; {views.told}"
    drawn = (engine.prepare(splats[0]), engine.prepare(splats[1]))
    return Ready(drawn, splats[0].xray, engine.name, views, seen_from, moved, data_range)


def refuse_in_pieces(memory_limit: int | None) -> None:
    """Refuse to render where a scene is held in pieces."""
    if memory_limit is not None:
        raise UsageError(
            "`render` draws all Gaussians at once, whatever `memory_limit` says", remedy="drop one"
        )


def seen(cloud: GaussianCloud, name: str) -> Splats:
    """The Gaussians of a scene that has what its looks are of: colours, or densities.

    Raises:
        InputError: it is no 3D Gaussians, or has neither.
    """
    return Splats.of(cloud, name).require_looks(name, remedy="drop `render`")


def between(
    clouds: tuple[GaussianCloud, GaussianCloud],
    names: tuple[str, str],
    around: tuple[GaussianCloud, str],
    where: torch.device | None,
    track: Track,
) -> Looks:
    """How alike two scenes look from an orbit, by the default engine of a device.

    Args:
        clouds, names, around, where: as of `prepare`.
        track: told how far it is; see `gscli.progress.Track`.

    Raises:
        InputError: as of `prepare` and `measure`. EngineUnavailable: no engine can run here.
    """
    ready = prepare(clouds, names, around=around, where=where)
    with track("rendering", len(ready.views.cameras), "views") as advance:
        return measure(ready, names, advance)[0]


def measure(
    ready: Ready, names: tuple[str, str], advance: Callable[[int], object]
) -> tuple[Looks, tuple[Differing, ...]]:
    """Draw both scenes from every camera, and say how alike they look.

    Returns:
        The numbers; and the pictures of the `PICTURES` views that differ most, the worst first.

    Raises:
        InputError: neither scene is seen from any camera.
    """
    data_range = _data_range(ready, names[1]) if ready.xray else None
    on_black, on_white = Likeness(data_range=data_range), None if ready.xray else Likeness()
    kept: list[tuple[float, int, Image, Image]] = []
    for number, camera in enumerate(ready.views.cameras):
        here, there = _drawn(ready, camera)
        a, b = here.seen, there.seen
        error = on_black.add(camera.name, a, here.alpha, b, there.alpha)
        if on_white is not None:
            on_white.add(camera.name, here.over((1, 1, 1)), here.alpha, there.over((1, 1, 1)), there.alpha)
        kept.append((-error, number, a, b))
        kept.sort(key=lambda view: view[:2])
        del kept[PICTURES:]
        advance(1)
    black = on_black.alike()
    if not ready.xray and not black.covered:
        raise _unseen(ready, f"is seen from none of {{}}, nor is {names[1]}", names[0])
    white = None if on_white is None else on_white.alike()
    pictures = tuple(Differing(black.views[number], a, b) for _, number, a, b in kept)
    return _looks(ready, black, white), pictures


def _data_range(ready: Ready, name: str) -> float:
    """What X-rays span: what was said, or else the largest value of the target, whatever is judged."""
    if ready.data_range is not None:
        return ready.data_range
    target = ready.scenes[1]
    largest = max(float(target.draw(camera).seen.max()) for camera in ready.views.cameras)
    if not largest > 0:
        raise _unseen(ready, "is seen from none of {}", name)
    return largest


def _unseen(ready: Ready, what: str, name: str) -> InputError:
    said = what.format(counted(len(ready.views.cameras), "camera"))
    return InputError(said, path=name, remedy="give `cameras` that look at it, or a smaller `near`")


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
