"""Where array work runs. The only module that says ``torch.cuda``."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import wraps
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from .errors import EngineUnavailable, UsageError, did_you_mean
from .runtime import libraries

if TYPE_CHECKING:
    import torch

T = TypeVar("T")
P = ParamSpec("P")

# NumPy; the torch code on CPU tensors; the torch code on a GPU; whichever is faster
NAMES = ("cpu", "torch-cpu", "cuda", "auto")
AUTO = "auto"
ELSEWHERE = {  # what others call their devices, and what to do about it
    "mps": "cells and distances are exact by float64, which Apple's GPUs have not; use `device='cpu'`",
    "hip": "torch for ROCm calls AMD's GPUs `device='cuda'`",
    "rocm": "torch for ROCm calls AMD's GPUs `device='cuda'`",
}


def resolve(name: Any) -> torch.device | None:
    """The torch device of a name; None for ``cpu``, which is NumPy and imports no torch.

    None as well for ``auto``, until `gscli.placing.settled` knows what there is to do.

    Raises:
        UsageError: no device has that name.
        EngineUnavailable: torch or a usable GPU is missing, or a GPU of that number.
    """
    if not isinstance(name, str):
        what = f"`device` must be a name, not {None if name is None else type(name).__name__}"
        raise UsageError(what, remedy=f"choose from {', '.join(NAMES)}")
    if name in ("cpu", AUTO):
        return None
    if name not in NAMES and not is_numbered(name):
        known = ELSEWHERE.get(name.split(":")[0])
        raise UsageError(f"no device {name!r}", remedy=known or did_you_mean(name, NAMES))
    libraries.require("torch", f"`device={name!r}`", instead="use `device='cpu'`")
    import torch

    if name == "torch-cpu":
        return torch.device("cpu")
    found = torch.device(name)
    require_there(found)
    return found


def require_there(device: torch.device) -> None:
    """Refuse a GPU that is not there.

    Raises:
        EngineUnavailable: torch sees no usable GPU, or none of that number.
    """
    import torch

    if device.type != "cuda":
        return
    if not torch.cuda.is_available():
        raise EngineUnavailable(
            f"`device='{device}'`: torch sees no usable GPU",
            remedy="check the driver and that torch is a CUDA build, or use `device='cpu'`",
        )
    if (device.index or 0) >= (count := torch.cuda.device_count()):
        have = "there is one GPU, cuda:0"
        if count > 1:
            have = f"there are {count} GPUs, cuda:0 to cuda:{count - 1}"
        raise EngineUnavailable(f"`device='{device}'`: {have}", remedy="name one of those")


def is_numbered(name: str) -> bool:
    """Whether a name is that of one of several GPUs, as ``cuda:1``."""
    return re.fullmatch(r"cuda:\d{1,4}", name, re.ASCII) is not None


def is_another(name: str) -> bool:
    """Whether `resolve` takes a name beyond `NAMES`, or has more to say about it than that it is none."""
    return is_numbered(name) or name in ELSEWHERE


def require_named(name: str, why: str = "the device that is named is measured") -> None:
    """Refuse ``auto`` where nothing can be chosen, and say why.

    Raises:
        UsageError: it is that.
    """
    if name == AUTO:
        raise UsageError(f"`device='auto'` has no effect: {why}", remedy="name one")


def is_cpu(device: torch.device | None) -> bool:
    """Whether a device is a CPU, by NumPy or by torch."""
    return device is None or device.type == "cpu"


def is_awake() -> bool:
    """Whether this process uses a GPU already, so that no more work has to pay for its start."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    return cuda is not None and bool(cuda.is_initialized())


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


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that a GPU has no memory left; what torch had kept for later is given back."""
    if "torch" not in sys.modules or not isinstance(error, sys.modules["torch"].cuda.OutOfMemoryError):
        return False
    sys.modules["torch"].cuda.empty_cache()
    return True


def pieces(work: Callable[[slice], T], count: int, piece: int, least: int) -> Iterator[T]:
    """What some work gives for each piece of so many things, which are halved where a GPU has no memory.

    Args:
        piece: of how many things, at most. least: what is as small as that is halved no more.

    Raises:
        torch.cuda.OutOfMemoryError: there is no memory for the smallest either.
    """
    first = 0
    while first < count:
        part = slice(first, min(first + piece, count))
        try:
            found = work(part)
        except RuntimeError as error:
            if piece <= least or not out_of_memory(error):
                raise
            piece = max(least, piece // 2)
            continue
        yield found
        first = part.stop


def in_pieces(work: Callable[[slice], object], count: int, piece: int, least: int) -> None:
    """Do some work for each of the `pieces` of so many things."""
    for _ in pieces(work, count, piece, least):
        pass


@contextmanager
def enough_memory(purpose: str) -> Iterator[None]:
    """Say in a line that a GPU's memory does not do for something, as ``to draw 3 Gaussians``.

    Raises:
        EngineUnavailable: the GPU has no memory left.
    """
    try:
        yield
    except RuntimeError as error:
        if not out_of_memory(error):
            raise
        raise EngineUnavailable(
            f"the GPU has not enough memory {purpose}", remedy="free some of it, or use `device='cpu'`"
        ) from error


def eager(function: Callable[P, T]) -> Callable[P, T]:
    """A function that torch.compile calls as it is: traced, its work by NumPy would become torch's."""

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> T:
        if "torch._dynamo" in sys.modules:  # without which nothing is compiled
            untraced: Callable[P, T] = sys.modules["torch"].compiler.disable(function)
            return untraced(*args, **kwargs)
        return function(*args, **kwargs)

    return called


