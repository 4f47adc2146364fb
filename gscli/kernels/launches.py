"""Launching kernels in Triton, and whether that works here.

Triton comes with torch for CUDA. The first launch on a machine compiles: the kernel, which is then kept on
the disk, and a launcher of it by a C compiler. Any of that may be missing, so the smallest kernel is tried
once.

With ``TRITON_INTERPRET=1`` in the environment kernels are interpreted, on CPU tensors too: slow, and how they
are tested where there is no GPU.
"""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from ..device import current
from ..errors import EngineUnavailable
from ..runtime import libraries
from ..runtime.libraries import Trouble

if TYPE_CHECKING:
    import torch

OLDEST = 3, 3  # what the kernels compile with
NEEDS = "see that a C compiler, Python's headers and a folder for TRITON_CACHE_DIR are there"


def trouble(device: torch.device) -> Trouble | None:
    """Why kernels cannot run on a device, in words that go on after *triton*; None where they do."""
    if device.type == "cpu" and "TRITON_INTERPRET" not in os.environ:
        return Trouble("needs a GPU", "use `device='cuda'`")  # and Triton need not be imported to know
    return _tried(str(device))


@cache
def _tried(device: str) -> Trouble | None:
    if (found := libraries.trouble("triton")) is not None:
        return found
    import torch
    import triton

    if tuple(map(int, triton.__version__.split(".")[:2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        return Trouble(f"is older than {oldest}", "install a newer torch, which brings its own")
    from .gpu import trial

    number = torch.zeros(1, dtype=torch.int32, device=device)
    try:
        launch(trial.count_up, (1,), number, warps=1)
        works = int(number) == 1
    except Exception as error:  # noqa: BLE001  whatever compilers, loaders and drivers raise
        said = " ".join(f"{type(error).__name__}: {error}".split())
        return Trouble(f"cannot launch a kernel ({said[: libraries.LONGEST]})", NEEDS)
    return None if works else Trouble("launches kernels that do nothing", NEEDS)


def require(device: torch.device, purpose: str) -> None:
    """See that kernels run on a device.

    Raises:
        EngineUnavailable: they do not, which `purpose` needs.
    """
    found = trouble(device)
    if found is not None:
        remedy = f"{found.remedy}, or choose another engine"
        raise EngineUnavailable(f"{purpose} needs triton, which {found.what}", remedy=remedy)


def launch(kernel: Any, grid: tuple[int, ...], *arguments: Any, warps: int = 4, **constants: Any) -> None:
    """Run a kernel, a program for each place of the grid, on the device and the stream of its tensors.

    No multiplication is fused with an addition: every product is rounded, as NumPy rounds it.

    Args:
        arguments: tensors first, then numbers. constants: what the kernel is compiled for.
    """
    with current(arguments[0].device):
        kernel[grid](*arguments, num_warps=warps, enable_fp_fusion=False, **constants)
