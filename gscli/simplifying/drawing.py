"""What draws the scenes of a simplification, and where: on a GPU, if one is asked for and it pays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import _core, placing, rasterizers
from .. import device as devices
from ..cameras import Camera
from ..cloud import GaussianCloud
from ..errors import EngineUnavailable, UsageError
from ..rasterizers import Chosen

if TYPE_CHECKING:
    import torch

BY_CORE = ("cpu", "torch-cpu", devices.AUTO)  # devices that compiled kernels draw on, or may have to


def require(device: str, views: int | None, memory: int | str | None, *, judged: bool = False) -> None:
    """Refuse to draw where nothing can, and a device without effect, before anything is read.

    Args:
        device: its name. views: from how many cameras; None for as many as it takes. memory: the limit, if
            there is one. judged: whether what comes out hangs on how it looks.

    Raises:
        UsageError: such a device. EngineUnavailable: compiled kernels are missing.
    """
    for name, idle in (("views=0", views == 0), ("memory_limit", memory is not None)):
        if idle and device not in ("cpu", devices.AUTO):
            raise UsageError(f"`device={device!r}` has no effect with `{name}`", remedy="drop one")
    if views != 0 and device in BY_CORE:
        require_core(instead="" if judged else ", or merge without looking, by `views=0`")


def require_core(path: str | None = None, instead: str = "") -> None:
    """Refuse to look without compiled kernels.

    Args:
        path: of what is to be verified, if anything is. instead: what else may be done, for the remedy.

    Raises:
        EngineUnavailable: they are missing.
    """
    if found := _core.trouble():
        raise EngineUnavailable(
            f"cannot look at the scene: compiled kernels {found.what}",
            path=path,
            remedy=f"{found.remedy}{instead}",
        )


def settled(
    device: str,
    where: torch.device | None,
    cloud: GaussianCloud,
    cameras: Sequence[Camera],
    memory: int | None,
) -> tuple[Chosen, tuple[str, ...]]:
    """What draws, now that one knows how much it is, and what is said of the choice.

    Args:
        device: what was asked for. where: what `gscli.device.resolve` made of it.
        cameras: from where the scene is looked at. memory: the limit, if there is one.
    """
    cpu = "memory is limited" if memory is not None else "" if cameras else "nothing is drawn"
    place = placing.settled(device, where, placing.Load(drawn=len(cloud) * len(cameras), cpu=cpu))
    return rasterizers.chosen("auto", place.device), place.notes
