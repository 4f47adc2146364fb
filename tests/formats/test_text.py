"""Text files of points, as programs and people write them: no point is lost, doubled or misread."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gscli import formats
from gscli.cloud import GaussianCloud
from gscli.errors import InputError
from gscli.formats import _text, _text_preamble

MARK = "\ufeff"
ROWS = [[1, 2, 3], [4, 5, 6]]
pytestmark = pytest.mark.filterwarnings("default::DeprecationWarning")  # old NumPy warns and goes on


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., GaussianCloud]:
    """Reads a text from a file of a name."""

    def of(text: str | bytes, name: str = "points.dat") -> GaussianCloud:
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return formats.read(path)

    return of


@pytest.mark.parametrize("comments", [999, 1000, 1001, 5000])
@pytest.mark.parametrize(
    "name, names", [("a.xyz", "# x y z label\n"), ("a.csv", "x,y,z,label\n"), ("a.txt", "")]
)
def test_any_number_of_comments_may_come_first(
    read: Callable[..., GaussianCloud], comments: int, name: str, names: str
) -> None:
    said = [f"remark {number} {'.' * 20}" for number in range(comments)]
    row = "1,2,3,4\n" if name == "a.csv" else "1 2 3 4\n"
    cloud = read(names + "".join(f"# {line}\n" for line in said) + row * 50, name)
    assert len(cloud) == 50
    assert cloud.fields == ("x", "y", "z", "label" if names else "column_3")
    assert list(cloud.header.comments) == said
    assert cloud.header.format == ("csv" if name == "a.csv" else "xyz")


@pytest.mark.parametrize("cut", range(12))
def test_rows_are_whole_wherever_the_part_that_is_looked_at_first_ends(
    read: Callable[..., GaussianCloud], cut: int
) -> None:
    lines = "# remark\n" * 7280
    row = "1 2 3 4 5 6\n"
    lines += f"# {'.' * (formats.HEAD_BYTES - len(lines) - 3 - cut)}\n"
    assert len(lines) == formats.HEAD_BYTES - cut
    cloud = read(lines + row * 100, "a.xyz")
    assert cloud.rows.tolist() == [(1, 2, 3, 4, 5, 6)] * 100


@pytest.mark.parametrize("mark", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
@pytest.mark.parametrize("number", [1, 3])
def test_what_only_unicode_calls_a_line_end_costs_no_points(
    read: Callable[..., GaussianCloud], mark: str, number: int
) -> None:
    assert read(f"# remark{mark} of one line\n" * number + "1 2 3\n4 5 6\n").xyz.tolist() == ROWS


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_as_they_like(read: Callable[..., GaussianCloud], end: str) -> None:
    cloud = read(end.join(["# a remark", "", "X Y Z", "1 2 3", "", "4 5 6"]), "a.xyz")
    assert cloud.xyz.tolist() == ROWS
    assert cloud.header.comments == ("a remark",)


@pytest.mark.parametrize("mark", ["", MARK])
@pytest.mark.parametrize(
    "text, fields",
    [
        ("{}2\n1 2 3\n4 5 6\n", "x y z"),
        ("{}2\nx y z\n1 2 3\n4 5 6\n", "x y z"),
        ("{}//X Y Z R\n2\n1 2 3 9\n4 5 6 9\n", "x y z R"),
        ("{}x,y,z,R\n2\n1,2,3,9\n4,5,6,9\n", "x y z R"),
        ("{}# made by hand\n2\n# x y z R\n1 2 3 9\n4 5 6 9\n", "x y z R"),
        ("{}1,2,3\n4,5,6\n", "x y z"),
        ('{}"X";"Y";"Z"\n1;2;3\n4;5;6\n', "x y z"),
    ],
)
def test_names_a_count_and_a_byte_order_mark_may_all_come_first(
    read: Callable[..., GaussianCloud], mark: str, text: str, fields: str
) -> None:
    cloud = read(text.format(mark))
    assert cloud.fields == tuple(fields.split())
    assert cloud.xyz.tolist() == ROWS


@pytest.mark.parametrize("count, found", [(1000, 400), (401, 400), (399, 400), (0, 1), (1, 0)])
@pytest.mark.parametrize("names", ["", "x y z\n"])
def test_a_file_that_says_how_many_points_it_has_is_held_to_it(
    read: Callable[..., GaussianCloud], count: int, found: int, names: str
) -> None:
    message = "points.pts: " + (
        f"holds {found:,} point{'s' * (found != 1)} where it says {count:,}; copy or download it again"
    )
    if not found and not names:
        message = "points.pts: has no lines of three or more numbers"
    with pytest.raises(InputError, match=message):
        read(f"{count}\n{names}" + "1 2 3\n" * found, "points.pts")


def test_a_file_may_say_that_it_has_no_points(read: Callable[..., GaussianCloud]) -> None:
    cloud = read("0\n", "points.pts")
    assert (len(cloud), cloud.fields) == (0, ("x", "y", "z"))


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["a.csv", "a.xyz"])
def test_utf_16_is_called_by_its_name(read: Callable[..., GaussianCloud], encoding: str, name: str) -> None:
    mark = MARK if encoding.endswith("e") else ""
    with pytest.raises(InputError, match=f"{name}: is UTF-16 by its byte order mark; save it as UTF-8"):
        read(f"{mark}1,2,3\n".encode(encoding), name)


@pytest.mark.parametrize("text", ["1,5;2,5;3,5\n", "x;y;z\n1;2,5;3\n", "1,5 2 3\n", "1,5\t-2,5\t3,5e-3\n"])
@pytest.mark.parametrize("name", ["a.csv", "a.xyz"])
def test_decimal_commas_are_called_by_their_name(
    read: Callable[..., GaussianCloud], text: str, name: str
) -> None:
    with pytest.raises(
        InputError, match=r"has decimal commas \([12],5\); write numbers with points \([12]\.5\)"
    ):
        read(text, name)


def test_decimal_commas_further_on_are_called_by_their_name_and_line(
    read: Callable[..., GaussianCloud],
) -> None:
    with pytest.raises(InputError, match=r"line 4: decimal commas \(4,5\); write numbers with points"):
        read("# a\nx;y;z\n1;2;3\n4,5;5;6\n", "a.csv")


@pytest.mark.parametrize(
    "text, message",
    [
        ("1 2 3\n4 5\n", "line 2: 2 values where the first row has 3; check that its writer finished"),
        ("# a\n\n1 2 3\n4 5 6 7\n", "line 4: 4 values where the first row has 3"),
        ("1,2,3\n4,5,six\n", "line 2: could not convert string 'six' to float64"),
        ("1 2 3\n# late\n", "line 2: 2 values"),
        ("x y z a\n1 2 3\n", "names 4 columns, not the 3 it has"),
        ("# x y z a\n1 2 3\n", "names 4 columns, not the 3 it has"),
        ("x y z a a\n1 2 3 4 5\n", "two of its columns are called a"),
        ("1 2\n3 4\n", "has no lines of three or more numbers"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    read: Callable[..., GaussianCloud], text: str, message: str
) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        read(text, "a.xyz")
    assert str(caught.value).count("a.xyz: ") == 1


def test_a_remark_about_x_y_and_z_is_no_line_of_names(read: Callable[..., GaussianCloud]) -> None:
    cloud = read("# the columns are x y z in metres\n1 2 3\n4 5 6\n")
    assert cloud.fields == ("x", "y", "z")
    assert cloud.header.comments == ("the columns are x y z in metres",)


def test_lines_without_end_are_refused(
    read: Callable[..., GaussianCloud], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_text, "MAX_LINE", 1000)
    for text in ("1 2 3 " * 400, "1 2 3\n" + "1 2 3 " * 400):
        with pytest.raises(InputError, match="a line of more than 1,000 bytes"):
            read(text, "a.xyz")
    monkeypatch.setattr(_text_preamble, "MAX_BYTES", 70_000)
    with pytest.raises(InputError, match="no row in its first 70,000 bytes"):
        read("# remark\n" * 10_000 + "1 2 3\n", "a.xyz")


EXACT = [2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)]


@pytest.mark.parametrize("name", ["a.csv", "a.xyz"])
@pytest.mark.parametrize(
    "values, kind", [(EXACT, "<i8"), ([2**64 - 1, 2**53 + 1, 0, 1], "<u8"), ([1, 2, 3, 2**53 - 1], "<f8")]
)
def test_integers_beyond_a_double_keep_their_digits_and_are_written_again(
    read: Callable[..., GaussianCloud], tmp_path: Path, name: str, values: list[int], kind: str
) -> None:
    mark = "," if name == "a.csv" else " "
    lines = [mark.join(["1", "2", str(value), "3", "0.5"]) for value in values]
    cloud = read(mark.join(["x", "y", "stamp", "z", "w"]) + "\n" + "\n".join(lines) + "\n", name)
    assert cloud.rows["stamp"].tolist() == values
    assert cloud.rows.dtype["stamp"] == kind
    assert cloud.rows["w"].tolist() == [0.5] * 4
    formats.write(tmp_path / f"again{name}", cloud)
    assert np.array_equal(formats.read(tmp_path / f"again{name}").rows, cloud.rows)


@pytest.mark.parametrize("value", ["1e300", "inf", "nan", "9007199254740993.0", "1e18", str(2**64)])
def test_what_is_no_integer_of_64_bits_stays_a_double(read: Callable[..., GaussianCloud], value: str) -> None:
    column = read(f"1 2 3 {2**53 + 1}\n1 2 3 {value}\n").rows["column_3"]
    assert column.dtype == np.float64
    assert np.array_equal(column, [2.0**53, float(value)], equal_nan=True)


PCD = (
    "{}VERSION 0.7\nFIELDS X Y Z label\nSIZE 4 4 4 4\nTYPE F F F U\nWIDTH 2\nPOINTS 2\n"
    "DATA ascii\n1 2 3 8\n4 5 6 9\n"
)
PLY = (
    "{}ply\nformat ascii 1.0\nelement vertex 2\nproperty float X\nproperty float Y\nproperty float Z\n"
    "property uchar label\nend_header\n1 2 3 8\n4 5 6 9\n"
)


@pytest.mark.parametrize("text, name", [(PCD, "a.pcd"), (PLY, "a.ply")])
@pytest.mark.parametrize("mark", ["", MARK])
def test_headers_may_have_capitals_and_a_byte_order_mark(
    read: Callable[..., GaussianCloud], text: str, name: str, mark: str
) -> None:
    for called in (name, "points.dat"):
        cloud = read(text.format(mark), called)
        assert cloud.header.format == name[2:]
        assert cloud.fields == ("x", "y", "z", "label")
        assert cloud.xyz.tolist() == ROWS
        assert cloud.rows["label"].tolist() == [8, 9]


def test_a_ply_header_with_capitals_is_written_as_it_was(
    read: Callable[..., GaussianCloud], tmp_path: Path
) -> None:
    formats.write(tmp_path / "b.ply", read(PLY.format(""), "a.ply"))
    text = (tmp_path / "b.ply").read_text()
    assert text.replace(".0", "") == PLY.format("").replace(".0", "")


def test_arrays_may_have_capitals(tmp_path: Path) -> None:
    rows = np.array([(1, 9, 2, 3), (4, 9, 5, 6)], [("X", "f4"), ("label", "u1"), ("Y", "f8"), ("Z", "i2")])
    np.save(tmp_path / "a.npy", rows)
    np.savez(tmp_path / "a.npz", **{name: rows[name] for name in rows.dtype.names})
    for name in ("a.npy", "a.npz"):
        cloud = formats.read(tmp_path / name)
        assert cloud.fields == ("x", "label", "y", "z")
        assert cloud.xyz.tolist() == ROWS
        assert cloud.rows["label"].tolist() == [9, 9]


def test_a_capital_beside_its_letter_is_another_column(
    read: Callable[..., GaussianCloud], tmp_path: Path
) -> None:
    cloud = read("x,y,z,X\n1,2,3,7\n4,5,6,8\n", "a.csv")
    assert cloud.fields == ("x", "y", "z", "X")
    for name in ("b.csv", "b.xyz", "b.pcd", "b.npy", "b.npz", "b.ply"):
        formats.write(tmp_path / name, cloud)
        assert formats.read(tmp_path / name).rows.tolist() == [(1, 2, 3, 7), (4, 5, 6, 8)]
