"""Pickles without their danger: an unpickler that knows NumPy arrays and tensors and nothing else.

A pickle is a program. This one may name only the globals listed here, and each name stands for a
small class of this module: neither NumPy's nor PyTorch's own reconstruction ever sees the bytes.
The memo and the stack are Python objects (the C unpickler allocates whatever index it is told),
lengths are cut to what is left of the file, and keys must be plain, so that the memory taken is
bounded by the file's size. Anything else is refused by name.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..errors import InputError
from .bytes import volume

TRUST_REMEDY = "it is not loaded; if you trust its author, add `trust_pickle=True`"
MOST_OPCODES = 1_000_000
_PLAIN_KEYS = (str, int, float, bool, bytes, type(None))


class Dtype:
    """A NumPy dtype as pickled: a code such as ``f4``, then its byte order."""

    def __init__(self, code: Any, *_: Any) -> None:
        if isinstance(code, bytes):
            code = code.decode("ascii")
        dtype = np.dtype(code) if isinstance(code, str) else np.dtype(object)
        if dtype.kind not in "biufSU" or dtype.names:
            raise ValueError("arrays of other types than plain numbers and texts are not read")
        self.value: np.dtype[Any] = dtype

    def restore(self, state: Any) -> None:
        if state[1] in (">", b">"):
            self.value = self.value.newbyteorder(">")


class Array:
    """A NumPy array as pickled: nothing, then (version, shape, dtype, Fortran order, bytes)."""

    def __init__(self, *_: Any) -> None:
        self.value: npt.NDArray[Any] = np.empty(0, np.float32)

    def restore(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        if isinstance(data, str):
            data = data.encode("latin-1")
        self.value = from_buffer(data, dtype, shape, "F" if fortran else "C")


def from_buffer(data: Any, dtype: Any, shape: Any, order: Any = "C") -> npt.NDArray[Any]:
    """The array that a buffer holds, if it holds exactly that."""
    if not isinstance(dtype, Dtype) or not isinstance(data, bytes | bytearray):
        raise ValueError("an array without a plain dtype or buffer")
    if volume(shape) * dtype.value.itemsize != len(data):
        raise ValueError(f"an array of shape {shape} does not fit its {len(data):,} bytes")
    array: npt.NDArray[Any] = np.frombuffer(data, dtype.value).reshape(
        shape, order="F" if order == "F" else "C"
    )
    return array


def scalar(dtype: Any, data: Any) -> Any:
    """A NumPy scalar, as a Python number."""
    if isinstance(data, str):
        data = data.encode("latin-1")
    return from_buffer(data, dtype, (1,))[0].item()


def encode(text: Any, encoding: Any = "utf-8") -> bytes:
    """``_codecs.encode``: how Python 2 pickles spell bytes."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise ValueError("bytes in an unknown encoding")
    return text.encode(encoding)


class NdarrayType:
    """Stands for the class ``numpy.ndarray``, which pickles name but which is never called."""


class Ordered(dict[Any, Any]):
    """An OrderedDict as pickled; attributes that ride along are ignored."""

    def __init__(self, items: Any = ()) -> None:
        super().__init__()
        for key, value in items:
            if not isinstance(key, _PLAIN_KEYS):
                raise ValueError("it has keys that are not plain")
            self[key] = value


NUMPY: dict[tuple[str, str], Callable[..., Any]] = {
    **{
        (f"numpy.{core}.{module}", name): value
        for core in ("core", "_core")
        for module, name, value in (
            ("multiarray", "_reconstruct", Array),
            ("multiarray", "scalar", scalar),
            ("numeric", "_frombuffer", from_buffer),
        )
    },
    ("numpy", "ndarray"): NdarrayType,
    ("numpy", "dtype"): Dtype,
    ("_codecs", "encode"): encode,
    ("collections", "OrderedDict"): Ordered,
}


class Refused(Exception):
    """A global that is not on the list."""


_DISPATCH: dict[int, Callable[[Any], None]] = pickle._Unpickler.dispatch


