"""Kernels in Triton, and sorting by torch: the engine for GPUs."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import device as devices
from .. import fields
from ..cameras import Camera
from ..kernels import launches, splatting
from ..kernels.columns import gather
from ..kernels.compositing import composite, share
from ..kernels.footprints import Gaussians, Lens, footprints
from ..kernels.structured import blocks
from ..runtime import libraries
from ..splats import Splats
from ._rasterizer import Picture, Rasterizer, require_pinhole, require_sharing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch

    from ..kernels.compositing import Drawn
    from ..kernels.footprints import Footprints
    from ._rasterizer import Image, Shares, Weights


class Drawable:
    """Splats, column by column on a device."""

    def __init__(self, splats: Splats, *, device: torch.device | None = None) -> None:
        libraries.require("torch", "the triton rasterizer", instead="choose another rasterizer")
        import torch

        where = device or torch.device("cpu")
        launches.require(where, "the triton rasterizer")
        self._splats = splats
        self._gaussians = _columns(splats, where)

    def draw(self, camera: Camera, *, depth: bool = False) -> Picture:
        """What a camera sees; see `gscli.rasterizers.Drawable`."""
        splats, xray = self._splats, self._splats.xray
        with self._seen(camera) as seen:
            drawn = composite(seen, camera.width, camera.height, xray=xray, depth=depth and not xray)
            color, alpha, deep, _ = drawn.to_numpy()
        if xray:
            return Picture(xray=alpha)
        return Picture(None if splats.degree is None else color, alpha, deep if depth else None)

    def weigh(self, camera: Camera) -> tuple[Picture, Weights]:
        """What a camera sees, and what each splat fills of it; see `gscli.rasterizers.Drawable`."""
        require_sharing(self._splats)

        def ones(drawn: Drawn) -> torch.Tensor:
            made: torch.Tensor = drawn.alpha.new_ones((*drawn.alpha.shape, 1))
            return made

        with self._seen(camera) as seen:
            drawn, sums = share(seen, camera.width, camera.height, len(self._splats), ones)
            weights = devices.to_numpy(sums)[:, 0]
            return Picture(*drawn.to_numpy()[:2]), weights

    def share(self, camera: Camera, image: Callable[[Picture], Image]) -> tuple[Picture, Shares]:
        """What a camera sees, and an image shared out among splats; see `gscli.rasterizers.Drawable`."""
        require_sharing(self._splats)
        pictures = []

        def there(drawn: Drawn) -> torch.Tensor:
            """The image on the device, its first channel alone where the others are empty."""
            picture = Picture(*drawn.to_numpy()[:2])
            pictures.append(picture)
            given = splatting.shared(image(picture), (camera.height, camera.width))
            channels = splatting.SHARES if given[..., 1:].any() else 1
            sent: torch.Tensor = devices.sent(given[..., :channels].copy(), drawn.alpha.device)
            return sent

        with self._seen(camera) as seen:
            _, sums = share(seen, camera.width, camera.height, len(self._splats), there)
            found = devices.to_numpy(sums)
        shares = np.zeros((splatting.SHARES, len(found)))  # of channels that are 0 no memory is touched
        shares[: found.shape[1]] = found.T
        return pictures[0], shares.T

    def keep_room(self) -> None:
        """Torch keeps what a view is drawn in by itself; see `gscli.rasterizers.Drawable`."""

    @contextmanager
    def _seen(self, camera: Camera) -> Iterator[Footprints]:
        """What a camera sees, to go on with in memory that may be too little."""
        import torch

        splats = self._splats
        require_pinhole(camera, splats)
        lens = Lens(
            camera.position.tolist(),
            camera.world_to_camera[:3, :3].tolist(),
            *(getattr(camera, name) for name in Lens._fields[2:]),
        )
        purpose = f"to draw {len(splats):,} Gaussians in {camera.width} x {camera.height} pixels"
        with torch.no_grad(), devices.enough_memory(purpose):
            yield footprints(
                self._gaussians, lens, raw=splats.raw, antialiased=splats.antialiased, xray=splats.xray
            )


def _columns(splats: Splats, device: torch.device) -> Gaussians:
    """Splats on a device, a few megabytes at a time."""
    import torch

    rows, degree = splats.rows, splats.degree
    harmonics: list[str] = []
    if degree is not None:
        rest = fields.sh_rest(degree)
        each = len(rest) // 3
        for channel, name in enumerate(fields.SH_DC):
            harmonics += [name, *rest[channel * each : (channel + 1) * each]]
    others = [fields.OPACITY, *fields.SCALE, *fields.ROTATION, *harmonics]
    wide = rows.dtype[fields.POSITION[0]].itemsize == 8
    positions = torch.empty((3, len(rows)), dtype=torch.float64 if wide else torch.float32, device=device)
    table = torch.empty((len(others), len(rows)), dtype=torch.float32, device=device)
    for first, block in blocks(rows):
        for names, columns in ((fields.POSITION, positions), (others, table)):
            kind: Any = np.float64 if columns.dtype == torch.float64 else np.float32
            planes = np.empty((len(names), len(block)), kind)
            gather(block, names, planes)
            columns[:, first : first + len(block)] = torch.from_numpy(planes).to(device)
    colors = None if degree is None else table[8:].view(3, (degree + 1) ** 2, len(rows))
    return Gaussians(positions, table[0], table[1:4], table[4:8], colors)


RASTERIZER = Rasterizer("triton", "kernels in Triton, on a GPU", Drawable, gpu=True)
