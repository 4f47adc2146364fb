"""LAZ to LAS, in a process of its own: over damaged data the decoder ends the process it runs in."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from ..errors import EngineUnavailable, InputError

_ROOM = 1 << 30  # bytes of address space for the interpreter, laspy and its buffers
_COPIES = 6  # of the points, at most, while they are unpacked and written
_UNPACK = """
import sys
try:
    import resource
    limit = int(sys.argv[3])
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft == resource.RLIM_INFINITY or soft > limit:
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
except (ImportError, ValueError, OSError):
    pass
import laspy
laspy.read(sys.argv[1], laz_backend=laspy.LazBackend.Lazrs).write(sys.argv[2])
"""


@contextmanager
def unpacked(path: Path, points: int) -> Iterator[Path]:
    """Yield the path of a temporary LAS file with the points of a LAZ file.

    Args:
        path: the LAZ file.
        points: how many bytes its points take unpacked.

    Raises:
        InputError: it is damaged.
        EngineUnavailable: lazrs is not installed.
    """
    if find_spec("lazrs") is None:
        raise EngineUnavailable(
            "LAZ needs lazrs, not installed here", path=path, remedy="pip install 'gscli[formats]'"
        )
    with tempfile.TemporaryDirectory(prefix="gscli-laz-") as folder:
        target = Path(folder) / "points.las"
        limit = str(_ROOM + _COPIES * points)
        command = [sys.executable, "-c", _UNPACK, str(path.resolve()), str(target), limit]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            raise InputError("has damaged LAZ data", path=path, remedy="check that it is intact")
        yield target