class _Counted(dict[int, Callable[[Any], None]]):
    """Opcodes by what they do, whose lookups are counted: ten million take seconds, and no scene has them."""

    left = MOST_OPCODES

    def __getitem__(self, opcode: int) -> Callable[[Any], None]:
        self.left -= 1
        if self.left < 0:
            raise ValueError(f"it takes more than {MOST_OPCODES:,} steps, which no scene does")
        return super().__getitem__(opcode)


# The pure Python unpickler: its memo is a dict and its dispatch can be narrowed.
class Unpickler(pickle._Unpickler):
    """Reads one pickle from a file object, with the globals of `NUMPY` and `more`."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = dict(_DISPATCH)
    stack: list[Any]
    read: Callable[[int], bytes]

    def __init__(
        self,
        stream: Any,
        more: dict[tuple[str, str], Callable[..., Any]] | None = None,
        persistent: Callable[[Any], Any] | None = None,
    ) -> None:
        super().__init__(stream, encoding="latin1")
        self.dispatch = _Counted(self.dispatch)  # type: ignore[misc]
        self._globals = {**NUMPY, **(more or {})}
        self._persistent = persistent

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self._globals:
            raise Refused(f"{module}.{name}")
        return self._globals[module, name]

    def persistent_load(self, pid: Any) -> Any:
        if self._persistent is None:
            raise ValueError("it refers to objects outside of itself")
        return self._persistent(pid)

    def get_extension(self, code: int) -> None:
        raise Refused(f"extension {code}")

    def load_build(self) -> None:
        state = self.stack.pop()
        made = self.stack[-1]
        if isinstance(made, Dtype | Array):
            made.restore(state)
        elif not isinstance(made, Ordered):
            raise ValueError(f"it sets the state of a {type(made).__name__}")

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        function = self.stack[-1]
        if not any(function is known for known in self._globals.values()):
            raise ValueError(f"it calls a {type(function).__name__}")
        made = function(*arguments)
        self.stack[-1] = made

    def _plain_keys(self) -> None:
        """Before dicts and sets are filled: hashing a deep tuple would overflow the C stack."""
        if not all(isinstance(item, _PLAIN_KEYS) for item in self.stack[::2]):
            raise ValueError("it has keys that are not plain")

    def load_setitem(self) -> None:
        if not isinstance(self.stack[-2], _PLAIN_KEYS):
            raise ValueError("it has keys that are not plain")
        _DISPATCH[pickle.SETITEM[0]](self)

    def load_setitems(self) -> None:
        self._plain_keys()
        _DISPATCH[pickle.SETITEMS[0]](self)

    def load_dict(self) -> None:
        self._plain_keys()
        _DISPATCH[pickle.DICT[0]](self)

    def load_bytearray8(self) -> None:
        """Read what is there before room is made for it."""
        size = int.from_bytes(self.read(8), "little")
        data = self.read(size)
        if len(data) < size:
            raise EOFError(f"{size:,} bytes where {len(data):,} are left")
        self.stack.append(bytearray(data))

    def load_unwanted(self) -> None:
        raise ValueError("it holds sets or instances, which no scene does")

    dispatch[pickle.BUILD[0]] = load_build
    dispatch[pickle.REDUCE[0]] = load_reduce
    dispatch[pickle.SETITEM[0]] = load_setitem
    dispatch[pickle.SETITEMS[0]] = load_setitems
    dispatch[pickle.DICT[0]] = load_dict
    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8
    for _opcode in (
        pickle.ADDITEMS,
        pickle.FROZENSET,
        pickle.INST,
        pickle.OBJ,
        pickle.NEWOBJ,
        pickle.NEWOBJ_EX,
    ):
        dispatch[_opcode[0]] = load_unwanted


def refused(path: Path, error: Refused) -> InputError:
    name = str(error)[:160]
    return InputError(f"is a pickle that names {name}, which no scene needs", path=path, remedy=TRUST_REMEDY)


def unwrap(value: Any) -> Any:
    """The NumPy array inside a pickled one; anything else as it is."""
    return value.value if isinstance(value, Array) else value
