"""NVIDIA's GPUs of this machine, found without torch and without waking CUDA.

By NVML, the driver's own library, which in a container knows those that were given to it; where that cannot
be loaded, by what the driver shows of itself in the file system.
"""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Mapping
from importlib import util
from pathlib import Path

NVML = "libnvidia-ml.so.1"
PROC = Path("/proc/driver/nvidia/gpus")


def names() -> list[str]:
    """What the GPUs are called that programs may use; those of ``CUDA_VISIBLE_DEVICES`` where that is set."""
    found = _by_nvml(NVML)
    return visible(_by_files(PROC) if found is None else found, os.environ)


def visible(found: list[str], environment: Mapping[str, str]) -> list[str]:
    """Those of the GPUs that CUDA shows to programs: up to the first number that there is not."""
    asked = environment.get("CUDA_VISIBLE_DEVICES")
    if asked is None:
        return found
    chosen = []
    for word in filter(None, (word.strip() for word in asked.split(","))):
        if re.fullmatch(r"\d{1,9}", word, re.ASCII):
            if int(word) >= len(found):
                break
            chosen.append(found[int(word)])
        elif word.startswith(("GPU-", "MIG-")) and found:
            chosen.append(found[0] if len(set(found)) == 1 else word)
        else:
            break
    return chosen


def torch_is_built_for_cuda() -> bool | None:
    """Whether the torch that would be imported is; None for none. It is not imported to find out."""
    if "torch" in sys.modules:
        return getattr(getattr(sys.modules["torch"], "version", None), "cuda", None) is not None
    spec = util.find_spec("torch")
    if spec is None or spec.origin is None:  # or any folder of that name
        return None
    try:
        text = (Path(spec.origin).parent / "version.py").read_text("utf-8", "replace")
    except OSError:
        return None
    return re.search(r"^cuda\b[^=\n]*=\s*['\"]", text, re.MULTILINE) is not None


def _by_nvml(library: str) -> list[str] | None:
    """The names that NVML has for them; None where it cannot be asked."""
    try:
        nvml = ctypes.CDLL(library)
        if nvml.nvmlInit_v2() != 0:
            return None
    except (OSError, AttributeError):
        return None
    try:
        count = ctypes.c_uint(0)
        if nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
            return None
        found = []
        for number in range(count.value):
            handle, name = ctypes.c_void_p(), ctypes.create_string_buffer(96)
            known = nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(number), ctypes.byref(handle)) == 0
            if known and nvml.nvmlDeviceGetName(handle, name, ctypes.c_uint(len(name))) == 0:
                found.append(name.value.decode("utf-8", "replace"))
        return found
    except AttributeError:
        return None
    finally:
        nvml.nvmlShutdown()


def _by_files(folder: Path) -> list[str]:
    """The models that the driver's files name."""
    found = []
    try:
        for path in sorted(folder.glob("*/information")):
            model = re.search(r"^Model:\s*(.+?)\s*$", path.read_text("utf-8", "replace"), re.MULTILINE)
            found.append(model[1] if model else "NVIDIA GPU")
    except OSError:
        return found
    return found
