"""E57: scans where their poses have them, what becomes of their fields, and files made to do harm."""

from __future__ import annotations

import re
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import gscli
from gscli.errors import EngineUnavailable, InputError, UsageError
from gscli.formats import FORMATS, Source
from gscli.runtime import processes
from tests.formats import e57s, samples
from tests.formats.e57s import Scan

pytest.importorskip("pye57")

POINTS = np.random.default_rng(0).normal(0, 10, (70_000, 3))
QUARTER = (np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5))  # about z
SCHEMA = (
    b' xmlns:i="http://www.w3.org/2001/XMLSchema-instance" i:noNamespaceSchemaLocation="file:///etc/passwd"'
)


def spherical(values: np.ndarray) -> dict[str, np.ndarray]:
    """Positions as ranges, azimuths and elevations."""
    x, y, z = values.T
    reach = np.sqrt((values * values).sum(axis=1))
    return {
        "sphericalRange": reach,
        "sphericalAzimuth": np.arctan2(y, x),
        "sphericalElevation": np.arcsin(z / reach),
    }


def read(path: Path, *scans: Scan, **options: object) -> gscli.GaussianCloud:
    return gscli.read(e57s.write(path / "x.e57", *scans, **options))  # type: ignore[arg-type]


def test_positions_keep_the_digits_that_they_are_stored_in(tmp_path: Path) -> None:
    far = POINTS.round(3) + np.array([5e5, 5e6, 100])
    for number, (stored, scaled, kind) in enumerate([
        (POINTS, {}, "f8"),
        (POINTS.astype(np.float32), {}, "f4"),
        (far, {f"cartesian{axis}": (0.001, float(far[0, i])) for i, axis in enumerate("XYZ")}, "f8"),
    ]):  # fmt: skip
        path = e57s.write(tmp_path / f"{number}.e57", Scan(e57s.xyz(stored), scaled=scaled))
        cloud = gscli.read(path)
        assert cloud.fields == ("x", "y", "z")
        assert cloud.rows.dtype["x"] == kind
        assert np.allclose(cloud.xyz, stored, rtol=0, atol=1e-9 if scaled else 0)


def test_scans_are_turned_and_moved_by_their_poses_and_told_apart(tmp_path: Path) -> None:
    one, two = POINTS[:60_000], POINTS[60_000:].astype(np.float32)
    normals = {f"nor:normal{axis}": np.full(len(two), axis == "X", np.float32) for axis in "XYZ"}
    none = {name: np.zeros(len(one), np.float32) for name in normals}
    cloud = read(
        tmp_path,
        Scan(e57s.xyz(one) | none, "first", pose=((5e5, 4e6, 10.0), None)),
        Scan(e57s.xyz(two) | normals, "second", pose=((5e5, 4e6, 0.0), QUARTER)),
    )
    turned = np.stack([-two[:, 1], two[:, 0], two[:, 2]], axis=1).astype(np.float64)
    assert np.array_equal(cloud.xyz[:60_000], one + np.array([5e5, 4e6, 10]))
    assert np.allclose(cloud.xyz[60_000:], turned + np.array([5e5, 4e6, 0]), rtol=0, atol=1e-8)
    assert cloud.fields == ("x", "y", "z", "nx", "ny", "nz", "scan")
    assert np.allclose(cloud.columns(("nx", "ny", "nz"))[:, 60_000:].T, [0, 1, 0], atol=1e-6)
    assert np.bincount(cloud["scan"]).tolist() == [60_000, 10_000]
    assert cloud.header.notes == ("2 scans (first, second); one is FILE::NUMBER or FILE::NAME",)


@pytest.mark.parametrize("turn", [(2.0, 0.0, 0.0, 0.0), (0.3, -0.5, 0.7, 0.2), (1.0, 0.0, 1e-7, 0.0)])
def test_a_pose_turns_as_its_quaternion_does(tmp_path: Path, turn: tuple[float, ...]) -> None:
    from pye57.e57 import E57

    cloud = read(tmp_path, Scan(e57s.xyz(POINTS[:100]), pose=((1.0, 2.0, 3.0), turn)))
    wanted = E57.to_global(POINTS[:100], np.array(turn), np.array([1.0, 2.0, 3.0]))
    assert np.allclose(cloud.xyz, wanted, rtol=0, atol=1e-12)


