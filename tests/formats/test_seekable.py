"""Streams in which places are filled in any order."""

from pathlib import Path

import numpy as np

from gscli.formats._seekable import write_at


def test_what_was_written_before_an_array_stays_before_it(tmp_path: Path) -> None:
    with open(tmp_path / "x", "w+b") as stream:
        stream.write(b"head")
        write_at(stream, 6, np.frombuffer(b"cd", np.uint8))
        write_at(stream, 4, np.frombuffer(b"ab", np.uint8))
        write_at(stream, 8, np.empty((0, 3), np.float32))
        stream.seek(0, 2)
        stream.write(b"end")
    assert (tmp_path / "x").read_bytes() == b"headabcdend"
