"""The door to the compiled kernels: what they take, and what is said where there are none."""

from __future__ import annotations

import ctypes
import gc
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import gscli.kernels
from gscli import _core
from gscli.errors import UsageError
from gscli.kernels import images, kd_tree, merging, radix

ROOM = Path(_core.__file__).parent
HEADER = (ROOM / "core.h").read_text("utf-8")
ELEMENTS = {"double": "f8", "float": "f4"} | {
    f"{sign}int{bits}_t": f"{sign or 'i'}{bits // 8}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}


@pytest.fixture
def anew() -> Iterator[None]:
    """Asks again what there is, and forgets the answer."""
    _core.trouble.cache_clear()
    yield
    _core.trouble.cache_clear()


def promised() -> dict[str, list[tuple[str, bool]]]:
    """By the name of each exported function the types of its arguments, and whether they are arrays."""
    text = re.sub(r"//.*", "", HEADER)
    found = {}
    for name, arguments in re.findall(r"EXPORT void (\w+)\(([^)]*)\);", text):
        words = [re.sub(r"\bconst\b", "", argument).split() for argument in arguments.split(",")]
        found[name] = [(kind.rstrip("*"), "*" in "".join([kind, *rest])) for kind, *rest in words]
    return found


def declared() -> list[_core.Kernel]:
    for path in Path(gscli.kernels.__file__).parent.glob("*.py"):
        import_module(f"gscli.kernels.{path.stem}")
    return [thing for thing in gc.get_objects() if type(thing) is _core.Kernel and thing.name != "made here"]


def sizes() -> dict[str, int]:
    """The size of each record of core.h, were it laid out as C does."""
    found = {}
    for body, name in re.findall(r"typedef struct \{([^}]*)\} (\w+);", re.sub(r"//.*", "", HEADER)):
        fields = []
        for line in filter(None, (line.strip() for line in body.split(";"))):
            kind, names = line.split(maxsplit=1)
            for field in names.split(","):
                count = re.search(r"\[(\w+)\]", field)
                length = 1 if count is None else 16 if count[1] == "LEAF" else int(count[1])
                fields.append((field.split("[")[0].strip(), ELEMENTS[kind], length))
        found[name] = np.dtype(fields, align=True).itemsize
    return found


def test_every_exported_function_is_declared_as_it_is() -> None:
    kernels = {kernel.name: kernel for kernel in declared()}
    exported = promised()
    assert set(kernels) == set(exported)
    assert len(exported) >= 6
    records = sizes()
    for name, arguments in exported.items():
        for (kind, is_array), given in zip(arguments, kernels[name].arguments, strict=True):
            if not is_array:
                assert given is {"int64_t": int, "double": float, "uint64_t": _core.Word}[kind], name
            elif kind in records:
                assert np.dtype(given).itemsize == records[kind], (name, kind)
            else:
                assert np.dtype(given) == np.dtype(ELEMENTS[kind]), (name, kind)


def test_both_sides_have_one_revision() -> None:
    assert re.findall(r"#define REVISION (\d+)", HEADER) == [str(_core.REVISION)]


def test_both_sides_have_digits_and_leaves_of_one_size() -> None:
    assert re.findall(r"#define RADIX_BITS (\d+)", HEADER) == [str(radix.BITS)]
    assert re.findall(r"#define LEAF (\d+)", HEADER) == [str(kd_tree.LEAF)]


def test_both_sides_have_as_many_buckets_and_rooms_of_one_size() -> None:
    assert re.findall(r"#define BUCKETS (\d+)", HEADER) == [str(merging.BUCKETS)]
    assert re.findall(r"#define ROOM (\d+)", HEADER) == [str(merging.ROOM)]


def test_both_sides_have_one_window_and_its_room() -> None:
    text = HEADER + (ROOM / "images.h").read_text("utf-8")
    found = {name: int(number) for name, number in re.findall(r"#define (\w+) (\d+)", text)}
    assert [found[name] for name in ("STRIP", "TAPS", "MOMENTS")] == [
        images.STRIP,
        images.WINDOW,
        images.MOMENTS,
    ]


@pytest.mark.compiled
def test_an_array_of_another_type_or_layout_is_refused() -> None:
    kernel = next(kernel for kernel in declared() if kernel.name == "kd_split_f32")
    points, boxes = (np.zeros(32, kind) for kind in kernel.arguments[:2])
    shifted = np.zeros(points.nbytes + 1, np.uint8)[1:].view(points.dtype)
    for wrong in (points[::2], points.view(np.uint8), np.zeros(32, np.float32), shifted):
        with pytest.raises(ctypes.ArgumentError):
            kernel(wrong, boxes, 32, 0, 0)


@pytest.mark.usefixtures("anew")
def test_they_can_be_switched_off_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GSCLI_CORE", "0")
    found = _core.trouble()
    assert found is not None
    assert (found.what, found.remedy) == ("are switched off", "unset GSCLI_CORE")
    _core.trouble.cache_clear()
    monkeypatch.setenv("GSCLI_CORE", "no")
    with pytest.raises(UsageError, match=r"GSCLI_CORE: must be 0 .* or 1, not 'no'"):
        _core.trouble()


@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize(
    ("body", "what"),
    [
        (None, "are not built"),
        ("REVISION = 0", "are those of another version"),
        ("raise ImportError('no symbol\\nX')", r"cannot be loaded \(no symbol X\)"),
    ],
)
def test_what_is_wrong_with_them_is_said(
    body: str | None, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GSCLI_CORE", raising=False)
    monkeypatch.delitem(sys.modules, "gscli._core._kernels", raising=False)
    monkeypatch.delattr(_core, "_kernels", raising=False)
    monkeypatch.setattr(_core, "__path__", [str(tmp_path)])
    if body is not None:
        (tmp_path / "_kernels.py").write_text(body)
    found = _core.trouble()
    assert found is not None
    assert re.fullmatch(what, found.what)
    assert found.remedy == "reinstall gscli where there is a C compiler"
    assert not _core.available()


@pytest.mark.usefixtures("anew")
def test_the_processor_is_asked_for_its_instructions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GSCLI_CORE", raising=False)
    if found := _core.trouble():
        pytest.skip(f"compiled kernels {found.what}")
    assert _core.instructions() in ("AVX2", "SSE2", "NEON", "portable")


def test_a_comparison_says_the_same_with_and_without(tmp_path: Path) -> None:
    code = "from gscli import scene; scene.write('a.ply', 3000, seed=1); scene.write('b.ply', 2500, seed=2)"
    run = {"cwd": tmp_path, "check": True, "capture_output": True, "text": True}
    env = {**os.environ, "PYTHONPATH": str(ROOM.parents[1])}
    subprocess.run([sys.executable, "-c", code], env=env, **run)  # type: ignore[call-overload]
    command = [sys.executable, "-m", "gscli", "compare", "a.ply", "b.ply", "--json"]
    said = []
    for core in ("", "0"):
        done = subprocess.run(command, env={**env, "GSCLI_CORE": core}, **run)  # type: ignore[call-overload]
        said.append(json.loads(done.stdout))
        assert said[-1].pop("timings_s")
    assert said[0] == said[1]