def test_one_scan_is_named_by_its_name_or_its_number(tmp_path: Path) -> None:
    scans = [Scan(e57s.xyz(POINTS[: n + 1]), name) for n, name in enumerate(["hall", "roof", "roof", "0"])]
    path = e57s.write(tmp_path / "x.e57", *scans)
    assert [len(gscli.read(f"{path}::{part}")) for part in ("hall", "1", "2", "3", "0")] == [1, 2, 3, 4, 4]
    assert "scan" not in gscli.read(f"{path}::1")
    assert Source.of(f"{path}::roof").stem == "x.roof"
    with pytest.raises(UsageError, match="has 2 scans called roof; name one as ::1 or ::2"):
        gscli.read(f"{path}::roof")
    with pytest.raises(UsageError, match=r"has scans 0 to 3 \(hall, roof, roof, 0\), and none called 4"):
        gscli.read(f"{path}::4")
    with pytest.raises(UsageError, match=r"has one scan, 0 \(a\), and none called b"):
        gscli.read(f"{e57s.write(tmp_path / 'y.e57', Scan(e57s.xyz(POINTS[:1]), 'a'))}::b")


def test_ranges_and_angles_become_positions(tmp_path: Path) -> None:
    found = read(tmp_path, Scan(spherical(POINTS), pose=((1.0, 0.0, 0.0), None)))
    assert found.fields == ("x", "y", "z")
    assert np.allclose(found.xyz, POINTS + np.array([1, 0, 0]), rtol=0, atol=1e-10)
    both = read(tmp_path / "..", Scan(e57s.xyz(POINTS[:9]) | spherical(POINTS[:9])))
    assert both.fields[3:] == ("spherical_range", "spherical_azimuth", "spherical_elevation")
    assert np.array_equal(both.xyz, POINTS[:9])


@pytest.mark.parametrize(("fields", "state"), [(e57s.xyz, "cartesian"), (spherical, "spherical")])
def test_points_without_a_position_are_left_out_and_counted(
    tmp_path: Path, fields: Callable[[np.ndarray], dict[str, np.ndarray]], state: str
) -> None:
    states = np.arange(len(POINTS)) % 3
    columns = {**fields(POINTS), f"{state}InvalidState": states, "rowIndex": np.arange(len(POINTS))}
    cloud = read(tmp_path, Scan(columns))
    assert cloud.fields == ("x", "y", "z", "row_index")
    assert np.array_equal(cloud["row_index"], np.flatnonzero(states == 0))
    assert np.allclose(cloud.xyz, POINTS[states == 0])
    assert cloud.header.notes == ("left out: 46,666 points without a position",)


def test_fields_keep_their_values_whatever_their_type(tmp_path: Path) -> None:
    n = np.arange(9)
    columns = {
        **e57s.xyz(POINTS[:9]),
        "intensity": (n / 7).astype(np.float32),
        "returnIndex": n % 3,
        "returnCount": n * 0 + 3,
        "rowIndex": n + 2**31,
        "columnIndex": n - 5,
        "timeStamp": n / 4 + 1e9,
        "nor:big": n - 2**62,
        "nor:returnIndex": n * 1000,
        "nor:nx": n,
        "scan": n,
        "isColorInvalid": n % 2,
    }
    turned = ((0.0, 0.0, 0.0), QUARTER)
    cloud = read(tmp_path, Scan(columns, scaled={"timeStamp": (0.25, 1e9)}, pose=turned))
    wanted = {
        **{"intensity": "f4", "return_index": "u1", "return_count": "u1", "row_index": "u4"},
        **{"column_index": "i1", "time_stamp": "f8", "big": "i8", "nor_return_index": "u2"},
        **{"nor_nx": "u1", "scan_": "u1", "is_color_invalid": "u1"},
    }
    assert cloud.fields[3:] == tuple(wanted)
    for (column, kind), values in zip(wanted.items(), [*columns.values()][3:], strict=True):
        assert cloud.rows.dtype[column] == kind, column
        assert np.array_equal(cloud[column], values), column


