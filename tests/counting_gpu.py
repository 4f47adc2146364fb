"""A GPU that is not there: a CPU computes for it, and its launches and the waits for it are counted.

Its tensors are no CPU's: to mix the two, to make a tensor on another GPU or to launch a kernel while another
GPU is the current one fails here too.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

INTERPRETED = "TRITON_INTERPRET" in os.environ and not torch.cuda.is_available()
WHERE = torch.device("cuda:1")  # the second: the first is the default
TOLD = {"cpu", "item", "tolist", "__bool__", "__int__", "__float__", "__index__"}  # what the CPU is told
SIZED = {  # operators whose answer has a size that the CPU has to know
    "_unique2",
    "bincount",
    "masked_select",
    "nonzero",
    "unique_consecutive",
    "unique_dim",
}
FREE = {  # operators that launch nothing
    "alias",
    "as_strided",
    "detach",
    "empty",
    "empty_like",
    "empty_strided",
    "expand",
    "new_empty",
    "new_empty_strided",
    "permute",
    "select",
    "slice",
    "split",
    "split_with_sizes",
    "squeeze",
    "t",
    "transpose",
    "unbind",
    "unsqueeze",
    "view",
}


def documented(what: str, by: str = "triton") -> list[int]:
    """The waits and the launches of a row in docs/machine.md, those by kernels or by ``torch``."""
    page = (Path(__file__).parents[1] / "docs" / "machine.md").read_text("utf-8")
    (row,) = [line for line in page.splitlines() if line.startswith(f"| {what} | ")]
    cells = [cell.split(" / ") for cell in row.split(" | ")[1:3]]
    return [int(cell[-1 if by == "torch" else 0].rstrip(" |")) for cell in cells if cell[0].strip(" |")]


class There(torch.Tensor):
    """A tensor on the GPU, with what a CPU holds of it."""

    held: torch.Tensor

    @staticmethod
    def __new__(cls, held: torch.Tensor) -> There:
        made = torch.Tensor._make_wrapper_subclass(cls, held.size(), dtype=held.dtype, device=WHERE)
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"{func} of a tensor on a GPU that nobody counts for")


class CountingGPU(TorchFunctionMode):
    """The GPU; it is used as a context.

    Attributes:
        launches: by operator and kernel. waits: of the CPU for the GPU, by what for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.launches: Counter[str] = Counter()
        self.waits: Counter[str] = Counter()

    def clear(self) -> None:
        self.launches.clear()
        self.waits.clear()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func.__self__.__name__ if func.__name__ == "__get__" else func.__name__
        given = [each for each in tree_leaves((args, kwargs)) if isinstance(each, torch.Tensor)]
        there = [each for each in given if isinstance(each, There)]
        to = _device(args, kwargs)
        assert to in (None, torch.device("cpu"), WHERE), f"{name} on {to}"
        if (not there and to != WHERE) or (name == "as_tensor" and there):
            return func(*args, **kwargs) if not there else args[0]
        if name in ("device", "is_cuda", "is_cpu"):
            return {"device": WHERE, "is_cuda": True, "is_cpu": False}[name]
        assert name not in ("numpy", "__array__"), "NumPy does not reach a GPU's tensor"
        here = [each for each in given if not isinstance(each, There)]
        across = (
            bool(here) or to == torch.device("cpu") or name in (TOLD | {"tensor", "as_tensor", "new_tensor"})
        )
        assert not (here and there) or name == "copy_", f"{name} of tensors here and there"
        args, kwargs = tree_map(_held, (args, kwargs))
        if across and name not in ("empty_like", "zeros_like", "ones_like", "full_like"):
            self.launches[name] += 1
            if not kwargs.get("non_blocking"):
                self.waits[name] += 1
            found = func(*args, **kwargs)
            return There(found.clone()) if to == WHERE or name == "new_tensor" else found
        with _Operators(self):
            found = func(*args, **kwargs)
        return tree_map(lambda each: There(each) if isinstance(each, torch.Tensor) else each, found)


class _Operators(TorchDispatchMode):
    """Counts what a function of torch comes to."""

    def __init__(self, gpu: CountingGPU) -> None:
        super().__init__()
        self.gpu = gpu

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = func._schema.name.partition("::")[2].rstrip("_")
        if name not in FREE:
            self.gpu.launches[name] += 1
        by_mask = name in ("index", "index_put") and any(
            each is not None and each.dtype == torch.bool for each in args[1]
        )
        if name == "index_put" and args[2].numel() == 1:
            by_mask = False  # which is filled where it stands
        if name in SIZED or by_mask or (name == "repeat_interleave" and kwargs.get("output_size") is None):
            self.gpu.waits[name] += 1
        return func(*args, **kwargs)


def _held(each: Any) -> Any:
    if isinstance(each, There):
        return each.held
    return torch.device("cpu") if _is_device(each) else each


def _device(args: Any, kwargs: Any) -> torch.device | None:
    """That a function of torch was given."""
    for each in (*args, kwargs.get("device")):
        if _is_device(each):
            return torch.device(each)
    return None


def _is_device(each: Any) -> bool:
    return isinstance(each, torch.device) or (
        isinstance(each, str) and each.partition(":")[0] in ("cpu", "cuda")
    )


@contextmanager
def counting_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingGPU]:
    """The GPU, with Triton's interpreter where kernels are interpreted."""
    gpu, current = CountingGPU(), []

    @contextmanager
    def device(where: Any) -> Iterator[None]:
        current.append(torch.device(where))
        yield
        current.pop()

    monkeypatch.setattr(torch.cuda, "device", device)
    try:
        from triton.runtime.interpreter import GridExecutor
    except ImportError:
        pass
    else:
        run = GridExecutor.__call__

        def launched(self: Any, *args: Any, **kwargs: Any) -> None:
            assert current[-1:] == [WHERE]
            assert all(isinstance(each, There) for each in args if isinstance(each, torch.Tensor))
            gpu.launches[self.fn.__name__] += 1
            with torch._C.DisableTorchFunction():
                run(self, *map(_held, args), **kwargs)

        monkeypatch.setattr(GridExecutor, "__call__", launched)
    with gpu:
        yield gpu
