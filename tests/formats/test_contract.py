"""Every module in gscli/formats keeps the contract of `gscli.formats.Format`."""

from __future__ import annotations

import importlib
import inspect
from pathlib import Path

import numpy as np
import pytest

from gscli import fields, formats
from gscli.cloud import GaussianCloud, Header
from gscli.containers import bounded_process
from gscli.errors import EngineUnavailable, GscliError, WriteRefused
from gscli.formats import FORMATS, Format, by_suffix
from gscli.runtime import processes

UNCOUNTED = ("csv", "kitti", "nuscenes", "splat", "xyz")  # do not say how many rows they have
WRITABLE = [form.name for form in FORMATS if form.writer is not None]


@pytest.fixture(params=FORMATS.names())
def form(request) -> Format:
    return FORMATS.get(request.param)


@pytest.fixture(params=WRITABLE)
def written(request) -> Format:
    """A format that is written, with the libraries that it needs."""
    form = FORMATS.get(request.param)
    try:
        form.require(request.param)
    except EngineUnavailable as missing:
        pytest.skip(str(missing))
    return form


@pytest.fixture
def one_process(monkeypatch):
    """Lets decoders that damage may crash read whole files in this process, which is quicker."""

    def run(function: str, *arguments: str) -> int:
        module, _, name = function.partition(":")
        return getattr(importlib.import_module(module), name)(*arguments)

    monkeypatch.setattr(bounded_process, "enter", lambda *_: None)
    monkeypatch.setattr(processes, "run", run)


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


def target(folder: Path, written: Format, stem: str = "scene") -> Path:
    """A path that asks for the format; the suffix of a format of folders is ``/``."""
    return folder / f"{stem}{written.suffixes[0]}"


def write(written: Format, path: Path, cloud: GaussianCloud, **options) -> bool:
    """Write; false where the format refused, which it may for lack of columns that it needs."""
    try:
        written.writer.write(path, cloud, **{"overwrite": False, **options})
    except EngineUnavailable as error:
        pytest.skip(str(error))
    except GscliError:
        if is_complete(cloud) and not written.writer.unsupported(cloud):
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


def test_a_format_says_what_it_is(form):
    assert FORMATS.get(form.name) is form
    assert len(form.description.splitlines()) == 1
    assert form.suffixes
    assert all(s[0] in "./" and s == s.lower() for s in form.suffixes)


def test_a_format_reads_with_the_arguments_that_it_says_it_takes(form):
    keywords = [p.name for p in inspect.signature(form.read).parameters.values() if p.kind == p.KEYWORD_ONLY]
    assert set(keywords) == form.takes


def test_a_suffix_of_several_parts_is_the_name_of_its_format(form):
    """So that a name that holds dots is understood without asking every format."""
    for suffix in form.suffixes:
        if suffix.count(".") > 1:
            assert suffix == "." + form.name.replace("_", ".")
        elif suffix[1:] in FORMATS:
            assert suffix[1:] == form.name
        assert by_suffix(f"a/scene.e0{suffix}") == (suffix, form)


@pytest.mark.parametrize(
    "head", [b"", b"\0", b"Dear reader,\n", formats.FOLDER_HEAD, b"\x80" * formats.HEAD_BYTES]
)
def test_sniffing_answers_for_any_bytes(form, head):
    assert form.sniff(head) is False


def test_no_two_writers_claim_a_suffix():
    suffixes = [suffix for name in WRITABLE for suffix in FORMATS.get(name).suffixes]
    assert len(suffixes) == len(set(suffixes))


@pytest.mark.usefixtures("one_process")
def test_what_is_written_without_loss_reads_back_equal(written, cloud, tmp_path):
    path = target(tmp_path, written)
    if not write(written, path, cloud):
        assert not list(tmp_path.iterdir())
        return
    assert formats.identify(path) is written
    again = formats.read(path)
    assert again.header.format == written.name
    if not written.writer.unsupported(cloud):
        assert_equal(again, in_order(written, cloud, np.arange(len(cloud))))


