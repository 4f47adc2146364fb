"""Libraries that may be missing, that cannot be imported, or in whose place there is something else.

A faiss for GPUs without CUDA's own libraries raises whatever it likes when it is imported, and any folder
named faiss, without a line of code in it, is imported as one.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from ..errors import EngineUnavailable, installing

PROOFS = {  # by the name that is imported, something that the library and nothing else of that name has
    "PIL": "__version__",
    "distributed": "Client",
    "faiss": "IndexFlatL2",
    "laspy": "LasData",
    "laszip": "LasUnZipper",
    "lazrs": "LasZipDecompressor",
    "plyfile": "PlyData",
    "pxr": "__all__",
    "pye57": "E57",
    "pykdtree.kdtree": "KDTree",
    "torch": "Tensor",
    "triton": "jit",
    "zstandard": "ZstdDecompressor",
}
LONGEST = 200  # characters of what an import says


@dataclass(frozen=True)
class Trouble:
    """Why a library cannot be used here.

    Attributes:
        what: what is wrong with it, as ``is not installed``.
        remedy: what to do about it.
        missing: whether it is just not there.
    """

    what: str
    remedy: str
    missing: bool = False


def trouble(library: str) -> Trouble | None:
    """What is wrong with a library of `PROOFS`, which is imported to find out; None if nothing is."""
    name = library.partition(".")[0]
    try:
        module = import_module(library)
    except ModuleNotFoundError as error:
        if error.name == name:
            return Trouble("is not installed", installing(name), missing=True)
        if error.name == library:
            return _something_else(import_module(name))
        return _broken(error)
    except Exception as error:  # noqa: BLE001  whatever its code, or that of what it needs, raises
        return _broken(error)
    return None if hasattr(module, PROOFS[library]) else _something_else(module)


def require(
    library: str,
    purpose: str,
    *,
    get: str | None = None,
    instead: str | None = None,
    path: str | os.PathLike[str] | None = None,
) -> None:
    """See that a library of `PROOFS` can be imported and is the one of that name.

    Args:
        library: its name.
        purpose: what needs it, as ``the faiss engine``.
        get: how to get it where it is missing, if not by its name.
        instead: how to do without it.
        path: the file that it is needed for.

    Raises:
        EngineUnavailable: it is missing, it cannot be imported, or it is something else.
    """
    found = trouble(library)
    if found is None:
        return
    remedy = get if get and found.missing else found.remedy
    raise EngineUnavailable(
        f"{purpose} needs {library.partition('.')[0]}, which {found.what}",
        path=path,
        remedy=f"{remedy}, or {instead}" if instead else remedy,
    )


def lacks_memory(error: Exception) -> bool:
    """Whether it is memory that an import, or anything else, failed for."""
    return isinstance(error, MemoryError) or "failed to map segment" in str(error)


def _broken(error: Exception) -> Trouble:
    if lacks_memory(error):
        return Trouble("does not fit into memory", "free some, or raise ulimit -v")
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return Trouble(f"cannot be imported ({said[:LONGEST]})", "mend its installation")


def _something_else(module: ModuleType) -> Trouble:
    place = module.__file__ or next(iter(module.__path__), "")
    return Trouble(f"is something else here ({place})", "move that out of the way")
