"""For use inside a training loop: samplers, losses and monitors. Needs torch.

>>> from gscli.training import GridSampler, collate, density_consistency, method, split, DisagreementMonitor
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "DisagreementMonitor": "monitor",
    "GridSampler": "sampler",
    "Scenario": "scenario",
    "cloud_of": "models",
    "collate": "collating",
    "density_consistency": "consistency",
    "method": "asked",
    "split": "collating",
}
__all__ = list(_PUBLIC)

if TYPE_CHECKING:
    from .asked import method as method
    from .collating import collate as collate
    from .collating import split as split
    from .consistency import density_consistency as density_consistency
    from .models import cloud_of as cloud_of
    from .monitor import DisagreementMonitor as DisagreementMonitor
    from .sampler import GridSampler as GridSampler
    from .scenario import Scenario as Scenario


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_PUBLIC[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted(__all__)
