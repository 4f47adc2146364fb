"""LAS and LAZ: what stands around the points stays byte for byte, and no point takes the places of others."""

import struct
import sys

import numpy as np
import pytest

import gscli
from gscli import formats
from gscli.cloud import GaussianCloud
from gscli.errors import EngineUnavailable, GscliError, InputError
from gscli.runtime import processes

laspy = pytest.importorskip("laspy")
SUFFIXES = [
    "las",
    pytest.param(
        "laz", marks=pytest.mark.skipif(formats.FORMATS.get("las").missing != (), reason="no lazrs")
    ),
]


def record(owner, kind, body, about=b""):
    return struct.pack("<2x16sHH32s", owner, kind, len(body), about) + body


def extra(name, kind, options=0, no_data=0, about=b""):
    words = struct.pack("<2xBB32s4xq112x32s", kind, options, name, no_data, about)
    assert len(words) == 192
    return words


def las(path, records=(), minor=2, kind=0, extra_bytes=0, tail=b"", system=b"", gap=b""):
    """A file of 200 points, made by hand; `tail` is one extended record."""
    rng = np.random.default_rng(0)
    size = {0: 227, 1: 227, 2: 227, 3: 235, 4: 375}[minor]
    width = {0: 20, 6: 30}[kind] + extra_bytes
    points = rng.integers(0, 100, (200, width), np.uint8)
    points[:, 12:14] = 0
    points[:, 14] = 0b00_001_001 if kind < 6 else 0x11
    xyz = rng.integers(0, 10_000, (200, 3)).astype("<i4")
    points[:, :12] = xyz.view(np.uint8)
    head, body = bytearray(size), b"".join(records) + gap
    head[:4], head[24:26], head[26 : 26 + len(system)] = b"LASF", bytes([1, minor]), system
    struct.pack_into("<HIIBH", head, 94, size, size + len(body), len(records), kind, width)
    old = (200, 200, 0, 0, 0, 0) if kind < 6 else (0,) * 6
    struct.pack_into("<6I", head, 107, *old)
    struct.pack_into("<6d", head, 131, 0.01, 0.01, 0.01, 0, 0, 0)
    high, low = xyz.max(axis=0) * 0.01, xyz.min(axis=0) * 0.01
    struct.pack_into("<6d", head, 179, high[0], low[0], high[1], low[1], high[2], low[2])
    if minor >= 4:
        start = size + len(body) + points.size if tail else 0
        struct.pack_into("<QIQ", head, 235, start, bool(tail), 200)
        struct.pack_into("<Q", head, 255, 200)
    path.write_bytes(bytes(head) + body + points.tobytes() + tail)
    return path


LONG = struct.pack("<2x16sHQ32x", b"strangers", 9, 5) + b"\xff\xfe\0\1\2"
DEVIATION = extra(b"Deviation", 3, options=1, no_data=65535, about=b"pulse shape")
TWICE = [record(b"LASF_Spec", 4, DEVIATION, b"RIEGL"), record(b"LASF_Spec", 4, extra(b"other", 1))]
KINDS = {
    "names in Latin-1": {
        "system": "Büro".encode("latin1"),
        "records": [record(b"m\xe9", 7, b"abc", b"caf\xe9")],
    },
    "no-data and options of dimensions": {"records": TWICE[:1], "extra_bytes": 2},
    "a second record of dimensions": {"records": TWICE, "extra_bytes": 2},
    "records of others": {"records": [record(b"LASF_Projection", 34735, b"\1\2\3"), record(b"", 0, b"")]},
    "bytes before the points": {"gap": b"\xdd\xcc", "minor": 0},
    "version 1.0": {"minor": 0},
    "version 1.3": {"minor": 3},
    "version 1.4 of old points": {"minor": 4, "kind": 0, "tail": LONG},
    "extended records": {"minor": 4, "kind": 6, "tail": LONG, "records": [record(b"who", 1, b"x" * 300)]},
}


@pytest.mark.parametrize("made", KINDS.values(), ids=KINDS)
def test_a_file_that_is_written_back_is_the_same_to_the_last_byte(tmp_path, made):
    source = las(tmp_path / "a.las", **made)
    gscli.write(tmp_path / "b.las", gscli.read(source))
    assert (tmp_path / "b.las").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("made", KINDS.values(), ids=KINDS)
