"""Every module in gscli/formats keeps the contract of gscli/formats/__init__.py."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gscli import fields, formats
from gscli.cloud import GaussianCloud, Header
from gscli.errors import EngineUnavailable, GscliError, WriteRefused

UNCOUNTED = ("csv", "splat", "xyz")  # do not say how many rows they have
WRITABLE = [name for name in formats.names() if hasattr(formats.module(name), "write")]


@pytest.fixture(params=formats.names())
def format_module(request) -> ModuleType:
    return formats.module(request.param)


@pytest.fixture(params=WRITABLE)
def writer(request) -> ModuleType:
    return formats.module(request.param)


@pytest.fixture(
    params=["degree 0", "degree 1", "degree 2", "degree 3", "degree 4", "flat", "points", "extras", "none"]
)
def cloud(request, make_scene) -> GaussianCloud:
    """Gaussians of every SH degree, with two scales, plain coloured points, unknown columns, no rows."""
    if request.param == "none":
        return make_scene(0)
    if request.param.startswith("degree"):
        return make_scene(60, int(request.param[-1]), normals=False)
    rows = make_scene(60).rows
    if request.param == "flat":
        return GaussianCloud(rows[[name for name in rows.dtype.names if name != "scale_2"]].copy())
    if request.param == "points":
        points = np.zeros(
            60, [("x", "f4"), ("y", "f4"), ("z", "f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1")]
        )
        for name in ("x", "y", "z"):
            points[name] = rows[name]
        points["red"] = np.arange(60)
        return GaussianCloud(points)
    extras = np.zeros(
        60, [*rows.dtype.descr, ("label", "<i8"), ("weight", ">f8"), ("seen", "?"), ("half", "<f2")]
    )
    for name in rows.dtype.names:
        extras[name] = rows[name]
    extras["label"], extras["weight"], extras["half"] = np.arange(60) - 7, 0.1, 0.5
    return GaussianCloud(extras, Header("other", ("made for a test",), native={"not": "yours"}))


def target(folder: Path, writer: ModuleType, stem: str = "scene") -> Path:
    """A path that asks for the format; the suffix of a format of folders is ``/``."""
    return folder / f"{stem}{writer.SUFFIXES[0]}"


def write(writer: ModuleType, path: Path, cloud: GaussianCloud, **options) -> bool:
    """Write; false where the format refused, which it may for lack of columns that it needs."""
    try:
        writer.write(path, cloud, **{"overwrite": False, **options})
    except EngineUnavailable as error:
        pytest.skip(str(error))
    except GscliError:
        if is_complete(cloud) and not writer.unsupported(cloud):
            raise
        return False
    return True


def is_complete(cloud: GaussianCloud) -> bool:
    """Whether it has all columns of 3DGS: any format that writes must write it."""
    return fields.is_gaussian(cloud.fields) and {*fields.SH_DC, *fields.SCALE} <= set(cloud.fields)


def assert_equal(got: GaussianCloud, wanted: GaussianCloud) -> None:
    """The same values in every column; a reader may give a column a wider type."""
    assert len(got) == len(wanted)
    assert set(wanted.fields) <= set(got.fields)
    for name in wanted.fields:
        assert np.array_equal(got.rows[name].astype(wanted.rows.dtype[name]), wanted.rows[name]), name


def test_a_format_says_what_it_is(format_module):
    assert isinstance(format_module.DESCRIPTION, str)
    assert len(format_module.DESCRIPTION.splitlines()) == 1
    assert format_module.SUFFIXES
    assert all(s[0] in "./" and s == s.lower() for s in format_module.SUFFIXES)
    assert hasattr(format_module, "write") == hasattr(format_module, "unsupported")
    assert callable(format_module.read)


@pytest.mark.parametrize(
    "head", [b"", b"\0", b"Dear reader,\n", formats.FOLDER_HEAD, b"\x80" * formats.HEAD_BYTES]
)
def test_sniffing_answers_for_any_bytes(format_module, head):
    assert format_module.sniff(head) is False


def test_no_two_writers_claim_a_suffix():
    suffixes = [suffix for name in WRITABLE for suffix in formats.module(name).SUFFIXES]
    assert len(suffixes) == len(set(suffixes))


def test_what_is_written_without_loss_reads_back_equal(writer, cloud, tmp_path):
    path = target(tmp_path, writer)
    if not write(writer, path, cloud):
        assert not list(tmp_path.iterdir())
        return
    assert formats.identify(path) == writer.__name__.rpartition(".")[2]
    again = formats.read(path)
    assert again.header.format == formats.identify(path)
    if not writer.unsupported(cloud):
        assert_equal(again, in_order(writer, cloud, np.arange(len(cloud))))


def in_order(writer: ModuleType, cloud: GaussianCloud, index: np.ndarray) -> GaussianCloud:
    """The rows at `index`, sorted if the format sorts what it writes."""
    return cloud.take(writer.order(cloud, index) if hasattr(writer, "order") else index)


def test_a_file_is_claimed_by_the_format_that_wrote_it_and_no_other(writer, make_scene, tmp_path):
    path = target(tmp_path, writer)
    assert write(writer, path, make_scene(30, 0, normals=False))
    head = formats.head_of(path)
    claims = [name for name in formats.names() if formats.module(name).sniff(head)]
    by_suffix_alone = writer.__name__.endswith((".csv", ".xyz", ".splat"))
    assert claims == [writer.__name__.rpartition(".")[2]] or (by_suffix_alone and not claims)


def test_gaussians_of_degree_0_can_be_written_by_every_format(writer, make_scene, tmp_path):
    assert write(writer, target(tmp_path, writer), make_scene(60, 0, normals=False))


def test_what_was_read_is_written_and_read_again_unchanged(writer, cloud, tmp_path):
    first, second = (target(tmp_path / folder, writer) for folder in "ab")
    first.parent.mkdir()
    second.parent.mkdir()
    if write(writer, first, cloud):
        read = formats.read(first)
        assert len(read) == len(cloud)
        if write(writer, second, read) and not writer.unsupported(read):
            assert_equal(formats.read(second), in_order(writer, read, np.arange(len(read))))


def test_chosen_rows_are_written_in_their_order(writer, cloud, tmp_path):
    path = target(tmp_path, writer)
    index = np.array([5, 0, 59, 5]) if len(cloud) else np.array([], int)
    if not write(writer, path, cloud, index=index):
        return
    again = formats.read(path)
    assert len(again) == len(index)
    if not writer.unsupported(cloud):
        assert_equal(again, in_order(writer, cloud, index))


def test_writing_and_asking_leave_the_cloud_alone(writer, cloud, tmp_path):
    before, header = cloud.rows.tobytes(), cloud.header
    cloud.rows.setflags(write=False)
    writer.unsupported(cloud)
    write(writer, target(tmp_path, writer), cloud)
    assert cloud.rows.tobytes() == before
    assert cloud.header is header


def test_existing_files_are_refused(writer, make_scene, tmp_path):
    path = target(tmp_path, writer)
    path.write_bytes(b"precious")
    cloud = make_scene(3, 0, normals=False)
    write(writer, target(tmp_path, writer, "other"), cloud)  # skips where a library is missing
    with pytest.raises(WriteRefused):
        writer.write(path, cloud, overwrite=False)
    assert path.read_bytes() == b"precious"


def test_a_lossy_write_is_refused_until_it_is_allowed(writer, make_scene, tmp_path):
    rows = make_scene(5, 0, normals=False).rows
    odd = np.zeros(5, [*rows.dtype.descr, ("name", "U9")])  # text, which no format of numbers holds
    odd["name"] = [f"leaf {n}" for n in range(5)]
    cloud = GaussianCloud(odd)
    if not writer.unsupported(cloud):
        path = target(tmp_path, writer)
        assert write(writer, path, cloud)
        assert formats.read(path).rows["name"].tolist() == odd["name"].tolist()
        return
    with pytest.raises(WriteRefused, match=r"name.*--allow-lossy"):
        formats.write(f"{tmp_path}/scene{writer.SUFFIXES[0]}", cloud)
    assert not list(tmp_path.iterdir())


def test_names_and_comments_in_any_encoding_are_kept_or_named(writer, make_scene, tmp_path):
    """Older programs wrote Latin-1: bytes that are no UTF-8 are surrogates here."""
    plain = make_scene(5, 0, normals=False).rows
    rows = np.zeros(5, [*plain.dtype.descr, ("h\udcf6he", "<f4")])
    for name in plain.dtype.names:
        rows[name] = plain[name]
    cloud = GaussianCloud(rows, Header(comments=("by M\udcfcller",)))
    assert write(writer, target(tmp_path, writer), cloud)
    again, lost = formats.read(target(tmp_path, writer)), " ".join(writer.unsupported(cloud))
    assert "h\udcf6he" in again.fields or "h\udcf6he" in lost
    assert again.header.comments == cloud.header.comments or "comment" in lost


def test_progress_adds_up_to_the_rows(writer, make_scene, tmp_path):
    cloud = make_scene(60, 0, normals=False)
    for options in ({}, {"index": np.array([1, 3])}, {"index": np.array([3, 1])}):
        told: list[int] = []
        path = target(tmp_path, writer)
        if write(writer, path, cloud, overwrite=True, advance=told.append, **options):
            assert sum(told) == len(cloud)


def test_a_damaged_file_is_one_line_or_other_values_but_never_a_crash(writer, make_scene, tmp_path):
    path = target(tmp_path, writer)
    write(writer, path, make_scene(60, 0, normals=False))
    victims = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    rng = np.random.default_rng(0)
    for victim in victims:
        whole = victim.read_bytes()
        for _ in range(30):
            damaged = bytearray(whole[: rng.integers(1, len(whole) + 1)])
            for place in rng.integers(0, min(len(damaged), 400), rng.integers(0, 4)):
                damaged[place] = rng.integers(0, 256)
            victim.write_bytes(damaged)
            try:
                formats.read(path)
            except GscliError as error:
                assert_one_line(str(error), path)
        victim.write_bytes(whole)


def assert_one_line(message: str, path: Path) -> None:
    assert message.startswith(str(path)[:-1])
    assert "\n" not in message


@pytest.mark.parametrize("writer", [name for name in WRITABLE if name not in UNCOUNTED], indirect=True)
def test_a_truncated_file_is_an_error_of_one_line(writer, make_scene, tmp_path):
    path = tmp_path / f"scene{writer.SUFFIXES[0]}"
    if not write(writer, path, make_scene(60, 0, normals=False)):
        return
    if path.is_dir():
        path = path / "coord.npy"
    whole = path.read_bytes()
    for size in (len(whole) - 1, len(whole) // 2):
        path.write_bytes(whole[:size])
        with pytest.raises(GscliError) as caught:
            formats.read(path.parent if path.name == "coord.npy" else path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)
