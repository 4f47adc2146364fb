"""Event files, read back by TensorBoard."""

import math
import struct

import pytest

from gscli.errors import GscliError
from gscli.watching.events import EventWriter, _checksum

accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")


def read(folder):
    reader = accumulator.EventAccumulator(str(folder))
    reader.Reload()
    return {tag: [(e.step, e.value) for e in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def test_the_checksum_is_that_of_the_standard():
    crc = 0xE3069283  # of "123456789", the check value of CRC-32C
    masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
    assert _checksum(b"123456789") == struct.pack("<I", masked)


def test_scalars_come_back_with_their_names_and_steps(tmp_path):
    writer = EventWriter(tmp_path / "new" / "folder")
    steps = [-1, 0, 1, 127, 128, 30_000, 2**40]
    for step in steps:
        writer.add_scalars({"corgs/point_fitness": step / 7, "a" * 300: -1.5}, step)
        assert len(read(tmp_path / "new" / "folder")["a" * 300]) > 0  # at once, without closing
    writer.close()
    found = read(tmp_path / "new" / "folder")
    assert found["corgs/point_fitness"] == [
        (s, struct.unpack("f", struct.pack("f", s / 7))[0]) for s in steps
    ]
    assert found["a" * 300] == [(s, -1.5) for s in steps]


@pytest.mark.parametrize(
    ("value", "read_back"), [(math.inf, math.inf), (1e300, math.inf), (-1e300, -math.inf)]
)
def test_numbers_beyond_float32_are_infinite(tmp_path, value, read_back):
    writer = EventWriter(tmp_path)
    writer.add_scalars({"x": value}, 1)
    writer.close()
    assert read(tmp_path)["x"] == [(1, read_back)]


def test_writers_of_one_moment_have_files_of_their_own(tmp_path):
    writers = [EventWriter(tmp_path) for _ in range(3)]
    for step, writer in enumerate(writers):
        writer.add_scalars({"x": step}, step)
        writer.close()
    assert len(list(tmp_path.iterdir())) == 3


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(GscliError, match="cannot be written"):
        EventWriter(tmp_path / "file" / "logs")