def colours(values: np.ndarray, *limits: float, size: int = 255) -> Scan:
    names = [f"color{c}" for c in ("Red", "Green", "Blue")]
    black_and_white = {"colours": limits} if limits else {}
    of_integers = {"limits": dict.fromkeys(names, (0, size))} if values.dtype.kind == "i" else {}
    columns = {**e57s.xyz(POINTS[: len(values)]), **dict.fromkeys(names, values)}
    return Scan(columns, **black_and_white, **of_integers)  # type: ignore[arg-type]


BYTES = np.array([0, 1, 100, 254, 255])


@pytest.mark.parametrize(
    ("scan", "kind", "values", "note"),
    [
        (colours(BYTES, 0, 255), "u1", BYTES, ""),
        (colours(BYTES), "u1", BYTES, ""),
        (colours(BYTES, 0, 0), "u1", BYTES, ""),
        (colours(BYTES, 0, 255, size=65535), "u1", BYTES, ""),
        (colours(BYTES * 257, 0, 65535, size=65535), "u2", BYTES * 257, ""),
        (colours(BYTES * 4 + 3, 3, 1023, size=1023), "u1", BYTES, "3 .. 1023"),
        (colours(BYTES / np.float32(255), 0, 1), "u1", BYTES, "0 .. 1"),
        (colours(BYTES / 255 * 3 - 1, 0, 1), "u1", np.array([0, 0, 45, 255, 255]), "0 .. 1"),
    ],
)
def test_colours_come_to_bytes_by_their_limits(
    tmp_path: Path, scan: Scan, kind: str, values: np.ndarray, note: str
) -> None:
    cloud = read(tmp_path, scan)
    for name in ("red", "green", "blue"):
        assert cloud.rows.dtype[name] == kind
        assert cloud[name].tolist() == values.tolist()
    assert cloud.header.notes == ((f"colours of {note} are brought to bytes",) if note else ())


def test_colours_without_limits_are_no_colours(tmp_path: Path) -> None:
    cloud = read(tmp_path, colours(BYTES / 7))
    assert cloud.fields[3:] == ("color_red", "color_green", "color_blue")
    assert np.array_equal(cloud["color_red"], BYTES / 7)


def test_colours_that_not_all_scans_have_are_left_out_and_nothing_else_is_said(tmp_path: Path) -> None:
    cloud = read(tmp_path, colours(BYTES / 255, 0, 1), Scan(e57s.xyz(POINTS[:3])))
    assert cloud.header.notes[1:] == ("left out: columns that not all scans have alike (red, green, blue)",)


def test_a_scan_that_is_called_like_a_format_is_a_scan(tmp_path: Path) -> None:
    scans = [Scan(e57s.xyz(POINTS[:3]), "kitti"), Scan(e57s.xyz(POINTS[:5]), "splat")]
    path = e57s.write(tmp_path / "a.e57", *scans)
    packed = samples.zipped(tmp_path / "a.zip", {"s.e57": path, "README": b"two scans"})
    for name, count in (("kitti", 3), ("splat", 5)):
        assert len(gscli.read(f"{path}::{name}")) == count
        assert len(gscli.read(f"{packed}::s.e57::{name}")) == count
        assert Source.of(f"{path}::{name}").stem == f"a.{name}"
    run = [sys.executable, "-m", "gscli", "info", "-::kitti"]
    assert b"3 points (e57)" in subprocess.run(run, input=path.read_bytes(), capture_output=True).stdout
    with pytest.raises(UsageError, match="nuscenes"):
        gscli.read(f"{path}::nuscenes")


def test_scans_have_the_columns_that_all_have_and_others_are_named(tmp_path: Path) -> None:
    def columns(**more: object) -> Scan:
        return Scan({**e57s.xyz(POINTS[:5]), **more})

    n = np.arange(5)
    cloud = read(
        tmp_path,
        columns(intensity=n, rowIndex=n, timeStamp=n / 2),
        columns(intensity=n * 1000, rowIndex=n / 3),
        Scan({**e57s.xyz(POINTS[:0]), "rowIndex": n[:0]}, limits={"rowIndex": (0, 9)}),
        system="PROJCS[]",
        pictures=2,
    )
    assert cloud.fields == ("x", "y", "z", "intensity", "scan")
    assert cloud["intensity"].tolist() == [*n, *(n * 1000)]
    assert cloud.header.notes[1] == (
        "left out: columns that not all scans have alike (row_index, time_stamp), 2 pictures, "
        "the name of its coordinate system"
    )


