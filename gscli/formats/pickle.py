"""``point_cloud.pickle`` of r2_gaussian, whatever it is called: a pickled dict of NumPy arrays.

Some versions of the fork name it ``.ply``; its first bytes tell. `gscli.containers.pickles`
unpickles it, which runs nothing, unless the user trusts it.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..cloud import GaussianCloud
from ..containers.bytes import malformed, mapped, require_end
from ..containers.pickles import Refused, Unpickler, refused
from ..containers.torch_file import LEGACY_MAGIC
from . import _r2
from ._format import Format
from .checkpoint import models, select


def sniff(head: bytes) -> bool:
    if head.startswith(LEGACY_MAGIC) or head[8:10] == b'{"':  # the latter is safetensors
        return False
    binary = head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")
    return binary or head.startswith((b"(dp", b"}q", b"(lp", b"(d."))


def read(
    path: Path,
    *,
    part: str | None = None,
    only: Sequence[str] | None = None,
    trust_pickle: bool = False,
) -> GaussianCloud:
    """Read the model of a pickle; the arguments are those of `checkpoint.read`.

    Raises:
        InputError: damaged, unsafe, or no model.
    """
    data = mapped(path)
    with malformed(path, "a pickle"):
        stream: Any = io.BytesIO(data.data)
        try:
            saved = pickle.load(stream) if trust_pickle else Unpickler(stream).load()
        except Refused as error:
            raise refused(path, error) from None
        require_end(path, data, stream.tell(), "its pickle")
        exported = _r2.exported(path, saved)
        found = {"": exported} if exported else models(path, saved)
        model = select(path, found, part)
        return model.cloud("pickle", only)


FORMAT = Format(
    "pickle",
    "point clouds of r2_gaussian, pickled",
    (".pickle", ".pkl"),
    sniff,
    read,
    takes=frozenset({"part", "only", "trust_pickle"}),
)
