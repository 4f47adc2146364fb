"""Mutations of the bytes of a file, and of what is packed in it, with right checksums again."""

from __future__ import annotations

import gzip
import io
import random
import re
import warnings
import zipfile

from tests.formats import e57s

ODD_TEXT = (
    b"9",
    b"0",
    b"-1",
    b"1000000000000",
    b"1e9",
    b"nan",
    b"1e400",
    b"inf",
    b"\xd9\xa3",
    b"\0",
    b"1,5",
    b"",
)
NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
WORD = re.compile(rb"[A-Za-z_]{2,20}")
PICKLE_OPCODES = (
    b"(.0123FGIJKLMNPQRSTUVXabcdeghijlopqrstu]}\x80\x81\x82\x85\x86\x87\x88\x8a\x8c\x90\x93\x94\x95)"
)


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Changed bits, bytes, numbers, words or opcodes, a cut, splice, hole or doubled end; never empty."""
    out = bytearray(data)
    head = min(len(out), 600)
    kind = rng.randrange(11)
    if kind == 0:
        for _ in range(rng.choice((1, 2, 8, 64))):
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        for _ in range(rng.choice((1, 2, 4))):
            out[rng.randrange(head)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
    elif kind == 2:
        del out[rng.randrange(len(out)) :]
    elif kind == 3:
        start, size, target = rng.randrange(len(out)), rng.randrange(1, 200), rng.randrange(len(out))
        out[target:target] = out[start : start + size]
    elif kind == 4:
        size = rng.choice((1, 2, 4, 8))
        at = rng.randrange(head if rng.random() < 0.7 else len(out))
        value = rng.choice((0, 1, 2 ** (8 * size) - 1, 2 ** (8 * size - 1), 2 ** (8 * size - 1) - 1, 10**12))
        out[at : at + size] = (value % 2 ** (8 * size)).to_bytes(size, rng.choice(("little", "big")))
    elif kind == 5:
        at = rng.randrange(len(out))
        del out[at : at + rng.randrange(1, 100)]
    elif kind == 6:
        _exchange(out, NUMBER, rng, (*ODD_TEXT, b"2147483648", b"9223372036854775808", b"1" * 5000))
    elif kind == 7:
        words = WORD.findall(bytes(out[:4000]))
        _exchange(out, WORD, rng, (*words[:40], b"float", b"double", b"uchar", b"list", b"x"))
    elif kind == 8:
        out += out[-rng.randrange(1, 200) :]
    elif kind == 9:
        for _ in range(rng.choice((1, 2, 4))):
            out[rng.randrange(len(out))] = rng.choice(PICKLE_OPCODES)
    else:
        at = rng.randrange(len(out))
        out[at:at] = bytes([rng.choice(b"(]}[{)0 \n\x80\xff")]) * rng.choice((10, 1000, 20_000))
    return bytes(out) or b"\0"


def _exchange(out: bytearray, what: re.Pattern[bytes], rng: random.Random, others: tuple[bytes, ...]) -> None:
    found = list(what.finditer(bytes(out[:4000])))
    for match in sorted(rng.sample(found, min(len(found), rng.choice((1, 1, 3)))), key=lambda m: -m.start()):
        out[match.start() : match.end()] = rng.choice(others)


def repacked(data: bytes, rng: random.Random) -> bytes:
    """The file with something inside its packing changed and right checksums; plain files as `mutated`."""
    if data.startswith(b"\x1f\x8b"):
        return gzip.compress(mutated(gzip.decompress(data), rng), 1)
    if data.startswith(b"PK\x03\x04"):
        return _rezipped(data, rng)
    if data.startswith(b"ASTM-E57"):
        if rng.random() < 0.5:
            return e57s.with_xml(data, lambda text: mutated(text, rng))
        return e57s.paged(mutated(e57s.unpaged(data), rng).ljust(48, b"\0"))
    return mutated(data, rng)


def _rezipped(data: bytes, rng: random.Random) -> bytes:
    """One member changed, dropped, renamed or there twice."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        names = old.namelist()
        small = [name for name in names if name.endswith((".pkl", ".json"))]  # where the structure is
        victim = rng.choice(small if small and rng.random() < 0.5 else names)
        kind = rng.randrange(8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of two members of one name
            for name in names:
                body = old.read(name)
                if name != victim:
                    new.writestr(name, body)
                elif kind < 5:
                    packed = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
                    stored = zipfile.ZIP_STORED if rng.random() < 0.7 else packed
                    new.writestr(name, mutated(body or b"\0", rng), stored)
                elif kind == 5:
                    new.writestr(rng.choice(names), body)
                elif kind == 6:
                    new.writestr(name, old.read(rng.choice(names)))
    return out.getvalue()