def in_order(written: Format, cloud: GaussianCloud, index: np.ndarray) -> GaussianCloud:
    """The rows at `index`, sorted if the format sorts what it writes."""
    order = written.writer.order
    return cloud.take(index if order is None else order(cloud, index))


def test_a_file_is_claimed_by_the_format_that_wrote_it_and_no_other(written, make_scene, tmp_path):
    path = target(tmp_path, written)
    assert write(written, path, make_scene(30, 0, normals=False))
    head = formats.head_of(path)
    claims = [form.name for form in FORMATS if form.sniff(head)]
    by_suffix_alone = written.name in UNCOUNTED
    assert claims == [written.name] or (by_suffix_alone and not claims)


def test_gaussians_of_degree_0_can_be_written_by_every_format(written, make_scene, tmp_path):
    assert write(written, target(tmp_path, written), make_scene(60, 0, normals=False))


@pytest.mark.usefixtures("one_process")
def test_what_was_read_is_written_and_read_again_unchanged(written, cloud, tmp_path):
    first, second = (target(tmp_path / folder, written) for folder in "ab")
    first.parent.mkdir()
    second.parent.mkdir()
    if write(written, first, cloud):
        read = formats.read(first)
        assert len(read) == len(cloud)
        if write(written, second, read) and not written.writer.unsupported(read):
            assert_equal(formats.read(second), in_order(written, read, np.arange(len(read))))


@pytest.mark.usefixtures("one_process")
def test_chosen_rows_are_written_in_their_order(written, cloud, tmp_path):
    path = target(tmp_path, written)
    index = np.array([5, 0, 59, 5]) if len(cloud) else np.array([], int)
    if not write(written, path, cloud, index=index):
        return
    again = formats.read(path)
    assert len(again) == len(index)
    if not written.writer.unsupported(cloud):
        assert_equal(again, in_order(written, cloud, index))


def test_writing_and_asking_leave_the_cloud_alone(written, cloud, tmp_path):
    before, header = cloud.rows.tobytes(), cloud.header
    cloud.rows.setflags(write=False)
    written.writer.unsupported(cloud)
    write(written, target(tmp_path, written), cloud)
    assert cloud.rows.tobytes() == before
    assert cloud.header is header


def test_existing_files_are_refused(written, make_scene, tmp_path):
    path = target(tmp_path, written)
    path.write_bytes(b"precious")
    cloud = make_scene(3, 0, normals=False)
    write(written, target(tmp_path, written, "other"), cloud)  # skips where a library is missing
    with pytest.raises(WriteRefused):
        written.writer.write(path, cloud, overwrite=False)
    assert path.read_bytes() == b"precious"


def test_a_lossy_write_is_refused_until_it_is_allowed(written, make_scene, tmp_path):
    rows = make_scene(5, 0, normals=False).rows
    odd = np.zeros(5, [*rows.dtype.descr, ("name", "U9")])  # text, which no format of numbers holds
    odd["name"] = [f"leaf {n}" for n in range(5)]
    cloud = GaussianCloud(odd)
    if not written.writer.unsupported(cloud):
        path = target(tmp_path, written)
        assert write(written, path, cloud)
        assert formats.read(path).rows["name"].tolist() == odd["name"].tolist()
        return
    with pytest.raises(WriteRefused, match=r"name.*allow_lossy=True"):
        formats.write(f"{tmp_path}/scene{written.suffixes[0]}", cloud)
    assert not list(tmp_path.iterdir())


def test_names_and_comments_in_any_encoding_are_kept_or_named(written, make_scene, tmp_path):
    """Older programs wrote Latin-1: bytes that are no UTF-8 are surrogates here."""
    plain = make_scene(5, 0, normals=False).rows
    rows = np.zeros(5, [*plain.dtype.descr, ("h\udcf6he", "<f4")])
    for name in plain.dtype.names:
        rows[name] = plain[name]
    cloud = GaussianCloud(rows, Header(comments=("by M\udcfcller",)))
    assert write(written, target(tmp_path, written), cloud)
    again, lost = formats.read(target(tmp_path, written)), written.writer.unsupported(cloud)
    assert ("h\udcf6he" in again.fields) != any("h\udcf6he" in loss.columns for loss in lost)
    assert again.header.comments == cloud.header.comments or any("comment" in loss.what for loss in lost)