def test_what_stands_around_the_points_goes_through_laz(tmp_path, made):
    pytest.importorskip("lazrs")
    source = las(tmp_path / "a.las", **made)
    gscli.write(tmp_path / "b.laz", gscli.read(source))
    gscli.write(tmp_path / "c.las", gscli.read(tmp_path / "b.laz"))
    assert (tmp_path / "c.las").read_bytes() == source.read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_library_reads_some_rows_with_a_column_more(tmp_path, suffix):
    source = las(tmp_path / "a.las", records=TWICE[:1], extra_bytes=2, minor=4, kind=6, tail=LONG)
    cloud = gscli.read(source).with_columns(label=np.arange(200, dtype="u1"))
    gscli.write(tmp_path / f"b.{suffix}", cloud, index=np.array([7, 3, 150]))
    found, before = laspy.read(tmp_path / f"b.{suffix}"), laspy.read(source)
    assert found["label"].tolist() == [7, 3, 150]
    assert found.X.tolist() == before.X[[7, 3, 150]].tolist()
    assert found["Deviation"].tolist() == before["Deviation"][[7, 3, 150]].tolist()
    assert found.header.number_of_points_by_return.tolist() == [3, *[0] * 14]
    assert np.allclose(found.header.maxs, found.xyz.max(axis=0))
    assert [r.record_id for r in found.evlrs] == [9]
    assert found.vlrs.get("ExtraBytesVlr")[0].extra_bytes_structs[0].options == 1


def test_a_column_that_a_las_file_cannot_take_is_named(tmp_path):
    cloud = gscli.read(las(tmp_path / "a.las")).with_columns({"two words": 1.0, "seen": np.ones(200, bool)})
    lost = formats.Target.of(tmp_path / "b.las").losses(cloud)
    assert [*map(str, lost)] == ["column two words (float64)", "column seen (bool)"]
    gscli.write(tmp_path / "b.las", cloud, allow_lossy=True)
    assert (tmp_path / "b.las").read_bytes() == (tmp_path / "a.las").read_bytes()


def test_dimensions_that_no_record_describes_stay_beside_a_new_one(tmp_path):
    source = las(tmp_path / "a.las", extra_bytes=3)
    cloud = gscli.read(source)
    gscli.write(tmp_path / "b.las", cloud.with_columns(label=np.arange(200, dtype="u1")))
    again = gscli.read(tmp_path / "b.las")
    assert again["label"].tolist() == list(range(200))
    assert np.array_equal(again["ExtraBytes"], cloud["ExtraBytes"])


@pytest.mark.parametrize(("scale", "offset"), [(0.01, 0.0), (1e-4, 5e6), (1 / 3, 1e5 / 7), (1e-7, 5e5)])
def test_the_integers_of_positions_come_out_the_same_whatever_their_grid(tmp_path, scale, offset):
    source = on_grid(las(tmp_path / "a.las"), scale, offset)
    assert formats.Target.of(tmp_path / "b.las").losses(gscli.read(source)) == []
    rows = np.random.default_rng(0).permutation(200)[:77]
    gscli.write(tmp_path / "b.las", gscli.read(source), index=rows)
    before, after = laspy.read(source), laspy.read(tmp_path / "b.las")
    for axis in "XYZ":
        assert np.array_equal(after[axis], before[axis][rows])


def test_a_grid_too_fine_for_doubles_is_a_loss_with_a_name(tmp_path):
    source = on_grid(las(tmp_path / "a.las"), 1e-9, 5e6)
    (lost,) = formats.Target.of(tmp_path / "b.las").losses(gscli.read(source))
    assert "steps of 1e-09, which doubles this far out do not tell apart" in str(lost)


