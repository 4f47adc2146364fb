"""Scene folders, grid files, NumPy and safetensors files, point clouds: all they hold survives."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gscli import fields, formats
from gscli.cloud import GaussianCloud
from gscli.errors import InputError, UsageError, WriteRefused
from gscli.formats import FORMATS, Source, Target
from gscli.grids import grid_files
from tests.formats import samples

N, CELLS = 200, 30


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    valid = rng.random(N) < 0.7
    return {
        "coord": rng.normal(size=(N, 3)).astype("f4"),
        "color": rng.integers(0, 256, (N, 3)).astype("u1"),
        "opacity": rng.random((N, 1)).astype("f4"),
        "scale": rng.random((N, 3)).astype("f4"),
        "quat": rng.normal(size=(N, 4)).astype("f4"),
        "normal": rng.normal(size=(N, 3)).astype("f4"),
        "segment": rng.integers(-1, 20, N),
        "instance": rng.integers(0, 99, N),
        "valid_feat_mask": valid,
        "lang_feat": rng.normal(size=(valid.sum(), 16)).astype("f2"),
        "lang_label": rng.integers(0, 5, N),
    }


@pytest.fixture
def scene_folder(tmp_path, arrays) -> Path:
    folder = tmp_path / "scene0000_00"
    folder.mkdir()
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    rng = np.random.default_rng(1)
    for rank in (8, 16):
        ids = rng.integers(-1, CELLS, int(arrays["valid_feat_mask"].sum()))
        np.savez_compressed(
            folder / f"lang_feat_grid_svd_r{rank}.npz", compressed=rng.normal(size=(CELLS, rank)), indices=ids
        )
    meta = {"num_grids": CELLS, "num_points_with_grid": 1, "grid_point_counts": 4.5}
    (folder / "grid_meta_data.json").write_text(json.dumps(meta))
    (folder / "notes.txt").write_text("kept\n")
    return folder


def load(folder: Path) -> dict[str, np.ndarray]:
    return {path.stem: np.load(path) for path in folder.glob("*.npy")}


def test_values_of_a_scene_folder_become_raw(scene_folder, arrays):
    cloud = formats.read(scene_folder)
    assert cloud.header.format == "scenesplat"
    assert np.array_equal(cloud.xyz, arrays["coord"])
    rgb = fields.rgb_from_dc(cloud.columns(fields.SH_DC).T)
    assert np.abs(rgb * 255 - arrays["color"]).max() < 1e-4
    assert np.allclose(fields.sigmoid(cloud.rows["opacity"]), arrays["opacity"][:, 0], atol=1e-6)
    assert np.allclose(np.exp(cloud.columns(fields.SCALE).T), arrays["scale"], rtol=1e-6)
    assert np.array_equal(cloud.rows["segment"], arrays["segment"])


@pytest.mark.parametrize("shape", [(N,), (N, 1)])
def test_an_array_of_one_number_for_each_point_is_a_column_under_any_name(scene_folder, tmp_path, shape):
    labels = np.random.default_rng(2).integers(-1, 200, shape).astype("i2")
    np.save(scene_folder / "segment200.npy", labels)
    cloud = formats.read(scene_folder)
    assert cloud["segment200"].tolist() == labels.reshape(-1).tolist()
    formats.write(tmp_path / "some", cloud, index=np.arange(0, N, 3))
    assert np.array_equal(np.load(tmp_path / "some" / "segment200.npy"), labels[::3])
    formats.write(tmp_path / "x.ply", cloud, allow_lossy=True)
    assert formats.read(tmp_path / "x.ply")["segment200"].tolist() == labels.reshape(-1).tolist()


@pytest.mark.parametrize("how", ["index", "mask", "take", "take and index"])
def test_every_array_of_a_scene_folder_is_subset_with_the_rows(scene_folder, arrays, tmp_path, how):
    rows = np.sort(np.random.default_rng(2).permutation(N)[:60])
    cloud = formats.read(scene_folder)
    target = f"{tmp_path}/half/"
    if how == "index":
        formats.write(target, cloud, index=rows)
    elif how == "mask":
        formats.write(target, cloud, index=np.isin(np.arange(N), rows))
    elif how == "take":
        formats.write(target, cloud.take(rows))
    else:
        more = np.sort(np.concatenate([rows, np.setdiff1d(np.arange(N), rows)[:20]]))
        formats.write(target, cloud.take(more), index=np.flatnonzero(np.isin(more, rows)))
    found = load(tmp_path / "half")
    valid = arrays["valid_feat_mask"]
    for name, array in arrays.items():
        if name == "lang_feat":
            whole = np.zeros((N, 16), "f2")
            whole[valid] = array
            wanted = whole[rows][valid[rows]]
        else:
            wanted = array[rows]
        assert found[name].dtype == array.dtype
        assert np.array_equal(found[name], wanted), name
    for rank in (8, 16):
        file = f"lang_feat_grid_svd_r{rank}.npz"
        before = grid_files.read_mapping(scene_folder / file, N)
        assert np.array_equal(grid_files.read_mapping(tmp_path / "half" / file, 60), before[rows])
        with np.load(scene_folder / file) as old, np.load(tmp_path / "half" / file) as new:
            assert np.array_equal(old["compressed"], new["compressed"])
    meta = json.loads((tmp_path / "half" / "grid_meta_data.json").read_text())
    ids = before[rows]
    assert meta["num_grids"] == CELLS
    assert meta["num_points_with_grid"] == (ids >= 0).sum()
    assert (tmp_path / "half" / "notes.txt").read_text() == "kept\n"


def test_a_scene_folder_may_be_written_over_itself_but_not_over_another_kind(scene_folder, tmp_path):
    cloud = formats.read(scene_folder)
    with pytest.raises(WriteRefused, match="exists already"):
        formats.write(scene_folder, cloud)
    formats.write(scene_folder, cloud, overwrite=True, index=np.arange(50))
    assert len(formats.read(scene_folder)) == 50
    other = tmp_path / "precious"
    other.mkdir()
    (other / "thesis.tex").write_text("...")
    with pytest.raises(WriteRefused, match="no scene folder"):
        formats.write(f"{other}/", cloud, overwrite=True)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_a_column_that_a_scene_folder_had_not_is_not_lost_unsaid(scene_folder, tmp_path):
    cloud = formats.read(scene_folder)
    rows = np.empty(len(cloud), [*cloud.rows.dtype.descr, ("distance", "<f4")])
    with pytest.raises(WriteRefused, match="column distance"):
        formats.write(tmp_path / "out", replace(cloud, rows=rows))


def test_a_column_changed_since_a_scene_folder_was_read_is_not_lost_unsaid(scene_folder, tmp_path):
    cloud = formats.read(scene_folder)
    with pytest.raises(WriteRefused, match="would lose column opacity "):
        formats.write(f"{tmp_path / 'out'}/", cloud.with_columns(opacity=0.0))


def test_what_a_scene_folder_holds_beside_columns_is_a_loss_elsewhere(scene_folder, tmp_path):
    with pytest.raises(WriteRefused, match=r"array lang_feat.*grid lang_feat_grid_svd_r16"):
        formats.write(tmp_path / "x.ply", formats.read(scene_folder))


def test_arrays_of_another_length_are_refused_by_name(scene_folder):
    np.save(scene_folder / "opacity.npy", np.zeros(N - 1, "f4"))
    with pytest.raises(InputError, match=r"opacity.npy: has 199 rows where coord.npy has 200"):
        formats.read(scene_folder)


def test_arrays_without_a_row_for_each_point_are_kept_whole_and_named(scene_folder, tmp_path):
    np.save(scene_folder / "palette.npy", np.arange(7))
    cloud = formats.read(scene_folder)
    assert "palette" in cloud.header.notes[0]
    formats.write(f"{tmp_path}/half/", cloud, index=np.arange(9))
    assert np.array_equal(np.load(tmp_path / "half" / "palette.npy"), np.arange(7))


def test_the_grid_of_the_highest_rank_is_the_default(scene_folder, tmp_path):
    assert grid_files.find_mapping(scene_folder).name == "lang_feat_grid_svd_r16.npz"
    assert grid_files.find_mapping(scene_folder, "lang_feat_grid_svd_r8.npz").parent == scene_folder
    with pytest.raises(InputError, match="no such grid file"):
        grid_files.find_mapping(scene_folder, "nothing.npz")
    with pytest.raises(UsageError, match="holds no grid file"):
        grid_files.find_mapping(tmp_path)


def test_points_that_are_not_valid_are_in_no_cell(tmp_path):
    mask = np.array([True, False, True, True, False])
    np.savez(tmp_path / "g.npz", indices=np.array([7, -1, 40]), valid_feat_mask=mask)
    assert grid_files.read_mapping(tmp_path / "g.npz", 5).tolist() == [7, -1, -1, 40, -1]
    np.savez(tmp_path / "h.npz", indices=np.array([7, -1, 40]))
    np.save(tmp_path / "valid_feat_mask.npy", mask)
    assert grid_files.read_mapping(tmp_path / "h.npz", 5).tolist() == [7, -1, -1, 40, -1]
    np.save(tmp_path / "i.npy", np.array([3, 3, 9]))
    assert grid_files.read_mapping(tmp_path / "i.npy", 3).tolist() == [3, 3, 9]


@pytest.mark.parametrize(
    ("ids", "match"),
    [
        (np.arange(4), "4 ids for 5 points"),
        (np.array([0, 1, 2, 3, -2]), "the id -2"),
        (np.zeros(5), "type float64"),
        (np.zeros((5, 2), int), "10 ids for 5 points"),
    ],
)
def test_a_grid_that_does_not_fit_is_refused(tmp_path, ids, match):
    np.savez(tmp_path / "g.npz", indices=ids)
    with pytest.raises(InputError, match=match):
        grid_files.read_mapping(tmp_path / "g.npz", 5)


@pytest.mark.parametrize("name", ["points", "cloud", "arr_0"])
def test_a_structured_array_of_an_archive_has_its_columns_by_name(tmp_path, name):
    rows = np.zeros(5, [("X", "<f4"), ("Y", "<f4"), ("Z", "<f8"), ("label", "u1")])
    rows["X"], rows["label"] = np.arange(5) / 4, np.arange(5)
    np.savez(tmp_path / "a.npz", **{name: rows, "weight": np.arange(5.0)})
    cloud = formats.read(tmp_path / "a.npz")
    assert cloud.fields == ("x", "y", "z", "label", "weight")
    assert cloud["x"].tolist() == rows["X"].tolist()
    assert cloud["weight"].tolist() == list(range(5))
    np.savez(tmp_path / "b.npz", **{name: rows, "other": np.arange(3)})
    with pytest.raises(InputError, match=r"has other of shape \[3\] beside its rows"):
        formats.read(tmp_path / "b.npz")


def test_an_array_that_python_2_wrote_is_read_without_a_warning(tmp_path):
    head = b"{'descr': '<f4', 'fortran_order': False, 'shape': (2L, 3L), }".ljust(117) + b"\n"
    points = np.arange(6, dtype="<f4").reshape(2, 3)
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + points.tobytes())
    assert formats.read(path).xyz.tolist() == points.tolist()


def test_plain_arrays_name_further_columns_by_number_and_are_written_plain(tmp_path):
    array = np.random.default_rng(0).normal(size=(9, 5))
    np.save(tmp_path / "a.npy", array)
    cloud = formats.read(tmp_path / "a.npy")
    assert cloud.fields == ("x", "y", "z", "column_3", "column_4")
    formats.write(tmp_path / "b.npy", cloud, index=np.array([8, 0]))
    assert np.array_equal(np.load(tmp_path / "b.npy"), array[[8, 0]])


@pytest.mark.parametrize("kind", ["f8", "f4", "i4"])
def test_a_named_column_added_to_a_plain_array_keeps_its_name(tmp_path, kind):
    array = np.arange(12).reshape(4, 3).astype(kind)
    np.save(tmp_path / "plain.npy", array)
    cloud = formats.read(tmp_path / "plain.npy")
    rows = np.empty(4, [*cloud.rows.dtype.descr, ("distance", "<f4")])
    for name in cloud.fields:
        rows[name] = cloud.rows[name]
    rows["distance"] = [1, 2, 3, 4]
    formats.write(tmp_path / "out.npy", replace(cloud, rows=rows))
    assert np.array_equal(np.load(tmp_path / "out.npy"), rows)
    assert formats.read(tmp_path / "out.npy").fields == ("x", "y", "z", "distance")


@pytest.mark.parametrize(
    "arrays",
    [
        {"xyz": np.ones((4, 3)), "label": np.arange(4)},
        {"x": np.ones(4), "y": np.ones(4), "z": np.ones(4), "label": np.arange(4)},
        {"means": np.ones((4, 3)), "label": np.arange(4)},
        {"anything": np.hstack([np.ones((4, 3)), np.arange(4)[:, None]])},
    ],
    ids=["xyz", "columns", "means", "one array"],
)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives_are_read_by_their_names(tmp_path, arrays, save):
    save(tmp_path / "a.npz", **arrays)
    cloud = formats.read(tmp_path / "a.npz")
    assert np.array_equal(cloud.xyz, np.ones((4, 3)))
    assert np.array_equal(cloud.rows[cloud.fields[3]], np.arange(4))


def test_safetensors_are_what_the_library_reads_and_writes(tmp_path, scene):
    library = pytest.importorskip("safetensors.numpy")
    formats.write(tmp_path / "a.safetensors", scene)
    tensors = library.load_file(tmp_path / "a.safetensors")
    assert tensors["means"].shape == (500, 3)
    assert tensors["shN"].shape == (500, 3, 3)
    rest = scene.columns(fields.sh_rest(1)).T.reshape(500, 3, 3).transpose(0, 2, 1)
    assert np.array_equal(tensors["shN"], rest)
    library.save_file(tensors, tmp_path / "b.safetensors")
    again = formats.read(tmp_path / "b.safetensors")
    for name in scene.fields:
        assert np.array_equal(again.rows[name], scene.rows[name])


def test_las_keeps_scale_offset_and_every_dimension(tmp_path):
    laspy = pytest.importorskip("laspy")
    rng = np.random.default_rng(0)
    header = laspy.LasHeader(point_format=3, version="1.2")
    header.scales, header.offsets = [0.01, 0.01, 0.001], [1000, 2000, -3]
    header.add_extra_dim(laspy.ExtraBytesParams("feature", np.float32))
    las = laspy.LasData(header)
    las.x, las.y, las.z = 1000 + rng.random(50) * 9, 2000 + rng.random(50), rng.random(50)
    las.red, las.return_number, las.feature = (
        rng.integers(0, 65535, 50),
        rng.integers(0, 7, 50),
        rng.random(50),
    )
    rows = np.array([4, 2, 40])
    for suffix in ("las", "laz"):
        if suffix == "laz":
            pytest.importorskip("lazrs")
        las.write(tmp_path / f"a.{suffix}")
        cloud = formats.read(tmp_path / f"a.{suffix}")
        assert not Target.of(tmp_path / f"b.{suffix}").losses(cloud)
        formats.write(tmp_path / f"b.{suffix}", cloud, index=rows)
        again = laspy.read(tmp_path / f"b.{suffix}")
        assert list(again.header.scales) == [0.01, 0.01, 0.001]
        assert list(again.header.offsets) == [1000, 2000, -3]
        for name in las.point_format.dimension_names:
            assert np.array_equal(np.asarray(again[name]), np.asarray(las[name])[rows]), name


def test_moved_positions_leave_the_grid_of_their_las_file(tmp_path):
    laspy = pytest.importorskip("laspy")
    header = laspy.LasHeader(point_format=0, version="1.2")
    header.scales = np.full(3, 1e-6)
    las = laspy.LasData(header)
    las.x, las.y, las.z = np.zeros(3), np.ones(3), np.arange(3)
    las.write(tmp_path / "a.las")
    cloud = formats.read(tmp_path / "a.las")
    far = cloud.with_columns(x=[0.0, 1e5, 2e5])  # 2e11 steps of the file's: beyond 31 bits
    assert formats.Target.of(tmp_path / "b.las").losses(cloud.with_columns(intensity=3)) == []
    assert [*map(str, formats.Target.of(tmp_path / "b.las").losses(far))] == [
        "precision (positions in steps of 0.0001)"
    ]
    formats.write(tmp_path / "b.las", far, allow_lossy=True)
    assert np.allclose(formats.read(tmp_path / "b.las").xyz, far.xyz, atol=1e-4)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1 2 3\n4 5 6\n", ("x", "y", "z")),
        ("2\n1 2 3 9\n4 5 6 9\n", ("x", "y", "z", "column_3")),
        ("# x y z label\n1 2 3 9\n4 5 6 9\n", ("x", "y", "z", "label")),
        ("//X Y Z R\n\n1 2 3 9\n4 5 6 9\n", ("x", "y", "z", "R")),
        ("X,Y,Z,Class\n1,2,3,9\n4,5,6,9\n", ("x", "y", "z", "Class")),
        ("1;2;3\n4;5;6\n", ("x", "y", "z")),
        ('"label","x","y","z"\n9, 1, 2, 3\n9, 4, 5, 6\n', ("label", "x", "y", "z")),
    ],
)
def test_text_is_understood_with_and_without_names(tmp_path, text, names):
    path = tmp_path / "points.dat"
    path.write_text(text)
    cloud = formats.read(path)
    assert cloud.fields == names
    assert cloud.xyz.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("number", ["300", "-1", "1.7", "1.0"])
@pytest.mark.filterwarnings("default::DeprecationWarning")  # as users have it: old NumPy only warns
def test_text_pcd_with_a_number_that_its_column_cannot_hold_is_refused(tmp_path, number):
    head = "VERSION 0.7\nFIELDS x y z label\nSIZE 4 4 4 1\nTYPE F F F U\nWIDTH 2\nHEIGHT 1\nDATA ascii\n"
    (tmp_path / "a.pcd").write_text(f"{head}0 0 0 1\n1 1 1 {number}\n")
    with pytest.raises(InputError, match=rf"'{number}' to uint8 at row 1, column 4"):
        formats.read(tmp_path / "a.pcd")


def pcd(path, fields, sizes, types, counts, body, *, data="binary", points=50):
    lines = ["VERSION .7", f"FIELDS {fields}", f"SIZE {sizes}", f"TYPE {types}", f"COUNT {counts}"]
    lines += [f"WIDTH {points}", "HEIGHT 1", f"POINTS {points}", f"DATA {data}\n"]
    path.write_bytes("\n".join(lines).encode() + body)
    return path


def test_types_of_a_pcd_may_be_in_lower_case(tmp_path):
    rows = np.zeros(50, [("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("intensity", "u1")])
    rows["y"], rows["intensity"] = np.arange(50) / 8, np.arange(50)
    path = pcd(tmp_path / "a.pcd", "x y z intensity", "4 4 4 1", "f f f u", "1 1 1 1", rows.tobytes())
    assert np.array_equal(formats.read(path).rows, rows)


@pytest.mark.parametrize("data", ["binary", "ascii"])
def test_padding_and_fields_without_values_of_a_pcd_are_no_columns(tmp_path, data):
    kind = [("x", "<f4"), ("y", "<f4"), ("pad", "u1", 3), ("z", "<f4"), ("pad2", "<f4"), ("label", "<u2")]
    rows = np.zeros(50, kind)
    rows["x"], rows["z"], rows["label"], rows["pad"] = np.arange(50), np.arange(50) / 4, np.arange(50), 7
    text = "".join(f"{r['x']} {r['y']} 7 7 7 {r['z']} 0 {r['label']}\n" for r in rows).encode()
    body = rows.tobytes() if data == "binary" else text
    path = tmp_path / "a.pcd"
    pcd(path, "x y _ z _ none label", "4 4 1 4 4 4 2", "F F U F F F U", "1 1 3 1 1 0 1", body, data=data)
    cloud = formats.read(path)
    assert cloud.fields == ("x", "y", "z", "label")
    assert cloud["z"].tolist() == rows["z"].tolist()
    assert cloud["label"].tolist() == rows["label"].tolist()
    formats.write(tmp_path / "b.pcd", cloud)
    assert np.array_equal(formats.read(tmp_path / "b.pcd").rows, cloud.rows)


def test_bytes_after_the_points_of_a_binary_pcd_are_refused(tmp_path):
    path = pcd(tmp_path / "a.pcd", "x y z", "4 4 4", "F F F", "1 1 1", bytes(12 * 50 + 3))
    with pytest.raises(InputError, match="goes on for 3 bytes after its points"):
        formats.read(path)


def test_pcd_keeps_its_encoding_viewpoint_and_comments(tmp_path, scene):
    samples._text_pcd(tmp_path / "a.pcd", scene)
    text = (tmp_path / "a.pcd").read_text().replace("DATA", "VIEWPOINT 1 2 3 1 0 0 0\nDATA")
    (tmp_path / "a.pcd").write_text(text)
    cloud = formats.read(tmp_path / "a.pcd")
    assert cloud.header.comments == ("made for a test",)
    formats.write(tmp_path / "b.pcd", cloud, index=np.arange(3))
    written = (tmp_path / "b.pcd").read_text()
    assert "VIEWPOINT 1 2 3 1 0 0 0" in written
    assert "DATA ascii" in written
    assert np.array_equal(formats.read(tmp_path / "b.pcd").rows, scene.rows[:3])


def test_a_format_tells_what_is_missing_and_how_to_get_it(monkeypatch):
    monkeypatch.setattr("gscli.formats._format.find_spec", lambda name: None)
    assert FORMATS.get("las").missing == ("laspy", "lazrs")
    assert FORMATS.get("las").install == "pip install laspy lazrs"
    assert FORMATS.get("sog").install == "pip install pillow"
    assert (FORMATS.get("ply").missing, FORMATS.get("ply").install) == ((), "")


def test_the_name_of_a_part_may_also_be_the_name_of_a_file(tmp_path):
    assert Source.of("a/b.pth::gs1") == Source("a/b.pth::gs1", Path("a/b.pth"), "gs1")
    assert Source.of("a/b.pth::") == Source("a/b.pth::", Path("a/b.pth::"))
    real = tmp_path / "b::gs1"
    real.write_text("1 2 3\n")
    assert Source.of(real) == Source(str(real), real)


def test_a_cloud_of_other_columns_stays_whole_through_archives(tmp_path):
    rows = np.zeros(3, [("x", "f8"), ("y", "f8"), ("z", "f8"), ("id", "u8"), ("feature", "f4", (4,))])
    rows["id"] = 2**63
    rows["feature"] = np.arange(12).reshape(3, 4)
    formats.write(tmp_path / "a.npy", GaussianCloud(rows))
    assert np.array_equal(formats.read(tmp_path / "a.npy").rows, rows)


@pytest.mark.parametrize("suffix", ["las", "laz", "spz", "npz", "npy", "csv", "pcd", "safetensors"])
def test_stdin_may_hold_any_format_that_its_bytes_tell(tmp_path, make_scene, suffix, monkeypatch):
    if suffix in ("las", "laz"):
        pytest.importorskip("lazrs")
    path = tmp_path / f"x.{suffix}"
    formats.write(path, make_scene(30, 0, normals=False), allow_lossy=True)
    wanted = formats.read(path)
    with path.open("rb") as stream:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": stream}))
        assert np.array_equal(formats.read("-").rows, wanted.rows)
