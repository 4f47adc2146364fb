"""What ``device='auto'`` stands for: a GPU where it pays, and the CPU everywhere else.

The limits follow from what was measured on an H200 beside 16 cores: torch and CUDA take 4 seconds to start,
the nearest of 4 million points one way 0.5 s on the cores and 0.03 s on the GPU, a view of a million
Gaussians 0.09 s and 0.015 s. Thinning a file of a million takes the cores less time than that start.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import device as devices
from .errors import EngineUnavailable
from .runtime import cards

if TYPE_CHECKING:
    import torch

SEARCHED = 40_000_000, 100_000  # points of both clouds that pay for a start, and those that pay without one
DRAWN = 60_000_000, 1_000_000  # the same, of Gaussians times views
ON_CPU = "the CPU thins a file in less time than a GPU takes to start"

_inputs = 1  # of this process, which one start serves


@dataclass(frozen=True)
class Load:
    """What there is to do.

    Attributes:
        searched: points of both clouds, whose nearest neighbours are to be found.
        drawn: Gaussians, times the views that they are drawn in.
        given: what was given, among it maybe tensors that are on a GPU already.
        cpu: why it has to be the CPU, in words; empty where it has not.
    """

    searched: int = 0
    drawn: int = 0
    given: tuple[Any, ...] = ()
    cpu: str = ""


@dataclass(frozen=True)
class Place:
    """Where work runs.

    Attributes:
        device: as of `gscli.device.resolve`. notes: what is said of the choice; empty where there was none.
    """

    device: torch.device | None
    notes: tuple[str, ...] = ()


def serve(inputs: int) -> None:
    """Tell that this process will do so many inputs, which share one start of a GPU."""
    global _inputs
    _inputs = max(1, inputs)


def settled(name: str, where: torch.device | None, load: Load) -> Place:
    """Where work runs, now that one knows how much it is.

    Args:
        name: what was asked for. where: what `gscli.device.resolve` made of it.
    """
    if name != devices.AUTO:
        return Place(where)
    chosen, why = _choice(load)
    if chosen != "cpu":
        try:
            found = devices.resolve(chosen)
            return Place(found, (f"device auto: {devices.describe(found)}, as {why}",))
        except EngineUnavailable as error:
            why = f"there should be a GPU ({error.what.partition(': ')[2] or error.what})"
    return Place(None, (f"device auto: cpu, as {why}",))


def prospect() -> str:
    """What ``auto`` is going to stand for on this machine, in words."""
    missing = _missing()
    if missing is not None:
        return f"the CPU: {missing}"
    return (
        f"{', '.join(cards.names())} where it pays: from {SEARCHED[0]:,} points to search on, or in batches"
    )


def _choice(load: Load) -> tuple[str, str]:
    """The name of a device, and why it."""
    for given in load.given:
        if devices.is_torch(given) and given.is_cuda:
            return str(given.device), "what was given is there already"
    if load.cpu:
        return "cpu", load.cpu
    if (missing := _missing()) is not None:
        return "cpu", missing
    awake = devices.is_awake()
    told = []
    for much, limits, what in (
        (load.searched, SEARCHED, "points to search"),
        (load.drawn, DRAWN, "Gaussians times views to draw"),
    ):
        cold, warm = limits
        least = warm if awake else max(warm, cold // _inputs)
        if much >= least:
            return "cuda", f"{much:,} {what} are {least:,} or more"
        if much:
            told.append(f"{much:,} {what} are fewer than {least:,}")
    return "cpu", " and ".join(told) or "there is nothing to do"


def _missing() -> str | None:
    """Why no GPU can be used, found out without importing torch; None where one might."""
    if not cards.names():
        return "there is no NVIDIA GPU here"
    built = cards.torch_is_built_for_cuda()
    if built is None:
        return "torch is not installed, which a GPU needs"
    return None if built else "the torch that is installed was built without CUDA"