def describe(device: torch.device | None) -> str:
    """The device as a report names it."""
    if device is None:
        return "cpu"
    if device.type == "cpu":
        return "torch-cpu"
    import torch

    return f"{device} ({torch.cuda.get_device_name(device)})"


def sent(array: Any, device: torch.device) -> Any:
    """A NumPy array as a tensor on a device, for whose copy nothing waits."""
    import torch

    return torch.from_numpy(array).to(device, non_blocking=True)


def is_torch(array: Any) -> bool:
    """Whether an array is a torch tensor, without importing torch to ask."""
    kind = getattr(sys.modules.get("torch"), "Tensor", None)
    return kind is not None and isinstance(array, kind)


def require_numbers(tensor: torch.Tensor) -> None:
    """Refuse a tensor whose numbers cannot be read: on ``meta``, sparse, nested or quantized.

    Raises:
        UsageError: it is one.
    """
    layout = str(tensor.layout).removeprefix("torch.")
    odd = {"nested": tensor.is_nested, "quantized": tensor.is_quantized, layout: layout != "strided"}
    if tensor.is_meta or any(odd.values()):
        kind = next((f"{kind} tensor" for kind in odd if odd[kind]), "tensor")
        raise UsageError(
            f"a {kind} on {tensor.device} holds no array of numbers",
            remedy="give a dense one, on a device that has data",
        )


def to_numpy(array: Any) -> Any:
    """A torch tensor as a NumPy array, copied from its device if need be; anything else as it is.

    NumPy has neither bfloat16 nor floats of 8 bits: they become float32, which holds them exactly.

    Raises:
        UsageError: a tensor that `require_numbers` refuses, or an array with masked values.
    """
    if is_torch(array):
        require_numbers(array)
        array = array.detach().cpu()
        small = str(array.dtype).startswith(("torch.bfloat16", "torch.float8"))
        return (array.float() if small else array).numpy(force=True)  # also of a conjugate, unlike `numpy()`
    if type(array).__module__.startswith("numpy.ma") and 1 in array.mask.tobytes():  # of named columns, too
        raise UsageError("some values of a masked array are masked", remedy="leave them out first")
    return array
