"""What ``torch.save`` writes, read without PyTorch: tensors are views of the mapped file.

A zip file (PyTorch 1.6 and later) holds one pickle, ``data.pkl``, and the bytes of every tensor's
storage as uncompressed members. The legacy file is a row of pickles (magic number, protocol,
system, object, storage keys) and then the storages. Both pickles go through `pickles.Unpickler`,
or that of `stand_ins`, so nothing in them runs. A tensor's bytes are touched when its values are:
optimiser state, two thirds of a training checkpoint, never is. Tensors of any device read alike.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .bytes import malformed, mapped, table, volume
from .pickles import Refused, Unpickler, refused
from .stand_ins import Lenient
from .zip import MAGIC, Zip, first_member

LEGACY_MAGIC = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
BFLOAT16 = np.dtype([("bfloat16", "<u2")])  # the upper halves of float32 values

_STORAGES = {
    "FloatStorage": "<f4",
    "DoubleStorage": "<f8",
    "HalfStorage": "<f2",
    "BFloat16Storage": BFLOAT16,
    "LongStorage": "<i8",
    "IntStorage": "<i4",
    "ShortStorage": "<i2",
    "CharStorage": "|i1",
    "ByteStorage": "|u1",
    "BoolStorage": "|b1",
    "UntypedStorage": "|u1",
}
_DTYPES = {
    "float32": "<f4",
    "float64": "<f8",
    "float16": "<f2",
    "bfloat16": BFLOAT16,
    "int64": "<i8",
    "int32": "<i4",
    "int16": "<i2",
    "int8": "|i1",
    "uint8": "|u1",
    "bool": "|b1",
}
_HARMLESS = ("device", "Size")  # `torch.device("cuda:0")` among optimiser settings


class Kind:
    """A storage class or dtype by its PyTorch name."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)


class Storage:
    """Where a tensor's numbers lie; `fetch` gives the bytes, once they are wanted."""

    def __init__(self, dtype: np.dtype[Any], count: int, fetch: Callable[[], npt.NDArray[np.uint8]]) -> None:
        self.dtype, self.count, self.fetch = dtype, count, fetch


