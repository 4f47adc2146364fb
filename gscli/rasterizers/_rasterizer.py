"""What an engine module says of itself: one record, ``RASTERIZER``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from .. import device as devices
from ..errors import UsageError
from ..registry import Registry
from ..results.shown import shown

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch

    from ..cameras import Camera
    from ..splats import Splats

    Array = npt.NDArray[np.float32]
    Image = npt.NDArray[np.float32]  # (H, W, 4) to share out
    Shares = npt.NDArray[np.float64]  # (N, 4) what each splat got of one
    Weights = npt.NDArray[np.float64]  # (N,) how many pixels each splat fills


@shown
@dataclass(frozen=True)
class Picture:
    """What a camera sees, float32; None for what was not drawn.

    Attributes:
        color: (H, W, 3) on black, from 0, and above 1 where a scene says so.
        alpha: (H, W) how opaque, 0 to 1.
        depth: (H, W) along the camera's axis, in scene units, of what is seen; 0 where nothing is.
        xray: (H, W) what a ray loses on its way, in density times scene units.
    """

    color: Array | None = None
    alpha: Array | None = None
    depth: Array | None = None
    xray: Array | None = None

    @property
    def seen(self) -> Array:
        """(H, W, 3) the colours, or (H, W) what rays lose; of Gaussians without colours how opaque."""
        return next(values for values in (self.xray, self.color, self.alpha) if values is not None)

    @property
    def solid(self) -> Array:
        """(H, W) how much is in the way: how opaque, or what rays lose; 0 where nothing is."""
        found = self.alpha if self.xray is None else self.xray
        assert found is not None
        return found

    def over(self, background: Sequence[float]) -> Array:
        """(H, W, 3) the colours on a background of another colour than black."""
        assert self.color is not None
        assert self.alpha is not None
        import numpy as np  # the engines are listed without

        behind: Array = self.color + (1 - self.alpha)[..., None] * np.asarray(background, np.float32)
        return behind

    def _facts(self) -> dict[str, object]:
        return {name: values.shape for name, values in vars(self).items() if values is not None}


class Drawable(Protocol):
    """Splats that are ready to be drawn."""

    def draw(self, camera: Camera, *, depth: bool = False) -> Picture:
        """What a camera sees; with `depth`, how far that is too."""

    def keep_room(self) -> None:
        """Keep the arrays that a view is drawn in for those that follow: some 80 bytes a splat."""

    def weigh(self, camera: Camera) -> tuple[Picture, Weights]:
        """What a camera sees, and how many pixels each splat fills: the first share of an image of ones.

        Raises:
            UsageError: an X-ray, in which no splat hides another.
        """

    def share(self, camera: Camera, image: Callable[[Picture], Image]) -> tuple[Picture, Shares]:
        """What a camera sees, and an image shared out among splats: the adjoint of drawing.

        Args:
            image: makes of what is seen the image to share out, (H, W, 4) from -1 to 1.

        Returns:
            The picture; for each splat the sum over all pixels of the image times the splat's weight there,
            which is its alpha times what those before it let through. Of an image of ones that is how many
            pixels the splat fills.

        Raises:
            UsageError: an X-ray, in which no splat hides another.
        """


class Prepare(Protocol):
    """Make a `Drawable` of splats.

    Args:
        splats: what to draw.
        device: what `gscli.device.resolve` returned.

    Raises:
        UsageError: a device on which the engine does not run.
        EngineUnavailable: what it needs is missing.
    """

    def __call__(self, splats: Splats, *, device: torch.device | None = None) -> Drawable: ...


@dataclass(frozen=True)
class Rasterizer:
    """A way to draw: its name, that of its module; one line for people; and what prepares a scene.

    Attributes:
        gpu: whether it draws on the GPU that it is told of; else on the CPU, whatever it is told.
    """

    name: str
    description: str
    prepare: Prepare
    gpu: bool = False


def require_pinhole(camera: Camera, splats: Splats) -> None:
    """Refuse, for any engine, colours in a parallel beam.

    Raises:
        UsageError: see above.
    """
    if camera.parallel and not splats.xray:
        raise UsageError(f"camera {camera.name} has a parallel beam, which only X-rays are drawn with")


def require_sharing(splats: Splats) -> None:
    """Refuse, for any engine, to share an image out in an X-ray.

    Raises:
        UsageError: see above.
    """
    if splats.xray:
        raise UsageError("an image is shared out among splats that hide each other, not in an X-ray")


RASTERIZERS: Registry[Any] = Registry("gscli.rasterizers", Rasterizer, separator="-", beside=("auto",))
ON_CPU, ON_GPU = "core", "triton"  # what ``auto`` stands for


@dataclass(frozen=True)
class Chosen:
    """An engine, and where it draws: None is the CPU."""

    engine: Rasterizer
    device: torch.device | None

    @property
    def name(self) -> str:
        return self.engine.name

    def only_cpu(self, asked: str) -> str:
        """Why the CPU draws, if it has to, in words for `gscli.placing.Load`; `asked` may be ``auto``."""
        return "" if asked == "auto" or self.engine.gpu else f"the {self.name} rasterizer was asked for"

    def prepare(self, splats: Splats) -> Drawable:
        """Make splats ready to be drawn; errors are those of `Prepare`."""
        with devices.enough_memory(f"to draw {len(splats):,} Gaussians"):
            return self.engine.prepare(splats, device=self.device)


def chosen(name: str, device: torch.device | None = None) -> Chosen:
    """The engine of a name, or the one that ``auto`` stands for on a device.

    Args:
        name: one of `RASTERIZERS`, or ``auto``.
        device: what `gscli.device.resolve` returned; engines for the CPU draw there whatever it is.

    Raises:
        UsageError: there is none of that name.
    """
    found: Rasterizer = RASTERIZERS.get(
        (ON_CPU if devices.is_cpu(device) else ON_GPU) if name == "auto" else name
    )
    return Chosen(found, device if found.gpu else None)


def require_effect(found: Chosen, device: torch.device | None) -> None:
    """Refuse a GPU for an engine that has no use for it, where there is none for anything else.

    Raises:
        UsageError: see above.
    """
    if not devices.is_cpu(device) and not found.engine.gpu:
        what = f"`device='{device}'` has no effect on the {found.name} rasterizer, which draws on the CPU"
        raise UsageError(what, remedy="drop one")
