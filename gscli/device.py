"""Where array work runs. The only module that says ``torch.cuda``."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from .errors import EngineUnavailable, UsageError, did_you_mean
from .runtime import libraries

if TYPE_CHECKING:
    import torch

NAMES = ("cpu", "torch-cpu", "cuda")  # NumPy; the torch code on CPU tensors; the torch code on a GPU


def resolve(name: Any) -> torch.device | None:
    """The torch device of a name; None for ``cpu``, which is NumPy and imports no torch.

    Raises:
        UsageError: no device has that name.
        EngineUnavailable: torch or a usable GPU is missing.
    """
    if not isinstance(name, str):
        what = f"`device` must be a name, not {None if name is None else type(name).__name__}"
        raise UsageError(what, remedy=f"choose from {', '.join(NAMES)}")
    if name == "cpu":
        return None
    if name.split(":")[0] not in NAMES:
        raise UsageError(f"no device {name!r}", remedy=did_you_mean(name, NAMES))
    libraries.require("torch", f"`device={name!r}`", instead="use `device='cpu'`")
    import torch

    if name == "torch-cpu":
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise EngineUnavailable(
            "`device='cuda'`: torch sees no usable GPU",
            remedy="check the driver and that torch is a CUDA build, or use `device='cpu'`",
        )
    return torch.device(name)


def is_cpu(device: torch.device | None) -> bool:
    """Whether a device is a CPU, by NumPy or by torch."""
    return device is None or device.type == "cpu"


def synchronise(device: torch.device | None) -> None:
    """Wait until queued GPU work is done, so that a clock read next to it tells the truth."""
    if device is not None and device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)


def current(device: torch.device) -> AbstractContextManager[Any]:
    """A context in which kernels that go to whatever GPU is the current one go to `device`."""
    if device.type != "cuda":
        return nullcontext()
    import torch

    return torch.cuda.device(device)


def describe(device: torch.device | None) -> str:
    """The device as a report names it."""
    if device is None:
        return "cpu"
    if device.type == "cpu":
        return "torch-cpu"
    import torch

    return f"{device} ({torch.cuda.get_device_name(device)})"


def is_torch(array: Any) -> bool:
    """Whether an array is a torch tensor, without importing torch to ask."""
    return type(array).__module__.partition(".")[0] == "torch"


def to_numpy(array: Any) -> Any:
    """A torch tensor as a NumPy array, copied from its device if need be; anything else as it is.

    NumPy has no bfloat16: it becomes float32, which holds it exactly.
    """
    if not is_torch(array):
        return array
    array = array.detach().cpu()
    return (array.float() if str(array.dtype) == "torch.bfloat16" else array).numpy()