def test_what_is_read_goes_into_other_formats(tmp_path: Path) -> None:
    path = e57s.sample(tmp_path / "x.e57", POINTS[:1000])
    gscli.convert(path, tmp_path / "x.ply")
    assert gscli.read(tmp_path / "x.ply") == gscli.read(path)
    gscli.convert(path, tmp_path / "x.las", allow_lossy=True)
    again = gscli.read(tmp_path / "x.las")
    assert np.allclose(again.xyz, gscli.read(path).xyz, rtol=0, atol=1e-6)
    assert np.array_equal(again["scan"], gscli.read(path)["scan"])


def test_it_is_not_written_and_what_is_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"e57 is only read; end it in \.ply"):
        gscli.convert(e57s.sample(tmp_path / "x.e57", POINTS[:10]), tmp_path / "y.e57")
    assert not (tmp_path / "y.e57").exists()


def test_a_spooled_pipe_is_read(tmp_path: Path) -> None:
    path = e57s.sample(tmp_path / "x.e57", POINTS[:100])
    command = [sys.executable, "-m", "gscli", "convert", "-", "-", "--quiet"]
    done = subprocess.run(command, input=path.read_bytes(), capture_output=True, check=True)
    (tmp_path / "x.ply").write_bytes(done.stdout)
    assert gscli.read(tmp_path / "x.ply") == gscli.read(path)


def test_without_pye57_a_line_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = e57s.sample(tmp_path / "x.e57", POINTS[:10])
    monkeypatch.setattr("gscli.formats._format.find_spec", lambda name: None if name == "pye57" else name)
    with pytest.raises(
        EngineUnavailable, match=re.escape("needs pye57, not installed here; pip install pye57")
    ):
        gscli.read(path)
    assert FORMATS.get("e57").missing == ("pye57",)


def refused(path: Path, data: bytes, match: str) -> None:
    """Hold that bytes are refused in one line, and that the file stays as it is."""
    path.write_bytes(data)
    with pytest.raises(InputError, match=match) as caught:
        gscli.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == data


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return e57s.sample(tmp_path_factory.mktemp("e57") / "x.e57", POINTS[:3000]).read_bytes()


