"""Scenes edited: each action does what it says, in its order, and leaves all else as it was to the byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gscli
from gscli import fields, formats
from gscli.cloud import GaussianCloud, Header
from gscli.edit import Edited, edit
from gscli.editing import passes
from gscli.errors import InputError, UsageError, WriteRefused
from gscli.formats import _decoded
from gscli.motions.motion import Motion
from tests.drawn import cloud
from tests.formats import samples

Actions = list[tuple[str, Any]]


def run(folder: Path, given: GaussianCloud, actions: Actions, **more: Any) -> tuple[Edited, GaussianCloud]:
    path = folder / "scene.ply"
    formats.write(path, given, overwrite=True)
    result = edit(path, folder / "out.ply", actions, overwrite=True, **more)
    return result, formats.read(folder / "out.ply")


@pytest.fixture(params=[7, passes.BLOCK], ids=["in small blocks", "in one"])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(passes, "BLOCK", request.param)
    return int(request.param)


@pytest.mark.usefixtures("block")
@pytest.mark.parametrize(
    ("actions", "holds"),
    [
        ([("crop_box", (-0.5, -0.4, -1, 0.3, 0.5, 0.2))], "box"),
        ([("crop-box", "-0.5,-.4,-1,0.3,0.5,0.2")], "box"),
        ([("crop_sphere", (0.1, 0, 0, 0.6))], "sphere"),
        ([("where", "opacity > 0.6 and scale_max < 0.15")], "where"),
        (
            [
                ("crop_sphere", "0.1,0,0,0.6"),
                ("where", "label % 2 == 0"),
                ("crop_box", "-inf,-inf,0,inf,inf,inf"),
            ],
            "all",
        ),
    ],
)
def test_rows_that_stay_stay_as_they_were_and_in_their_order(
    tmp_path: Path, actions: Actions, holds: str
) -> None:
    given = cloud(100, 1, label=np.arange(100, dtype=np.int32))
    x, y, z = given.xyz.T.astype(float)
    sphere = (x - 0.1) ** 2 + y * y + z * z <= 0.36
    wanted = {
        "box": (x >= -0.5) & (x <= 0.3) & (y >= -0.4) & (y <= 0.5) & (z >= -1) & (z <= 0.2),
        "sphere": sphere,
        "where": (fields.sigmoid(given["opacity"]) > 0.6)
        & (np.exp(given.columns(fields.SCALE).astype(float)).max(0) < 0.15),
        "all": sphere & (given["label"] % 2 == 0) & (z >= 0),
    }[holds]
    result, out = run(tmp_path, given, actions)
    assert 0 < wanted.sum() < 100
    assert result.kept == wanted.sum()
    np.testing.assert_array_equal(out.rows, given.rows[wanted])
    assert [done.after for done in result.actions][-1] == result.kept
    assert [done.before for done in result.actions][1:] == [done.after for done in result.actions][:-1]


@pytest.mark.usefixtures("block")
def test_actions_are_done_in_their_order(tmp_path: Path) -> None:
    given = cloud(60, 1)
    one, _ = run(tmp_path, given, [("where", "x > 0"), ("translate", (-9, 0, 0)), ("where", "x < -8.8")])
    other, _ = run(tmp_path, given, [("translate", (-9, 0, 0)), ("where", "x < -8.8"), ("where", "x > -9")])
    first = run(tmp_path, given, [("translate", (9, 0, 0)), ("where", "x > 0")])[0]
    assert one.kept == other.kept == ((given["x"] > 0) & (given["x"] < 0.2)).sum()
    assert [done.after for done in one.actions] != [done.after for done in other.actions]
    assert first.kept == 60


def test_nothing_left_is_refused_and_nothing_written(tmp_path: Path) -> None:
    actions: Actions = [("where", "x > 0"), ("translate", (-9, 0, 0)), ("where", "x > 0"), ("scale", 2)]
    with pytest.raises(UsageError, match="where leaves nothing of 60 points"):
        run(tmp_path, cloud(60, 1), actions)
    assert [path.name for path in tmp_path.iterdir()] == ["scene.ply"]


@pytest.mark.usefixtures("block")
def test_moves_between_crops_are_those_of_what_is_left(tmp_path: Path) -> None:
    given = cloud(100, 2, label=np.arange(100, dtype=np.int32))
    actions = [("crop_sphere", "0,0,0,.8"), ("rotate", "0,0,90"), ("translate", "1,0,0"), ("where", "x > 1")]
    result, out = run(tmp_path, given, actions)
    kept = given.rows[(np.linalg.norm(given.xyz.astype(float), axis=1) <= 0.8) & (given["y"] < 0)]
    rows = kept.copy()
    Motion.turn((0.0, 0, 90)).then(Motion.shifting((1.0, 0, 0))).move(rows)
    np.testing.assert_array_equal(out.rows, rows)
    assert result.kept == len(rows)
    assert [done.action for done in result.actions] == ["crop_sphere", "rotate", "translate", "where"]


@pytest.mark.parametrize("degree", range(4))
def test_harmonics_are_cut_channel_by_channel(tmp_path: Path, degree: int) -> None:
    given = cloud(40, 3, label=np.arange(40, dtype=np.uint8))
    result, out = run(tmp_path, given, [("sh_degree", degree)])
    assert fields.sh_degree(out.fields) == degree
    assert set(given.fields) - set(out.fields) == set(fields.sh_rest(3)) - set(fields.sh_rest(degree))
    held = (degree + 1) ** 2 - 1
    for channel in range(3):
        for i in range(held):
            np.testing.assert_array_equal(
                out[f"f_rest_{channel * held + i}"], given[f"f_rest_{channel * 15 + i}"]
            )
    for name in ("x", "opacity", "label", "rot_3"):
        assert out[name].tobytes() == given[name].tobytes()
    assert result.actions[0].note == (
        "is of degree 3" if degree == 3 else f"degree 3 to {degree}, {45 - 3 * held} columns less"
    )


def test_cut_and_turned_is_turned_and_cut(tmp_path: Path) -> None:
    one = run(tmp_path, cloud(40, 3), [("sh_degree", 1), ("rotate", (10, 20, 30))])[1]
    other = run(tmp_path, cloud(40, 3), [("rotate", (10, 20, 30)), ("sh_degree", 1)])[1]
    np.testing.assert_array_equal(one.rows, other.rows)


def test_a_scene_is_put_upright_and_says_so(tmp_path: Path) -> None:
    given = cloud(30, 1)
    result, out = run(tmp_path, given, [("up", "y:z")])
    np.testing.assert_array_equal(out["z"], given["y"])
    assert "up z" in out.header.comments
    assert result.actions[0].value == "y:z"
    again = edit(tmp_path / "out.ply", tmp_path / "again.ply", [("up", "auto:-y")])
    assert again.actions[0].value == "z:-y"
    assert [
        line for line in formats.read(tmp_path / "again.ply").header.comments if line.startswith("up")
    ] == ["up -y"]


@pytest.mark.parametrize(
    ("turn", "said"),
    [((90, 0, 0), "up -y"), ((0, 0, 77), "up z"), ((0, 180, 0), "up -z"), ((10, 0, 0), None)],
)
def test_a_comment_that_tells_what_is_up_turns_with_the_scene(
    tmp_path: Path, turn: Any, said: str | None
) -> None:
    scene = cloud(10, 1)
    given = GaussianCloud(scene.rows, Header(comments=("up z", "by hand")))
    result, out = run(tmp_path, given, [("rotate", turn)])
    told = [line for line in out.header.comments if line.startswith("up ")]
    assert told == ([] if said is None else [said])
    assert "by hand" in out.header.comments
    assert bool(result.actions[0].note) == (said is None)


def test_a_format_without_comments_is_turned_upright_all_the_same(tmp_path: Path) -> None:
    formats.write(tmp_path / "scene.npy", cloud(20))
    edit(tmp_path / "scene.npy", tmp_path / "out.npy", [("up", "y:z")])
    np.testing.assert_array_equal(formats.read(tmp_path / "out.npy")["z"], cloud(20)["y"])


def test_no_report_replaces_what_is_read(tmp_path: Path) -> None:
    """Neither the matrix that moves it nor what is merged."""
    path, other, pose = (tmp_path / name for name in ("scene.ply", "other.ply", "pose.json"))
    for each in (path, other):
        formats.write(each, cloud(20))
    pose.write_text(json.dumps(np.eye(4).tolist()))
    actions = [("transform", pose), ("merge", other)]
    for read in (pose, other):
        before = read.read_bytes()
        with pytest.raises(UsageError, match=read.name):
            edit(path, tmp_path / "out.ply", actions, overwrite=True, also_written=[str(read)])
        assert read.read_bytes() == before
    assert not (tmp_path / "out.ply").exists()


def test_a_file_may_be_edited_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "scene.ply"
    formats.write(path, cloud(500, 3))
    before = formats.read(path).rows.copy()
    edit(path, path, [("where", "x > 0"), ("translate", (1, 0, 0))], overwrite=True)
    after = formats.read(path)
    np.testing.assert_array_equal(after["x"], before["x"][before["x"] > 0] + np.float32(1))
    with pytest.raises(WriteRefused):
        edit(path, path, [("scale", 2)])


def test_points_alone_are_cropped_and_moved(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    made = {name: rng.normal(0, 1, 50) for name in (*fields.POSITION, *fields.NORMAL)}
    given = GaussianCloud.from_columns(made, intensity=np.arange(50, dtype=np.uint16))
    matrix = np.eye(4)
    matrix[:3, :3] = [[1, 0.5, 0], [0, 2, 0], [0, 0, 1]]
    result, out = run(tmp_path, given, [("where", "intensity >= 10"), ("transform", matrix)])
    assert result.kept == 40
    np.testing.assert_allclose(out.xyz, given.xyz[10:] @ matrix[:3, :3].T)
    np.testing.assert_array_equal(out["intensity"], given["intensity"][10:])


def test_a_matrix_comes_from_a_file(tmp_path: Path) -> None:
    matrix = np.eye(4)
    matrix[:3] = [[0, -2, 0, 1], [2, 0, 0, 2], [0, 0, 2, 3]]
    (tmp_path / "pose.json").write_text(json.dumps(matrix.tolist()))
    moves = [("rotate", (0, 0, 90)), ("scale", 2), ("translate", (1, 2, 3))]
    result, one = run(tmp_path, cloud(30, 3), [("transform", tmp_path / "pose.json")])
    _, other = run(tmp_path, cloud(30, 3), moves)
    np.testing.assert_array_equal(one.rows, other.rows)
    assert result.actions[0].value == str(tmp_path / "pose.json")
    assert any(line.endswith("edit transform='pose.json'") for line in one.header.comments)


def test_the_comment_says_how_a_file_was_made(tmp_path: Path) -> None:
    actions = [
        ("crop_box", "-9,-9,-9,9,9,inf"),
        ("where", "x > -9"),
        ("scale", 2),
        ("sh_degree", 0),
        ("up", "y:z"),
    ]
    _, out = run(tmp_path, cloud(10, 1), actions)
    assert out.header.comments[-1] == (
        f"gscli {gscli.__version__} edit crop_box=-9.0,-9.0,-9.0,9.0,9.0,inf where='x > -9' scale=2.0 "
        "sh_degree=0 up='y:z'"
    )


def test_the_report_says_what_each_action_did(tmp_path: Path) -> None:
    result, _ = run(tmp_path, cloud(80, 1), [("where", "x > 0"), ("scale", 2)])
    told = json.loads(json.dumps(result.to_dict()))
    assert told["schema"] == "gscli/edit/1"
    assert told["options"]["actions"] == [["where", "x > 0"], ["scale", 2.0]]
    assert told["actions"][0] == {
        "action": "where",
        "value": "x > 0",
        "before": 80,
        "after": result.kept,
        "note": "",
    }
    assert told["output"]["points"] == result.kept
    assert set(told["timings_s"]) == {"read", "edit", "write"}
    assert repr(result).startswith("<Edited: input ")


def test_faces_that_number_dropped_rows_are_told_of(tmp_path: Path) -> None:
    lines = ["ply", "format ascii 1.0", "element vertex 3", *(f"property float {axis}" for axis in "xyz")]
    lines += ["element face 1", "property list uchar int vertex_indices", "end_header"]
    (tmp_path / "mesh.ply").write_text("\n".join([*lines, "0 0 0", "1 0 0", "0 1 0", "3 0 1 2"]) + "\n")
    dropped = edit(tmp_path / "mesh.ply", tmp_path / "a.ply", [("where", "x < .5")])
    moved = edit(tmp_path / "mesh.ply", tmp_path / "b.ply", [("translate", (1, 1, 1))])
    assert any("face.vertex_indices" in note for note in dropped.notes)
    assert moved.notes == ()
    assert (tmp_path / "b.ply").read_text().splitlines()[-4:] == [
        "1.0 1.0 1.0",
        "2.0 1.0 1.0",
        "1.0 2.0 1.0",
        "3 0 1 2",
    ]


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        ([], "no action is given"),
        ("scale", "pairs of a name and a value"),
        ([("scale",)], "pairs of a name and a value"),
        ([("sclae", 2)], "did you mean scale"),
        ([(3, 2)], "pairs of a name and a value"),
        ([("crop_box", (1, 2, 3))], "crop_box must be x0,y0,z0,x1,y1,z1"),
        ([("crop_box", (1, 0, 0, 0, 1, 1))], "corner below its first"),
        ([("crop_box", "0,0,0,1,1,nan")], "crop_box must be"),
        ([("crop_box", None)], "crop_box must be"),
        ([("crop_box", True)], "crop_box must be"),
        ([("crop_sphere", "0,0,0,0")], "positive"),
        ([("crop_sphere", "0,0,0,inf")], "crop_sphere must be"),
        ([("rotate", "90")], "rotate must be"),
        ([("rotate", "a,b,c")], "rotate must be"),
        ([("scale", 0)], "positive factor"),
        ([("scale", -2)], "mirrors"),
        ([("scale", "inf")], "scale must be"),
        ([("scale", (2, 2, 2))], "scale must be"),
        ([("translate", "1,2")], "translate must be"),
        ([("transform", np.ones((3, 3)))], "transform"),
        ([("transform", np.zeros((4, 4)))], "transform"),
        ([("up", "z")], "up must say"),
        ([("up", "q:z")], "up must say"),
        ([("up", "y:auto")], "up must say"),
        ([("up", 3)], "up must say"),
        ([("sh_degree", 5)], "from 0 to 4"),
        ([("sh_degree", "9" * 5000)], "from 0 to 4"),
        ([("sh_degree", -1)], "from 0 to 4"),
        ([("sh_degree", True)], "from 0 to 4"),
        ([("sh_degree", "1.0")], "from 0 to 4"),
        ([("where", "nothing > 0")], "asks for nothing"),
        ([("transform", np.diag([1.0, 1, 2, 1]))], "transform stretches"),
        ([("drop_floaters", 0)], "drop_floaters must be a share"),
        ([("drop_floaters", "2")], "drop_floaters must be a share"),
        ([("drop_floaters", "1%,0")], "drop_floaters must be a share"),
        ([("drop_floaters", "1%,2,3")], "drop_floaters must be a share"),
        ([("drop_floaters", "%")], "drop_floaters must be a share"),
        ([("drop_outliers", "8")], "drop_outliers must be K,S"),
        ([("drop_outliers", "0,1")], "1 to 100 neighbours"),
        ([("drop_outliers", "101,1")], "1 to 100 neighbours"),
        ([("drop_outliers", "8.5,1")], "1 to 100 neighbours"),
        ([("drop_outliers", "8,-1")], "1 to 100 neighbours"),
        ([("merge", 3)], "merge must be a path"),
        ([("dedupe", 1)], "is about a merge and follows it"),
        ([("merge", "a.ply"), ("scale", 2), ("dedupe", 1)], "is about a merge and follows it"),
        ([("merge", "a.ply"), ("dedupe", 1), ("dedupe", 1)], "is about a merge and follows it"),
        ([("merge", "a.ply"), ("dedupe", -1)], "must be a distance"),
        ([("sh_degree", 0), ("where", "f_rest_0 > 0")], "asks for f_rest_0"),
    ],
)
def test_actions_that_make_no_sense_are_refused(tmp_path: Path, actions: Any, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        run(tmp_path, cloud(20, 1), actions)
    assert words in str(refused.value)
    assert [path.name for path in tmp_path.iterdir()] == ["scene.ply"]


def test_floaters_and_outliers_are_dropped_of_what_is_left(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    positions = np.concatenate(
        [rng.uniform(-1, 1, (500, 3)), rng.normal((9, 9, 9), 0.01, (4, 3)), [[1.9, 0, 0]]]
    )
    made = dict(zip(fields.POSITION, positions.T.astype(np.float32), strict=True))
    given = cloud(505, 1, **made, label=np.arange(505, dtype=np.int16))
    result, out = run(
        tmp_path, given, [("where", "label > 0"), ("drop_floaters", "1%,1"), ("drop-outliers", (3, 4))]
    )
    floaters, outliers = result.actions[1:]
    assert (floaters.before, floaters.after) == (504, 500)
    assert floaters.note == "1 group of 2, cells of 1"
    assert outliers.after < 500
    assert 504 not in out["label"]
    np.testing.assert_array_equal(out.rows, given.rows[out["label"]])
    assert result.to_dict()["options"]["actions"][1:] == [
        ["drop_floaters", [0.01, 1.0]],
        ["drop_outliers", [3, 4.0]],
    ]


def test_cells_of_floaters_are_chosen_where_none_are_given(tmp_path: Path) -> None:
    for value in (None, True, 0.02, "2%", (0.02,)):
        result, _ = run(tmp_path, cloud(300), [("drop_floaters", value)])
        assert result.actions[0].value == [0.01 if value in (None, True) else 0.02, None]
        assert "cells of " in result.actions[0].note


@pytest.fixture
def other(tmp_path: Path) -> Path:
    formats.write(tmp_path / "other.ply", cloud(40, 1, seed=9))
    return tmp_path / "other.ply"


@pytest.mark.usefixtures("block")
def test_rows_of_another_scene_come_behind_those_that_are_left(tmp_path: Path, other: Path) -> None:
    given = cloud(70, 1)
    result, out = run(
        tmp_path, given, [("where", "x > 0"), ("merge", other), ("translate", (1, 0, 0)), ("where", "y > 0")]
    )
    rows = np.concatenate([given.rows[given["x"] > 0], cloud(40, 1, seed=9).rows])
    Motion.shifting((1.0, 0, 0)).move(rows)
    np.testing.assert_array_equal(out.rows, rows[rows["y"] > 0])
    assert result.actions[1].after - result.actions[1].before == 40
    assert result.to_dict()["options"]["actions"][1] == ["merge", str(other)]


@pytest.mark.usefixtures("kernels")
def test_what_is_there_already_is_left_out(tmp_path: Path, other: Path) -> None:
    given = cloud(30, 1)
    theirs = cloud(40, 1, seed=9)
    apart = np.linalg.norm(theirs.xyz[:, None].astype(float) - given.xyz[None], axis=2).min(1)
    result, out = run(tmp_path, given, [("merge", other), ("dedupe", "0.3")])
    assert 0 < (apart > 0.3).sum() < 40
    np.testing.assert_array_equal(out.rows[30:], theirs.rows[apart > 0.3])
    assert result.to_dict()["options"]["actions"] == [["merge", str(other)], ["dedupe", 0.3]]
    assert out.header.comments[-1].endswith("edit merge='other.ply' dedupe=0.3")
    again, _ = run(tmp_path, theirs, [("merge", other), ("dedupe", 0)])
    assert again.kept == 40


@pytest.mark.parametrize(("one", "two"), [(0, 2), (3, 1), (2, 2)])
def test_harmonics_that_a_scene_lacks_are_zero(tmp_path: Path, one: int, two: int) -> None:
    formats.write(tmp_path / "two.ply", cloud(20, two, seed=1, nx=np.zeros(20, np.float32)))
    _, out = run(tmp_path, cloud(10, one), [("merge", tmp_path / "two.ply")])
    assert fields.sh_degree(out.fields) == max(one, two)
    wide = (max(one, two) + 1) ** 2 - 1
    for rows, scene, degree in (
        (slice(10), cloud(10, one), one),
        (slice(10, 30), cloud(20, two, seed=1), two),
    ):
        held = (degree + 1) ** 2 - 1
        for channel in range(3):
            for i in range(wide):
                found = out[f"f_rest_{channel * wide + i}"][rows]
                wanted = scene[f"f_rest_{channel * held + i}"] if i < held else 0
                np.testing.assert_array_equal(found, np.broadcast_to(wanted, len(found)))
        np.testing.assert_array_equal(out["opacity"][rows], scene["opacity"])
    assert list(out.fields).index("f_rest_0") == list(out.fields).index("f_dc_2") + 1


def test_columns_of_one_scene_alone_are_named_and_lost_only_with_leave(tmp_path: Path, other: Path) -> None:
    given = cloud(10, 1, label=np.arange(10, dtype=np.uint8))
    with pytest.raises(WriteRefused, match=r"other\.ply: cannot be merged without losing column label; add"):
        run(tmp_path, given, [("merge", other)])
    _, out = run(tmp_path, given, [("merge", other)], allow_lossy=True)
    assert "label" not in out
    assert len(out) == 50


def test_types_become_those_that_hold_both(tmp_path: Path) -> None:
    points = {name: np.arange(3, dtype=np.float32) for name in fields.POSITION}
    wide = {name: np.arange(3) / 3 for name in fields.POSITION}
    formats.write(
        tmp_path / "wide.ply", GaussianCloud.from_columns(wide, label=np.array([1, 2, 70_000], np.int32))
    )
    given = GaussianCloud.from_columns(points, label=np.array([1, 2, 255], np.uint8))
    _, out = run(tmp_path, given, [("merge", tmp_path / "wide.ply")])
    np.testing.assert_array_equal(out["x"], [0, 1, 2, 0, 1 / 3, 2 / 3])
    assert out["label"].tolist() == [1, 2, 255, 1, 2, 70_000]


def test_scenes_that_are_rendered_otherwise_are_told_of(tmp_path: Path, other: Path) -> None:
    mip = GaussianCloud(cloud(10, 1).rows, Header(comments=("SplatRenderMode: mip",)))
    result, _ = run(tmp_path, mip, [("merge", other)])
    assert result.actions[0].note == "40 rows; its render mode was default, and is mip now"


def test_scenes_that_cannot_follow_are_refused_by_name(tmp_path: Path) -> None:
    points = GaussianCloud.from_columns({name: np.zeros(3) for name in fields.POSITION})
    with pytest.raises(InputError, match=r"scene\.ply: has no harmonics"):
        run(tmp_path, points, [("sh_degree", 0)])
    with pytest.raises(InputError, match="no such file"):
        edit(tmp_path / "scene.ply", tmp_path / "out.ply", [("transform", tmp_path / "none.json")])
    assert not (tmp_path / "out.ply").exists()


def test_a_scene_without_rows_stays_one(tmp_path: Path) -> None:
    result, out = run(tmp_path, cloud(0, 2), [("where", "x > 0"), ("rotate", (1, 2, 3)), ("sh_degree", 1)])
    assert (result.kept, len(out), fields.sh_degree(out.fields)) == (0, 0, 1)


def test_every_format_that_is_written_is_edited_in_its_kind(tmp_path: Path) -> None:
    actions = [("where", "x > 0"), ("rotate", (0, 0, 90)), ("drop_outliers", "4,9"), ("translate", (1, 2, 3))]
    for name, path in samples.make(tmp_path, cloud(200, 1)).items():
        out = tmp_path / f"{name}-out{''.join(path.suffixes)}"
        if formats.FORMATS.get(name.partition("-")[0]).writer is None:
            continue
        result = edit(path, out, actions, allow_lossy=True)
        before, after = formats.read(path), formats.read(out)
        assert (result.kept, after.header.format) == (len(after), before.header.format)
        right = before["x"] > 0
        assert abs(int(right.sum()) - len(after)) <= 1, name
        if right.sum() == len(after):
            np.testing.assert_allclose(np.sort(after["y"]), np.sort(before["x"][right] + 2.0), atol=0.01)


def test_a_scene_folder_is_filtered_as_one_and_moved_into_a_file(tmp_path: Path) -> None:
    scene, room = cloud(50), tmp_path / "room"
    room.mkdir()
    arrays = {
        "coord": scene.xyz,
        "color": np.full((50, 3), 7, np.uint8),
        "opacity": np.full(50, 0.5, np.float32),
        "scale": np.full((50, 3), 0.1, np.float32),
        "quat": np.tile(np.array([1, 0, 0, 0], np.float32), (50, 1)),
        "lang_feat": np.arange(100, dtype=np.float16).reshape(50, 2),
    }
    for name, values in arrays.items():
        np.save(room / f"{name}.npy", values)
    right = scene["x"] > 0
    edit(room, tmp_path / "half", [("where", "x > 0")])
    for name, values in arrays.items():
        np.testing.assert_array_equal(np.load(tmp_path / "half" / f"{name}.npy"), values[right])
    with pytest.raises(WriteRefused, match="as a scene folder, would lose column x"):
        edit(room, tmp_path / "moved", [("translate", (1, 0, 0))])
    edit(room, tmp_path / "moved.ply", [("translate", (1, 0, 0))], allow_lossy=True)
    np.testing.assert_array_equal(formats.read(tmp_path / "moved.ply")["x"], scene["x"] + np.float32(1))


def test_formats_of_other_axes_are_moved_in_ours(tmp_path: Path) -> None:
    formats.write(tmp_path / "scene.spz", cloud(200, 1), allow_lossy=True)
    result = edit(tmp_path / "scene.spz", tmp_path / "out.spz", [("where", "x > 0")], allow_lossy=True)
    before, after = formats.read(tmp_path / "scene.spz"), formats.read(tmp_path / "out.spz")
    np.testing.assert_allclose(after.xyz, before.xyz[before["x"] > 0], atol=1e-3)
    assert result.format == "spz"
    with pytest.raises(WriteRefused, match="allow_lossy"):
        edit(tmp_path / "scene.spz", tmp_path / "no.spz", [("where", "x > 0")])


@pytest.mark.parametrize("suffix", [".glb", ".spz", ".splat", ".compressed.ply"])
def test_rows_that_are_decoded_wait_in_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    """What becomes of a scene is the same, and it is not in memory, not even where two are merged."""
    given = tmp_path / f"scene{suffix}"
    formats.write(given, cloud(300, 1), allow_lossy=True)
    formats.write(tmp_path / "scene.ply", formats.read(given), allow_lossy=True)
    actions = [("where", "x > 0"), ("rotate", (10, 20, 30)), ("merge", str(given)), ("dedupe", 1e-4)]
    edit(tmp_path / "scene.ply", tmp_path / "expected.ply", actions)
    monkeypatch.setattr(_decoded, "HELD", 0)
    monkeypatch.setattr(_decoded.Decoded, "whole", None)  # nothing is held
    edit(given, tmp_path / "out.ply", actions)
    expected, found = formats.read(tmp_path / "expected.ply"), formats.read(tmp_path / "out.ply")
    assert found.rows.tobytes() == expected.rows.tobytes()
    assert [path.name for path in tmp_path.iterdir() if path.name[0] == "."] == []