def on_grid(path, scale, offset):
    """The file with its integers, large and small, on another grid."""
    data = bytearray(path.read_bytes())
    struct.pack_into("<6d", data, 131, *[scale] * 3, *[offset] * 3)
    start = struct.unpack_from("<I", data, 96)[0]
    xyz = np.random.default_rng(1).integers(-(2**31), 2**31, (200, 3)).astype("<i4")
    points = np.frombuffer(data, np.uint8, offset=start).reshape(200, -1)
    points[:, :12] = xyz.view(np.uint8)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_limits_that_the_file_says_are_those_of_the_points_that_are_written(tmp_path, suffix):
    limited = bytearray(extra(b"Deviation", 3, options=7, no_data=65535))
    struct.pack_into("<Q16xQ", limited, 64, 0, 65535)
    source = newest(
        las(
            tmp_path / "a.las",
            minor=4,
            kind=6,
            records=[record(b"LASF_Spec", 4, bytes(limited))],
            extra_bytes=2,
        )
    )
    target, rows = tmp_path / f"b.{suffix}", np.array([7, 3, 150])
    gscli.write(target, gscli.read(source), index=rows)
    before, data = gscli.read(source), target.read_bytes()
    assert np.array_equal(gscli.read(target)["Deviation"], before["Deviation"][rows])
    times = before["gps_time"][rows]
    assert struct.unpack_from("<2d", data, 375) == (times.max(), times.min())
    at = data.index(b"Deviation") - 4
    assert data[at + 3] == 7
    least, greatest = struct.unpack_from("<Q16xQ", data, at + 64)
    assert (least, greatest) == (before["Deviation"][rows].min(), before["Deviation"][rows].max())


def newest(path):
    """The file as LAS 1.5: GPS times in order, and their bounds in the header."""
    data = bytearray(path.read_bytes())
    size, start = struct.unpack_from("<HI", data, 94)
    points = np.frombuffer(data, np.uint8, offset=start).reshape(200, -1)
    points[:, 22:30] = np.arange(200.0)[:, None].view(np.uint8)
    data[25] = 5
    struct.pack_into("<HI", data, 94, size + 18, start + 18)
    path.write_bytes(data[:size] + struct.pack("<2dH", 199.0, 0.0, 0) + data[size:])
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_no_byte_depends_on_the_day(tmp_path, suffix):
    gscli.write(tmp_path / f"b.{suffix}", gscli.read(las(tmp_path / "a.las")))
    made = GaussianCloud.from_columns(x=[0.0, 1], y=[0.0, 1], z=[0.0, 1])
    gscli.write(tmp_path / f"c.{suffix}", made, allow_lossy=True)
    for name in "bc":
        assert (tmp_path / f"{name}.{suffix}").read_bytes()[90:94] == bytes(4)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_cloud_optimized_file_becomes_a_plain_one_and_says_so(tmp_path, suffix):
    octree = struct.pack("<2x16sHQ32x", b"copc", 1000, 4) + b"tree"
    others = [record(b"who", 1, b"x")]
    made = {"minor": 4, "kind": 6}
    source = las(
        tmp_path / "a.copc.las", records=[record(b"copc", 1, bytes(160)), *others], tail=octree, **made
    )
    cloud = gscli.read(source)
    assert "COPC" in cloud.header.notes[0]
    gscli.write(tmp_path / f"b.{suffix}", cloud)
    gscli.write(tmp_path / "c.las", gscli.read(tmp_path / f"b.{suffix}"))
    plain = las(tmp_path / "d.las", records=others, **made)
    assert (tmp_path / "c.las").read_bytes() == plain.read_bytes()


@pytest.mark.parametrize(
    ("odd", "says"),
    [
        ({"x": np.inf}, "row 2 of what is to be written has x = inf"),
        ({"z": np.nan}, "row 2 of what is to be written has z = nan"),
        ({"y": 1e30}, r"row 2 of what is to be written has y = 1e\+30, so far out"),
        ({"x": -1e9}, r"row 2 of what is to be written has x = -1e\+09, so far out"),
    ],
)
@pytest.mark.parametrize("count", [4, 5, 1000])
def test_a_point_that_would_take_the_places_of_all_others_is_refused_by_its_row(tmp_path, odd, says, count):
    rows = np.zeros(count, [("x", "f4"), ("y", "f4"), ("z", "f4")])
    for number, axis in enumerate("xyz"):
        rows[axis] = np.random.default_rng(number).random(count)
    for axis, value in odd.items():
        rows[axis][2] = value
    with pytest.raises(GscliError, match=says):
        gscli.write(tmp_path / "a.las", GaussianCloud(rows), allow_lossy=True)
    assert not (tmp_path / "a.las").exists()


