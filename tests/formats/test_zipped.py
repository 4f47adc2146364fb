"""A zip with one scene is read as that scene; of several, the one that is named; else it ends in one line."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import gscli
from gscli import _core, formats
from gscli.cli import main
from gscli.cloud import GaussianCloud
from gscli.containers.zip import Zip
from gscli.errors import GscliError, InputError, UsageError
from gscli.formats import FORMATS, Source, _zipped
from tests.formats import samples
from tests.formats.samples import zipped

LITTER = {
    "scan/": b"",
    "scan/README.txt": b"Taken in spring.",
    "scan/.DS_Store": b"\0\0\0\1Bud1",
    "scan/cameras.json": b'[{"id": 0, "width": 640}]',
    "scan/cfg_args": b"Namespace(sh_degree=3)",
    "scan/preview.jpg": b"\xff\xd8\xff\xe0",
    "__MACOSX/scan/._scene.ply": b"\0\5\x16\7" + bytes(60),
    "__MACOSX/scan/._scene.splat": b"\0\5\x16\7" + bytes(60),
}


@pytest.fixture(scope="module")
def cloud(make_scene) -> GaussianCloud:
    return make_scene(300, 1, normals=False).with_comment("by hand")


@pytest.fixture(scope="module")
def ply(tmp_path_factory, cloud) -> Path:
    path = tmp_path_factory.mktemp("scene") / "scene.ply"
    gscli.write(path, cloud)
    return path


def refused(path: object, match: str, kind: type[GscliError] = InputError) -> None:
    with pytest.raises(kind, match=match) as caught:
        gscli.read(path)
    assert "\n" not in str(caught.value)
    assert "/dev/fd" not in str(caught.value)
    assert str(caught.value).startswith(str(path).partition("::")[0])


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_every_format_is_read_out_of_a_zip_as_it_is_beside_it(tmp_path, cloud, method):
    pytest.importorskip("laspy")
    pytest.importorskip("PIL")
    for name, path in samples.make(tmp_path, cloud).items():
        archive = zipped(tmp_path / f"{name}.zip", {**LITTER, f"scan/{path.name}": path}, method)
        found, wanted = gscli.read(archive), gscli.read(path)
        assert found == wanted, name
        assert found.header.format == wanted.header.format
        assert found.header.notes[-1] == f"of the 5 files in the zip, scan/{path.name} is read"


def test_nothing_is_told_of_the_only_file(tmp_path, ply, cloud):
    archive = zipped(tmp_path / "x.zip", {"__MACOSX/._a": b"", "deep/er/a.ply": ply})
    assert gscli.read(archive) == cloud
    assert gscli.read(archive).header.notes == ()


def test_a_checkpoint_is_read_and_its_models_are_named(tmp_path):
    pytest.importorskip("torch")
    from tests.formats import trainers

    one = trainers.save(tmp_path / "one.pth", trainers.graphdeco(degree=1))
    assert gscli.read(zipped(tmp_path / "one.zip", {"run/one.pth": one})) == gscli.read(one)
    models = {"gs0": trainers.graphdeco(degree=1), "gs1": trainers.graphdeco(degree=0)}
    two = trainers.save(tmp_path / "two.pth", models)
    archive = zipped(tmp_path / "two.zip", {"run/two.pth": two, "README.md": b"x"})
    assert gscli.read(f"{archive}::run/two.pth::gs1") == gscli.read(f"{two}::gs1")
    refused(f"{archive}::run/two.pth", "holds 2 models")
    refused(f"{archive}::run/two.pth::gs7", "none called gs7")


def test_one_rank_of_a_model_is_not_taken_for_it(tmp_path, ply):
    ranks = {f"run/ckpt_9_rank{n}.pt": ply for n in range(2)}  # what they hold is not asked
    archive = zipped(tmp_path / "x.zip", {**ranks, "ckpt_9_rank2.pt": ply})
    refused(f"{archive}::run/ckpt_9_rank1.pt", "is one rank of a model; unpack the zip to read all of them")
    assert len(gscli.read(f"{archive}::ckpt_9_rank2.pt")) == 300


def test_of_several_scenes_one_is_named(tmp_path, ply, cloud):
    members = {f"iteration_{n}/point_cloud.ply": ply for n in range(7)}
    archive = zipped(tmp_path / "x.zip", {**members, "last.ply": b"damaged"})
    refused(
        archive,
        r"holds 7 scenes \(iteration_0.*_3/point_cloud\.ply and 3 more\); name one, as in .*x\.zip::it",
    )
    found = gscli.read(f"{archive}::iteration_5/point_cloud.ply")
    assert found == cloud
    assert found.header.notes == ()
    refused(f"{archive}::iteration_5", r"has no member iteration_5; it holds iteration_0")
    refused(f"{archive}::last.ply", r"x\.zip::last\.ply: .*PLY")
    refused(f"{archive}::last.ply::gs1", r"x\.zip::last\.ply: holds one model", UsageError)


NUMBERS = b"".join(b"%d 0 0 0 0 1 0 0 0 0 1 0\n" % i for i in range(9))  # as poses are


def array(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("poses.txt", NUMBERS),
        ("times.csv", NUMBERS.replace(b" ", b",")),
        ("labels.npy", array(np.arange(300))),
        ("features.npy", array(np.zeros((300, 16), np.float32))),
        ("ids.npy", array(np.zeros(300, [("label", "i4")]))),
        ("cameras.npz", b"PK\3\4" + bytes(22) + b"\5\0\0\0K.npy"),
    ],
)
def test_numbers_beside_a_scene_are_no_second_scene(tmp_path, ply, cloud, name, body):
    path = zipped(tmp_path / "a.zip", {f"a/{name}": body, "a/scene.ply": ply})
    assert gscli.read(path).rows.tobytes() == cloud.rows.tobytes()
    assert len(gscli.read(zipped(tmp_path / "b.zip", {"b.ply": ply, "a": body}))) == len(cloud)


def test_numbers_that_name_x_y_and_z_are_a_scene_and_others_where_there_is_none(tmp_path, ply):
    named = {
        "p.txt": b"# x y z\n1 2 3\n",
        "p.csv": b"x,y,z\n1,2,3\n",
        "p.npy": array(np.zeros(3, [(axis, "f4") for axis in "xyz"])),
    }
    for name, body in named.items():
        two = zipped(tmp_path / f"{name}.zip", {name: body, "scene.ply": ply})
        refused(two, f"holds 2 scenes .*{name}")
        assert len(gscli.read(zipped(tmp_path / f"1{name}.zip", {name: body, "poses.txt": NUMBERS})))
    points = {"labels.npy": array(np.arange(9)), "points.txt": NUMBERS, "README": b"nine"}
    assert len(gscli.read(zipped(tmp_path / "one.zip", points))) == 9
    refused(zipped(tmp_path / "two.zip", points | {"poses.txt": NUMBERS}), r"holds 2 scenes \(points")
    refused(
        zipped(tmp_path / "none.zip", {"labels.npy": points["labels.npy"], "README": b""}), "no scene, but"
    )


def test_no_scene_is_refused_with_what_there_is(tmp_path):
    refused(zipped(tmp_path / "a.zip", LITTER), r"holds no scene, but scan/README\.txt, .*; name one, as in")
    refused(zipped(tmp_path / "b.zip", {}), "holds no files")
    refused(zipped(tmp_path / "c.zip", {"a/": b"", "__MACOSX/b.ply": b"ply\n"}), "holds no files")
    refused(zipped(tmp_path / "d.zip", {"a.md": b"x"}), r"d\.zip::a\.md: is of no format that gscli reads")
    refused(zipped(tmp_path / "e.zip", {"a.ply": b""}), r"e\.zip::a\.ply: is empty")


def test_a_scene_among_thousands_of_files_is_found_by_its_name(tmp_path, ply, cloud, monkeypatch):
    monkeypatch.setattr(_zipped, "MOST", 20 * _zipped.LEAST)
    pictures = {f"images/{n:04}.jpg": b"\xff\xd8" for n in range(50)}
    assert gscli.read(zipped(tmp_path / "a.zip", {**pictures, "z.ply": ply})) == cloud
    refused(
        zipped(tmp_path / "b.zip", {**pictures, "z": ply}), "holds no scene, but .* and 47 more; name one"
    )
    assert gscli.read(f"{tmp_path}/b.zip::z") == cloud
    notes = {f"{n}.txt": b"It rained." for n in range(30)}
    assert gscli.read(zipped(tmp_path / "c.zip", {**notes, "a.ply": ply})) == cloud
    refused(zipped(tmp_path / "d.zip", notes), r"holds 10 scenes \(20\.txt")


def test_a_scan_is_read_by_the_format_that_is_told(tmp_path, cloud):
    gscli.write(f"{tmp_path}/0.bin::kitti", cloud, allow_lossy=True)
    wanted = gscli.read(f"{tmp_path}/0.bin::kitti")
    archive = zipped(tmp_path / "x.zip", {"velodyne/0.bin": tmp_path / "0.bin"})
    assert gscli.read(f"{archive}::kitti") == wanted
    assert gscli.read(f"{archive}::velodyne/0.bin::kitti") == wanted
    refused(archive, r"name its format: x\.zip::velodyne/0\.bin::kitti or")
    more = zipped(tmp_path / "y.zip", {f"{n}.bin": tmp_path / "0.bin" for n in range(3)})
    refused(
        f"{more}::kitti",
        r"holds 3 files \(0\.bin, 1\.bin, 2\.bin\); name one, as in .*y\.zip::0\.bin::kitti$",
    )


def test_an_argument_that_has_no_effect_is_refused_as_of_the_scene(tmp_path, ply, cloud):
    archive = zipped(tmp_path / "x.zip", {"scene.ply": ply})
    with pytest.raises(UsageError, match=r"always right-down-front \(ply\)"):
        gscli.read(archive, axes="rub")
    with pytest.raises(UsageError, match=r"is no pickle \(ply\)"):
        gscli.read(archive, trust_pickle=True)
    gscli.write(tmp_path / "a.spz", cloud, allow_lossy=True)
    turned = gscli.read(zipped(tmp_path / "y.zip", {"a.spz": tmp_path / "a.spz"}), axes="rdf")
    assert turned == gscli.read(tmp_path / "a.spz", axes="rdf")


def parts_of_sog(path: Path, cloud: GaussianCloud) -> dict[str, bytes]:
    pytest.importorskip("PIL")
    gscli.write(path, cloud, allow_lossy=True)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_a_sog_is_read_whichever_folder_of_a_zip_it_is_in(tmp_path, cloud):
    parts = parts_of_sog(tmp_path / "a.sog", cloud)
    wanted = gscli.read(tmp_path / "a.sog")
    below = {f"scene/{name}": body for name, body in parts.items()}
    backwards = dict(reversed(below.items()))
    for number, members in enumerate((parts, below, backwards, {**LITTER, **below})):
        assert gscli.read(zipped(tmp_path / f"{number}.zip", members)) == wanted, number
    assert gscli.read(f"{tmp_path}/3.zip::scene/meta.json") == wanted
    assert gscli.read(zipped(tmp_path / "in.zip", {"b/a.sog": tmp_path / "a.sog"})) == wanted


def test_of_several_sogs_the_one_that_is_named_is_read(tmp_path, cloud, make_scene):
    one, two = parts_of_sog(tmp_path / "a.sog", cloud), parts_of_sog(tmp_path / "b.sog", make_scene(200, 0))
    wanted = [gscli.read(tmp_path / name) for name in ("a.sog", "b.sog")]

    def archive(name: str, first: str, second: str, members: dict[str, bytes]) -> Path:
        placed = {
            f"{folder}{key}": body
            for folder, parts in ((first, one), (second, two))
            for key, body in parts.items()
        }
        return zipped(tmp_path / name, {**members, **placed})

    for number, members in enumerate(({}, {"README.md": b"x"})):
        beside = archive(f"{number}.zip", "a/", "b/", members)
        refused(beside, r"holds 2 scenes \(a/meta\.json, b/meta\.json\); name one, as in .*::a/meta\.json")
        assert [gscli.read(f"{beside}::{folder}/meta.json") for folder in "ab"] == wanted
        below = archive(f"{number}b.zip", "", "b/", members)
        assert [gscli.read(f"{below}::{page}") for page in ("meta.json", "b/meta.json")] == wanted
        hidden = archive(f"{number}h.zip", "scene/", ".cache/", members)
        assert gscli.read(hidden) == wanted[0]
        assert gscli.read(f"{hidden}::.cache/meta.json") == wanted[1]


def test_a_member_of_what_is_a_zip_itself_can_be_named(tmp_path, ply, cloud):
    pytest.importorskip("PIL")
    picture = parts_of_sog(tmp_path / "a.sog", cloud)["means_l.webp"]
    archive = zipped(tmp_path / "x.zip", {"preview.webp": picture, "scene.ply": ply})
    assert gscli.read(f"{archive}::scene.ply") == cloud
    refused(
        zipped(tmp_path / "y.zip", {"preview.webp": picture}),
        r"has no member meta\.json; .* name that, as in",
    )
    np.savez(tmp_path / "x.npz", xyz=cloud.xyz, other=cloud.xyz + 1)
    assert np.array_equal(gscli.read(f"{tmp_path}/x.npz::other.npy").xyz, cloud.xyz + 1)
    refused(f"{tmp_path}/x.npz::none", "holds one model", UsageError)


def test_a_zip_is_of_no_format_whose_files_it_only_begins_with(tmp_path, ply, cloud):
    parts = parts_of_sog(tmp_path / "a.sog", cloud)
    table = io.BytesIO()
    np.save(table, np.arange(9))
    first = {"preview.webp": parts["means_l.webp"], "meta.json": b"{}", "labels.npy": table.getvalue()}
    for name, body in first.items():
        archive = zipped(tmp_path / f"{name}.zip", {name: body, "scene.ply": ply})
        assert gscli.read(archive) == cloud
        assert gscli.read(f"{archive}::scene.ply") == cloud
    with_notes = zipped(tmp_path / "notes.zip", {**parts, "README.md": b"x"})
    assert gscli.read(with_notes) == gscli.read(tmp_path / "a.sog")


def test_what_leads_to_files_beside_it_is_refused(tmp_path, cloud):
    gscli.write(tmp_path / "a.gltf", cloud, allow_lossy=True)
    archive = zipped(tmp_path / "x.zip", {name: tmp_path / name for name in ("a.gltf", "a.bin")})
    refused(
        f"{archive}::a.gltf", r"has its buffer 'a\.bin' in another file; .* read alone: unpack the zip first"
    )
    parts_of_sog(tmp_path / "a.sog", cloud)
    level = samples.streamed_sog(tmp_path / "levels", tmp_path / "a.sog")
    archive = zipped(tmp_path / "y.zip", {"levels/lod-meta.json": level, "levels/0.sog": tmp_path / "a.sog"})
    refused(
        f"{archive}::levels/lod-meta.json", r"leads to the files beside it \(streamed_sog\); unpack the zip"
    )


@pytest.mark.skipif(not Path("/dev/fd").is_dir(), reason="needs /dev/fd")
def test_a_gltf_in_a_zip_or_pipe_reads_nothing_that_this_process_has_open(tmp_path, cloud):
    gscli.write(tmp_path / "a.gltf", cloud, allow_lossy=True)
    with (tmp_path / "a.bin").open("rb") as held:
        for uri in (str(held.fileno()), f"./{held.fileno()}", f"fd/{held.fileno()}"):
            body = (tmp_path / "a.gltf").read_bytes().replace(b'"a.bin"', json.dumps(uri).encode())
            refused(zipped(tmp_path / "x.zip", {"a.gltf": body}), f"has its buffer '{uri}' in another file")
            piped = {"input": body, "pass_fds": [held.fileno()], "capture_output": True}
            done = subprocess.run([sys.executable, "-m", "gscli", "info", "-"], check=False, **piped)
            assert done.returncode == 3
            assert b"in another file; out of a zip or pipe" in done.stderr


def test_a_member_of_a_zip_is_not_written(tmp_path, ply, cloud):
    archive = zipped(tmp_path / "x.zip", {"p.ply": ply})
    before = archive.read_bytes()
    for name in ("p.ply", "new/q.ply", "p"):
        with pytest.raises(UsageError, match="zips are only read; write a file beside it"):
            gscli.write(f"{archive}::{name}", cloud, overwrite=True)
    assert archive.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [archive]
    gscli.write(f"{tmp_path}/none.zip::p.ply", cloud)  # of no zip
    assert gscli.read(f"{tmp_path}/none.zip::p.ply") == cloud


def test_a_zip_within_a_zip_is_refused(tmp_path, ply):
    inner = zipped(tmp_path / "inner.zip", {"scene.ply": ply})
    refused(
        zipped(tmp_path / "a.zip", {"inner.zip": inner}), r"a\.zip::inner\.zip: is a zip within a zip; unpack"
    )
    outer = zipped(tmp_path / "b.zip", {"1.zip": inner, "2.zip": inner})
    refused(outer, r"holds no scene, but 1\.zip, 2\.zip")
    refused(f"{outer}::2.zip", r"b\.zip::2\.zip: is a zip within a zip")


NAMES = [
    "../../scene.ply",
    "/etc/scene.ply",
    "./a.ply",
    "a\\b.ply",
    "höhe.ply",
    "a b.ply",
    "a\nb.ply",
    "%s.ply",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_member_of_any_name_is_read_and_written_nowhere(tmp_path, ply, cloud, name):
    folder = tmp_path / "in" / "here"
    folder.mkdir(parents=True)
    archive = zipped(folder / "x.zip", {name: ply, "README.md": b"x"})
    before = sorted(tmp_path.rglob("*"))
    assert gscli.read(archive) == cloud
    assert gscli.read(f"{archive}::{name}") == cloud
    assert sorted(tmp_path.rglob("*")) == before
    assert "/" not in Source.of(f"{archive}::{name}").stem


def test_names_that_are_utf8_without_saying_so_are_read_as_that(tmp_path, ply, cloud):
    archive = zipped(tmp_path / "x.zip", {"h__he.ply": ply, "b.ply": ply})
    archive.write_bytes(archive.read_bytes().replace(b"h__he", "höhe".encode()))
    refused(archive, r"holds 2 scenes \(höhe\.ply, b\.ply\)")
    assert gscli.read(f"{archive}::höhe.ply") == cloud
    archive.write_bytes(archive.read_bytes().replace("höhe".encode(), b"h\x94xhe"))
    assert gscli.read(f"{archive}::höxhe.ply") == cloud  # of code page 437


def test_links_are_not_followed(tmp_path, ply, cloud):
    with zipfile.ZipFile(zipped(tmp_path / "x.zip", {"a/scene.ply": ply}), "a") as archive:
        link = zipfile.ZipInfo("scene.ply")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        archive.writestr(link, b"/etc/passwd")
    assert gscli.read(tmp_path / "x.zip") == cloud
    refused(f"{tmp_path}/x.zip::scene.ply", r"its member scene\.ply is a symbolic link; name the one")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_members_of_one_name_are_refused(tmp_path, ply):
    archive = zipped(tmp_path / "x.zip", {"scene.ply": ply})
    with zipfile.ZipFile(archive, "a") as more:
        more.writestr("scene.ply", b"ply\n")
    refused(archive, "holds two members of one name")


def test_zip64_is_read(tmp_path, ply, cloud):
    with (
        zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("scene.ply", "w", force_zip64=True) as member,
    ):
        member.write(ply.read_bytes())
    assert gscli.read(tmp_path / "x.zip") == cloud


def test_sizes_may_follow_the_data_as_in_zips_that_were_piped(tmp_path, ply, cloud):
    class Pipe(io.BytesIO):
        def tell(self) -> int:
            raise OSError

    piped = Pipe()
    with zipfile.ZipFile(piped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("scene.ply", ply.read_bytes())
    (tmp_path / "x.zip").write_bytes(piped.getvalue())
    assert (tmp_path / "x.zip").read_bytes()[6] & 8
    assert gscli.read(tmp_path / "x.zip") == cloud


def changed(archive: Path, local: dict[int, int], central: dict[int, int]) -> Path:
    """A zip with some bytes changed of the header of its first member and of its entry in the directory."""
    data = bytearray(archive.read_bytes())
    entry = data.index(b"PK\1\2")
    for place, value in (*local.items(), *((entry + at, value) for at, value in central.items())):
        data[place] = value
    archive.write_bytes(data)
    return archive


@pytest.mark.parametrize(
    ("local", "central", "match"),
    [
        pytest.param({6: 1}, {8: 1}, r"its member a\.ply is encrypted; unpack it with", id="encrypted"),
        pytest.param({8: 9}, {10: 9}, "is packed by Deflate64, which is not read; unpack", id="deflate64"),
        pytest.param({8: 77}, {10: 77}, "is packed by method 77, which is not read", id="unknown"),
        pytest.param({}, {16: 1}, "does not match its checksum; copy", id="checksum"),
        pytest.param({60: 0xFF, 61: 0xFF}, {}, "cannot be read as zip member a.ply", id="deflate"),
        pytest.param({}, {24: 0xFF}, "where it claims|than the .* that it claims", id="size"),
        pytest.param({30: ord("b")}, {}, "has another name", id="name"),
        pytest.param({0: 0, 1: 0}, {}, "of no format|no header", id="magic"),
        pytest.param({}, {42: 9}, "has no header", id="offset"),
        pytest.param({}, {23: 0x7F}, "is cut short", id="packed size"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("named", [False, True])
def test_a_damaged_member_is_refused_in_one_line(tmp_path, ply, local, central, match, named):
    archive = changed(zipped(tmp_path / "x.zip", {"a.ply": ply, "README.md": b"x"}), local, central)
    refused(f"{archive}::a.ply" if named and 0 not in local else archive, match)


def test_a_member_that_cannot_be_looked_at_is_no_reason_to_read_another(tmp_path, ply):
    archive = changed(zipped(tmp_path / "x.zip", {"a.ply": ply, "b.ply": ply}), {6: 1}, {8: 1})
    refused(archive, r"holds 2 scenes \(a\.ply, b\.ply\)")


def test_numbers_that_cannot_be_looked_at_do_not_hide_a_scene(tmp_path, ply, cloud):
    archive = zipped(tmp_path / "x.zip", {"a.csv": NUMBERS, "b.ply": ply})
    assert gscli.read(changed(archive, {6: 1}, {8: 1})) == cloud
    refused(changed(zipped(tmp_path / "y.zip", {"a.csv": NUMBERS, "b": b""}), {6: 1}, {8: 1}), "is encrypted")


@pytest.mark.parametrize("kept", [0.3, 0.9, 0.999])
def test_a_zip_that_is_cut_short_is_refused(tmp_path, ply, kept):
    archive = zipped(tmp_path / "x.zip", {"scene.ply": ply})
    archive.write_bytes(archive.read_bytes()[: int(kept * archive.stat().st_size)])
    refused(archive, "cannot be read as a zip")


def test_bombs_are_refused_before_they_unpack(tmp_path, ply):
    body = ply.read_bytes() + bytes(80 << 20)
    archive = zipped(tmp_path / "x.zip", {"scene.ply": body})
    refused(archive, "claims to unpack .* which no scene does")
    said = len(ply.read_bytes()).to_bytes(4, "little")
    changed(archive, {}, {24 + at: value for at, value in enumerate(said)})
    refused(archive, f"more than the {len(ply.read_bytes()):,} bytes that it claims")


def test_unpacking_holds_a_few_megabytes(tmp_path, make_scene):
    import tracemalloc

    gscli.write(tmp_path / "a.ply", make_scene(200_000, 1))
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        archive = zipped(tmp_path / "x.zip", {"a.ply": tmp_path / "a.ply"}, method)
        assert archive.stat().st_size > 12 << 20
        gscli.read(archive)  # imports
        tracemalloc.start()
        assert len(gscli.read(archive)) == 200_000
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 6 << 20


def test_a_deflate_stream_that_ends_within_a_match_is_read_whole(tmp_path):
    for size in (*range(1, 3000, 97), 1 << 20, (1 << 20) + 1, (2 << 20) - 1, 2 << 20):
        body = b"a" * size
        archive = zipped(tmp_path / "x.zip", {"a": body})
        assert b"".join(Zip(archive, "a zip").pieces("a")) == body


@pytest.mark.once
def test_pipes_commands_and_batches_take_zips(tmp_path, ply):
    zipped(tmp_path / "one.zip", {"a/scene.ply": ply, "README.md": b"x"})
    several = zipped(tmp_path / "several.zip", {"a/1.ply": ply, "a/2.ply": ply})

    def run(*words: object, piped: Path | None = None) -> str:
        command = [sys.executable, "-m", "gscli", *map(str, words)]
        data = None if piped is None else piped.read_bytes()
        done = subprocess.run(command, cwd=tmp_path, input=data, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return (done.stdout + done.stderr).decode()

    assert "300 Gaussians" in run("info", "-", piped=tmp_path / "one.zip")
    assert "300 Gaussians" in run("info", "/dev/stdin::a/2.ply", piped=several)
    run("resample", "one.zip", "a.ply", "--quiet")
    run("resample", ply, "b.ply", "--quiet")
    assert (tmp_path / "a.ply").read_bytes() == (tmp_path / "b.ply").read_bytes()
    run("verify", "one.zip", "a.ply")
    run("compare", "one.zip", "several.zip::a/1.ply", "--max-rmse", "0")
    named = [f"several.zip::a/{number}.ply" for number in (1, 2)]
    words = ("batch", "resample", "*e.zip", *named, "--out-dir", "out", "--resume", "--check")
    run(*words)
    made = sorted(path.name for path in (tmp_path / "out").glob("*.ply"))
    assert made == ["one.ply", "several.a_1.ply", "several.a_2.ply"]
    assert (tmp_path / "out" / "one.ply").read_bytes() == (tmp_path / "a.ply").read_bytes()
    assert "(3 before)" in run(*words)
    zipped(tmp_path / "one.zip", {"a/scene.ply": ply, "README.md": b"y"})
    assert "(2 before)" in run(*words)


def test_the_stem_of_a_member_is_a_name(tmp_path):
    assert Source.of("in/a.zip::b/c.ply").stem == "a.b_c"
    assert Source.of("in/a.zip::0.bin::kitti") == Source(
        "in/a.zip::0.bin::kitti", Path("in/a.zip"), "0.bin::kitti"
    )
    odd = tmp_path / "a::b.zip"
    odd.touch()
    assert Source.of(f"{odd}::c.ply::gs1").path == odd


def test_no_format_claims_a_plain_zip(tmp_path, ply):
    head = formats.head_of(zipped(tmp_path / "x.zip", {"scene.ply": ply}))
    assert [form.name for form in FORMATS if form.sniff(head)] == []


@pytest.mark.once
def test_every_command_says_which_file_of_a_zip_it_read(tmp_path, make_scene, monkeypatch):
    monkeypatch.chdir(tmp_path)
    gscli.write("a.ply", make_scene(40, 1))
    zipped(tmp_path / "z.zip", {"README": b"a scene", "in/b.ply": tmp_path / "a.ply"})
    thin = ["--voxel-size", "1", "--seed", "3"]
    for command in (
        ["info", "z.zip"],
        ["convert", "z.zip", "o.npz", "--allow-lossy"],
        ["resample", "z.zip", "d.ply", *thin],
        ["compare", "z.zip", "a.ply"],
        ["compare", "a.ply", "z.zip"],
        ["align", "a.ply", "z.zip"],
        ["align", "z.zip", "a.ply"],
        ["edit", "z.zip", "o3.ply", "--scale", "2"],
        ["edit", "a.ply", "o4.ply", "--merge", "z.zip"],
        ["coprune", "a.ply", "z.zip", "--threshold", "9", "--min-points", "0", "--out-dir", "both"],
        ["simplify", "z.zip", "o5.ply", "--target", "20"],
        ["lod", "z.zip", "levels"],
        ["render", "z.zip", "o.png", "--size", "16"],
        ["view", "z.zip", "o.html"],
        ["verify", "z.zip", "d.ply"],
    ):
        if command[0] in ("lod", "render", "simplify", "view") and not _core.available():
            continue
        done = CliRunner().invoke(main, command)
        told = done.stdout + done.stderr
        assert "of the 2 files in the zip, in/b.ply is read" in told, (command, told)