def test_damage_is_refused_in_one_line_and_the_file_stays(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "x.e57"
    turned = bytearray(whole)
    turned[2000] ^= 1
    refused(path, bytes(turned), r"cannot be read as E57 \(checksum mismatch, file is corrupted")
    refused(path, whole[:-1024], r"has \S+ bytes where its header says \S+; it is cut short")
    refused(path, whole + bytes(1024), r"has \S+ bytes where its header says \S+; it is cut short")
    refused(path, whole[:30], "is cut short within its header")
    refused(path, whole[:8] + struct.pack("<I", 2) + whole[12:], r"is no E57 of version 1 \(version 2")
    beyond = struct.pack("<2Q", len(whole) - 1024, 5000)
    refused(path, whole[:24] + beyond + whole[40:], r"\(XML beyond its end\)")
    refused(
        path, whole[:32] + struct.pack("<Q", 1 << 40) + whole[40:], "bytes of XML where 8,388,608 are read"
    )


def test_a_process_that_is_ended_is_told_in_one_line(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("resource")
    run = processes.run
    monkeypatch.setattr(processes, "run", lambda *_: run("tests.runtime.test_processes:compute"))
    refused(tmp_path / "x.e57", whole, "has damaged E57 data, or asks for more memory or time than")


def test_the_library_opens_a_link_to_the_file(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that whatever it does on failure is not done to the file."""
    seen: list[str] = []
    run = processes.run

    def watched(function: str, *arguments: str) -> int:
        seen.append(arguments[0])
        assert Path(arguments[0]).is_symlink()
        return run(function, *arguments)

    monkeypatch.setattr(processes, "run", watched)
    (tmp_path / "x.e57").write_bytes(whole)
    gscli.read(tmp_path / "x.e57")
    assert [Path(each).name for each in seen] == ["scans.e57"]
    assert not Path(seen[0]).parent.exists()


def changed(*pairs: tuple[bytes, bytes]) -> Callable[[bytes], bytes]:
    def edit(text: bytes) -> bytes:
        for old, new in pairs:
            assert old in text
            text = text.replace(old, new)
        return text

    return edit


LAUGHS = b"".join(b'<!ENTITY %c "%s">' % (98 + i, b"&%c;" % (97 + i) * 10) for i in range(9))
COUNT, ROOT, VERSION = (
    b'recordCount="1500"',
    b'<e57Root type="Structure"',
    b'<?xml version="1.0" encoding="UTF-8"?>',
)
HOSTILE = {
    "entities that unfold": (
        changed((ROOT, b'<!DOCTYPE a [<!ENTITY a "">' + LAUGHS + b"]>" + ROOT)),
        "has XML with a document type, which is not read",
    ),
    "a schema in another file": (changed((ROOT, ROOT + SCHEMA)), "has XML with a schema elsewhere"),
    "another encoding": (changed((b"UTF-8", b"cp500")), "has XML with the encoding cp500"),
    "no XML": (lambda text: text[:-20], r"cannot be read as E57 \(XML: unclosed token"),
    "another document": (lambda text: VERSION + b"<a/>", "holds no scans"),
    "too many points": (changed((COUNT, b'recordCount="9000000000000000000"')), "claims to unpack"),
    "more points than there are": (
        changed((COUNT, b'recordCount="1501"')),
        "1,501 are claimed|cannot be read",
    ),
    "fewer than none": (
        changed((COUNT, b'recordCount="-1"')),
        "scan 0 of a count of points that makes no sense",
    ),
    "no count": (changed((COUNT, b"")), "cannot be read as E57"),
    "no positions": (changed((b"cartesianX", b"cartesianU")), "scan 0 without positions"),
    "positions that are text": (
        changed((b'<cartesianX type="ScaledInteger"', b'<cartesianX type="String"')),
        "scan 0 without positions",
    ),
    "limits that make no sense": (changed((b'minimum="0"', b'minimum="9e9"')), "cannot be read as E57"),
    "a pose that makes no sense": (
        lambda text: re.sub(b"(<w [^>]*>)[^<]*", rb"\1nan", text),
        "scan 0 has a pose that makes no sense",
    ),
    "too many elements": (
        changed((b"</e57Root>", b'<a type="Structure"/>' * 600 + b"</e57Root>")),
        "has XML with more in it than any scene has",
    ),
    "points elsewhere": (changed((b'fileOffset="', b'fileOffset="9')), "cannot be read as E57"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_a_file_claims_is_not_believed(tmp_path: Path, whole: bytes, name: str) -> None:
    edit, match = HOSTILE[name]
    refused(tmp_path / "x.e57", e57s.with_xml(whole, edit), match)


def test_points_that_take_few_bits_are_not_unpacked_without_end(tmp_path: Path) -> None:
    """Values whose least is their largest are not stored, however many points have them."""
    columns = e57s.xyz(np.zeros((800, 3), int))
    path = e57s.write(tmp_path / "x.e57", Scan(columns, limits={"cartesianX": (0, 1)}))
    assert not gscli.read(path).xyz.any()
    many = changed((b'recordCount="800"', b'recordCount="100000000000"'))
    refused(path, e57s.with_xml(path.read_bytes(), many), "claims to unpack .* which no scene does")
    alike = e57s.write(tmp_path / "y.e57", Scan(columns))
    refused(alike, alike.read_bytes(), "scan 0 whose points are all alike, which its library does not read")


def test_pictures_alone_are_no_points(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no scans: 3 pictures"):
        gscli.read(e57s.write(tmp_path / "x.e57", pictures=3))


def test_a_scan_of_no_points_is_an_empty_cloud(tmp_path: Path) -> None:
    cloud = read(
        tmp_path, Scan({**e57s.xyz(POINTS[:0]), "rowIndex": np.zeros(0, int)}, limits={"rowIndex": (0, 9)})
    )
    assert (len(cloud), cloud.fields) == (0, ("x", "y", "z", "row_index"))