@pytest.mark.parametrize(
    "line", ["SplatRenderMode: mip", "SplatRenderMode: 2dgs", "SplatRenderMode: default", "antialiased 1"]
)
def test_how_a_scene_is_to_be_rendered_is_kept_or_named_as_lost(written, line, make_scene, tmp_path):
    cloud = make_scene(5, 0, normals=False).with_comment("by hand").with_comment(line)
    assert write(written, target(tmp_path, written), cloud)
    again = formats.read(target(tmp_path, written))
    lost = [str(loss) for loss in written.writer.unsupported(cloud) if loss.what == "the render mode"]
    assert again.render_mode == (None if lost else cloud.render_mode)
    assert lost in ([], [f"the render mode ({cloud.render_mode or 'default'})"])
    holds = {"compressed_ply", "npz", "pcd", "ply", "safetensors", "xyz"}
    assert not lost or written.name not in holds
    if written.name == "spz":
        assert bool(lost) == (cloud.render_mode == "2dgs")


NAMES = [
    *("a b", "a,b", "a;b", 'a"b', "a'b", "a\tb", "a\nb", "a\r", "a\0b", "a\x1cb", "a\x85b", "a\u2028b"),
    *("h\u00f6he", "\u9ad8\u3055", "\ud800", "", " ", "#a", "//a", "X", "column", "(a (b", "a/b", "a.npy"),
    *("means", "scales", "features", "colors", "__metadata__", "__comments__", "array", "flag_byte"),
    *("bit_fields", "_", "-", "1", "nan"),
]
KINDS = ["<i8", "U3", "<f16", "<c8", "(2,)<f4"]


@pytest.mark.usefixtures("one_process")
@pytest.mark.parametrize("name, kind", [*((n, "<f4") for n in NAMES), *(("extra", k) for k in KINDS)])
def test_a_column_of_any_name_and_type_comes_back_or_is_named_as_lost(
    written, name, kind, make_scene, tmp_path
):
    plain = make_scene(5, 0, normals=False).rows
    names = [*plain.dtype.names, name]
    rows = np.zeros(5, {"names": names, "formats": [*(plain.dtype[n] for n in plain.dtype.names), kind]})
    for column in plain.dtype.names:
        rows[column] = plain[column]
    cloud = GaussianCloud(rows)
    lost = {column for loss in written.writer.unsupported(cloud) for column in loss.columns}
    assert lost <= set(cloud.fields)
    assert write(written, target(tmp_path, written), cloud)
    again = formats.read(target(tmp_path, written))
    assert len(again) == 5
    assert (name in again.fields) == (name not in lost)
    assert set(again.fields) >= {"x", "y", "z"}


def test_progress_adds_up_to_the_rows(written, make_scene, tmp_path):
    cloud = make_scene(60, 0, normals=False)
    for options in ({}, {"index": np.array([1, 3])}, {"index": np.array([3, 1])}):
        told: list[int] = []
        path = target(tmp_path, written)
        if write(written, path, cloud, overwrite=True, advance=told.append, **options):
            assert sum(told) == len(cloud)


def test_a_damaged_file_is_one_line_or_other_values_but_never_a_crash(written, make_scene, tmp_path):
    path = target(tmp_path, written)
    write(written, path, make_scene(60, 0, normals=False))
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


@pytest.mark.parametrize("written", [name for name in WRITABLE if name not in UNCOUNTED], indirect=True)
def test_a_truncated_file_is_an_error_of_one_line(written, make_scene, tmp_path):
    path = tmp_path / f"scene{written.suffixes[0]}"
    if not write(written, path, make_scene(60, 0, normals=False)):
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