class Tensor:
    """A tensor as pickled: a window on a storage, opened by `numpy`.

    Raises:
        ValueError: the window is not within its storage, or is larger than it.
    """

    def __init__(self, storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> None:
        if not isinstance(storage, Storage) or len(shape) != len(stride):
            raise ValueError("a tensor without a storage")
        if not all(type(n) is int and n >= 0 for n in (offset, *shape, *stride)):
            raise ValueError("a tensor of impossible shape")
        self.storage, self.offset, self.stride = storage, offset, tuple(stride)
        self.shape: tuple[int, ...] = tuple(shape)
        items = volume(shape)
        last = offset + sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
        if 0 not in self.shape and (last >= storage.count or items > storage.count):
            raise ValueError(f"a tensor of shape {self.shape} does not fit its {storage.count:,} numbers")

    def numpy(self) -> npt.NDArray[Any]:
        """The values, as a read-only view of the file; bfloat16 becomes float32."""
        dtype = self.storage.dtype
        if 0 in self.shape:
            return np.empty(self.shape, np.float32 if dtype == BFLOAT16 else dtype)
        data = self.storage.fetch()
        if len(data) < self.storage.count * dtype.itemsize:
            raise ValueError(
                f"a storage holds {len(data):,} bytes of {self.storage.count * dtype.itemsize:,}"
            )
        flat = data[: self.storage.count * dtype.itemsize].view(dtype)
        view: npt.NDArray[Any] = np.lib.stride_tricks.as_strided(
            flat[self.offset :], self.shape, [n * dtype.itemsize for n in self.stride], writeable=False
        )
        if view.flags.c_contiguous:  # the usual case: a slice, through which the map can be seen
            view = flat[self.offset : self.offset + view.size].reshape(self.shape)
        if dtype == BFLOAT16:
            return (view["bfloat16"].astype("<u4") << 16).view(np.float32)
        return view


def _rebuild_v3(
    storage: Any, offset: Any, shape: Any, stride: Any, grad: Any, hooks: Any, kind: Any, *_: Any
) -> Tensor:
    if not isinstance(storage, Storage) or not isinstance(kind, Kind):
        raise ValueError("a tensor without a storage")
    count = storage.count * storage.dtype.itemsize // kind.dtype.itemsize
    return Tensor(Storage(kind.dtype, count, storage.fetch), offset, shape, stride)


def _parameter(tensor: Any, *_: Any) -> Any:
    return tensor


def _ignored(*_: Any) -> None:
    return None


_GLOBALS: dict[tuple[str, str], Any] = {
    **{("torch", name): Kind(dtype) for name, dtype in (_STORAGES | _DTYPES).items()},
    ("torch.storage", "UntypedStorage"): Kind("|u1"),
    **{("torch", name): partial(_ignored) for name in _HARMLESS},
    ("torch._utils", "_rebuild_tensor"): Tensor,
    ("torch._utils", "_rebuild_tensor_v2"): Tensor,
    ("torch._utils", "_rebuild_tensor_v3"): _rebuild_v3,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    ("torch._utils", "_rebuild_parameter_with_state"): _parameter,
    ("torch.nn.parameter", "Parameter"): _parameter,
}


def sniff(head: bytes) -> bool:
    """Whether a file starts as ``torch.save`` starts one."""
    return first_member(head).endswith(("/data.pkl", "/.format_version")) or head.startswith(LEGACY_MAGIC)


def load(path: Path, *, lenient: Callable[[Any], bool] = lambda _: False) -> Any:
    """The object that was saved, its tensors as `Tensor`.

    Args:
        path: the file.
        lenient: whether an object, read with stand-ins for what is not on the list (`stand_ins`), is of a
            kind that may hold such: those that no reader looks at.

    Raises:
        InputError: no such file, damaged, or it names a global that is not on the list.
    """
    with malformed(path, "a PyTorch file"):
        read = _load_zip if mapped(path)[:4].tobytes() == MAGIC else _load_legacy
        try:
            return read(path, Unpickler)
        except Refused as error:
            first = error
        try:
            saved = read(path, Lenient)
        except Refused as error:
            raise refused(path, error) from None
        except Exception:  # noqa: BLE001 (it is refused whatever else it may be)
            raise refused(path, first) from None
        if lenient(saved):
            return saved
        raise refused(path, first)


def _load_zip(path: Path, reader: type[Unpickler]) -> Any:
    archive = Zip(path, "a PyTorch file")
    root = next((name[: -len("data.pkl")] for name in archive.members if name.endswith("/data.pkl")), None)
    if root is None:
        raise InputError("is a zip without data.pkl, so not a checkpoint", path=path)
    order = f"{root}byteorder"
    if order in archive.members and archive.stored(order).tobytes() != b"little":
        raise InputError("was saved on a big-endian machine, which is not read", path=path)

    def storage(pid: Any) -> Storage:
        tag, kind, key, _device, count = pid
        if tag != "storage" or not isinstance(kind, Kind) or type(count) is not int or type(key) is not str:
            raise ValueError("a storage of unknown kind")
        return Storage(kind.dtype, count, partial(archive.stored, f"{root}data/{key}"))

    stream = io.BytesIO(archive.stored(f"{root}data.pkl").tobytes())
    return reader(stream, _GLOBALS, storage).load()


def _load_legacy(path: Path, reader: type[Unpickler]) -> Any:
    data = mapped(path)
    where: dict[str, npt.NDArray[np.uint8]] = {}
    kinds: dict[str, tuple[np.dtype[Any], int]] = {}

    def storage(pid: Any) -> Storage:
        tag, kind, key, _device, count, view = pid
        if tag != "storage" or not isinstance(kind, Kind) or type(count) is not int or type(key) is not str:
            raise ValueError("a storage of unknown kind")
        kinds[key] = kind.dtype, count
        fetch = partial(where.__getitem__, key)
        if view is None:
            return Storage(kind.dtype, count, fetch)
        _, start, size = view
        if type(start) is not int or type(size) is not int or not 0 <= start <= start + size <= count:
            raise ValueError("a storage view outside of its storage")
        item = kind.dtype.itemsize
        return Storage(kind.dtype, size, lambda: fetch()[start * item : (start + size) * item])

    stream = _Stream(data)
    for _ in range(3):  # the magic number, the protocol, the system
        Unpickler(stream).load()
    saved = reader(stream, _GLOBALS, storage).load()
    keys = Unpickler(stream).load()
    for key in keys:
        if type(key) is not str or key not in kinds:  # hashing a deep tuple would overflow the C stack
            raise ValueError("a storage that nothing refers to")
        dtype, count = kinds[key]
        at = stream.tell()
        said = int(table(data, "<i8", 1, at, path, "storage size")[0])
        if said != count:
            raise ValueError(f"a storage of {said:,} numbers where {count:,} are expected")
        where[key] = table(data, "|u1", count * dtype.itemsize, at + 8, path, "bytes of tensors")
        stream.seek(at + 8 + count * dtype.itemsize)
    return saved


class _Stream:
    """The mapped file as the file object that unpickling wants, reading no further than it must."""

    def __init__(self, data: npt.NDArray[np.uint8]) -> None:
        self._data, self._at = data.data, 0

    def tell(self) -> int:
        return self._at

    def seek(self, at: int) -> None:
        self._at = at

    def read(self, size: int) -> bytes:
        out = bytes(self._data[self._at : self._at + size])
        self._at += len(out)
        return out

    def readline(self) -> bytes:
        window = bytes(self._data[self._at : self._at + (1 << 16)])
        return self.read(window.find(b"\n") + 1 or len(window))
