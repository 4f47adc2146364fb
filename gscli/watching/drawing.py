"""Models of a training drawn from cameras that stay where they are, so that curves can be read."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt

from .. import rasterizers, scene
from ..cameras import Camera, digest
from ..cloud import GaussianCloud
from ..errors import InputError
from ..rendering.views import Wanted, find, wanted
from ..splats import Splats
from . import disagreement
from .disagreement import RENDERS

VIEWS, SIZE = 4, (400, 400)


def asked(
    views: int | None = None,
    size: Any = None,
    cameras: Any = None,
    up: str | None = None,
    fov: float | None = None,
    near: float | None = None,
) -> Wanted:
    """Views as `gscli.rendering.views.wanted` takes them; 4 of 400 x 400 where nothing is said.

    Raises:
        UsageError: as it does.
    """
    if cameras is None:
        views, size = VIEWS if views is None else views, SIZE if size is None else size
    return wanted(views, size, cameras, None, up, fov, near)


class Drawing:
    """Draws two models, and says how alike the pictures are in the convention of trainers.

    Args:
        asked: from where. An orbit goes around the first model that is drawn, or around what is given then.
        rasterizer: one of `gscli.rasterizers.RASTERIZERS`, or ``auto``.
        cameras: from where instead, as an earlier drawing had them.

    Raises:
        EngineUnavailable: it cannot run here.
    """

    def __init__(self, asked: Wanted, rasterizer: str = "auto", cameras: Sequence[Camera] = ()) -> None:
        self._asked = asked
        self._engine = rasterizers.chosen(rasterizer)
        self._engine.scene(Splats(np.empty(0, scene.columns(0)), 0))
        self.cameras = tuple(cameras)

    @property
    def sha256(self) -> str | None:
        """Of what decides pixels; None before there are cameras."""
        return digest(self.cameras) if self.cameras else None

    def renders(
        self,
        a: GaussianCloud,
        b: GaussianCloud,
        names: tuple[str, str],
        *,
        around: GaussianCloud | None = None,
        tag: str = RENDERS,
    ) -> dict[str, float]:
        """How alike two models look.

        Args:
            a, b: the models; names: what messages call them.
            around: what cameras look at, where there are none yet; None is `a`.
            tag: what the names of the scalars begin with.

        Returns:
            ``TAG_psnr_diff`` and ``TAG_ssim_diff``, each the mean over views of what
            `disagreement.renders` says; of X-rays with the largest value of either model as range.

        Raises:
            InputError: a model that is no 3D Gaussians, colours against densities, or nothing that is seen.
        """
        splats = [Splats.of(cloud, name) for cloud, name in zip((a, b), names, strict=True)]
        if splats[0].xray != splats[1].xray:
            raise InputError(f"holds other than {names[1]} does, of colours and densities", path=names[0])
        if not self.cameras:
            self.cameras = find(self._asked, a if around is None else around, names[0]).cameras
        scenes = [self._engine.scene(each) for each in splats]
        pairs = [tuple(_shown(each.draw(camera)) for each in scenes) for camera in self.cameras]
        largest = max(float(image.max()) for pair in pairs for image in pair)
        if not largest > 0:
            raise InputError("is not seen from any camera, nor is what it is held against", path=names[0])
        data_range = largest if splats[0].xray else None
        if data_range is None:
            pairs = [tuple(image.clip(0, 1) for image in pair) for pair in pairs]
        found = [disagreement.renders(*pair, data_range=data_range) for pair in pairs]
        return {
            f"{tag}{name.removeprefix(RENDERS)}": fmean(each[name] for each in found) for name in found[0]
        }


def _shown(picture: rasterizers.Picture) -> npt.NDArray[np.float32]:
    for values in (picture.xray, picture.color, picture.alpha):
        if values is not None:
            return values
    raise AssertionError("a picture of nothing")