def test_a_point_far_out_that_leaves_the_others_apart_is_written(tmp_path):
    rows = np.zeros(100, [("x", "f8"), ("y", "f8"), ("z", "f8")])
    rows["x"] = np.arange(100)
    rows["x"][7] = 1e6
    gscli.write(tmp_path / "a.las", GaussianCloud(rows), allow_lossy=True)
    assert np.allclose(gscli.read(tmp_path / "a.las")["x"], rows["x"], atol=1e-3)
    tiny = GaussianCloud.from_columns(x=[0.0, 1e-7, 2e-7], y=[0.0, 0, 0], z=[0.0, 0, 0])
    gscli.write(tmp_path / "tiny.las", tiny, allow_lossy=True)
    pair = GaussianCloud.from_columns(x=[0.0, 1e30], y=[0.0, 0], z=[0.0, 0])
    gscli.write(tmp_path / "b.las", pair, allow_lossy=True)
    assert np.allclose(gscli.read(tmp_path / "b.las")["x"], [0, 1e30])


@pytest.mark.parametrize("scale", [0.0, 1e308, np.nan, np.inf])
def test_a_scale_that_makes_no_sense_is_refused_in_one_line(tmp_path, scale):
    source = las(tmp_path / "a.las")
    data = bytearray(source.read_bytes())
    struct.pack_into("<d", data, 131, scale)
    source.write_bytes(data)
    with pytest.raises(InputError, match="positions in steps of"):
        gscli.read(source)


def test_positions_that_their_own_grid_does_not_hold_are_refused_in_one_line(tmp_path):
    """Steps so fine beside the offset that a double rounds the highest integer up."""
    source = las(tmp_path / "a.las")
    data = bytearray(source.read_bytes())
    struct.pack_into("<d", data, 131, 1e-10)
    struct.pack_into("<d", data, 155, 1e9)
    struct.pack_into("<i", data, 227, 2**31 - 1)
    source.write_bytes(data)
    assert "do not tell apart" in str(formats.Target.of(tmp_path / "b.las").losses(gscli.read(source))[0])
    with pytest.raises(GscliError, match="cannot hold x"):
        gscli.write(tmp_path / "b.las", gscli.read(source), allow_lossy=True)
    assert not (tmp_path / "b.las").exists()


@pytest.fixture
def of_version_4(tmp_path):
    """LAZ by version 4 of LASzip's coders: those of version 3 but where channels of a scanner alternate."""
    pytest.importorskip("lazrs")
    gscli.write(tmp_path / "a.laz", gscli.read(las(tmp_path / "a.las", minor=4, kind=6)))
    data = bytearray((tmp_path / "a.laz").read_bytes())
    at = data.find(b"laszip encoded") + 52
    struct.pack_into("<H", data, at + 34 + 4, 4)
    (tmp_path / "b.laz").write_bytes(data)
    return tmp_path / "b.laz"


def test_laz_of_a_version_that_lazrs_does_not_know_is_read_by_laszip(tmp_path, of_version_4):
    pytest.importorskip("laszip")
    assert (gscli.read(of_version_4).rows == gscli.read(tmp_path / "a.laz").rows).all()


def test_damaged_laz_of_that_version_is_refused_in_one_line(of_version_4):
    pytest.importorskip("laszip")
    data = of_version_4.read_bytes()
    for size in (len(data) - 9, len(data) * 3 // 4):
        of_version_4.write_bytes(data[:size])
        with pytest.raises(InputError):
            gscli.read(of_version_4)


def test_without_laszip_that_version_says_what_it_needs(monkeypatch, of_version_4):
    monkeypatch.setitem(sys.modules, "laszip", None)
    with pytest.raises(
        EngineUnavailable, match=r"version 4 of LASzip's coders needs laszip.*pip install laszip"
    ):
        gscli.read(of_version_4)


def test_a_decoder_that_ends_well_without_all_points_has_read_nothing(tmp_path, monkeypatch):
    pytest.importorskip("lazrs")
    gscli.write(tmp_path / "a.laz", gscli.read(las(tmp_path / "a.las", minor=4, kind=6)))
    monkeypatch.setattr(processes, "run", lambda *_: 0)
    with pytest.raises(InputError, match=r"a\.laz: has damaged LAZ data"):
        gscli.read(tmp_path / "a.laz")
