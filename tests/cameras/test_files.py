"""Files of cameras, held to where they see three points, computed by hand; and files that are none."""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gscli.cameras import Camera, files
from gscli.errors import InputError

# A camera at (1, 2, 3) that looks along +x, with +z upwards: its right is -y, its down is -z.
RIGHT, DOWN, FORWARD, PLACE = (0, -1, 0), (0, 0, -1), (1, 0, 0), (1, 2, 3)
POINTS = ((3.0, 2.0, 3.0), (3.0, 1.0, 3.0), (5.0, 2.0, 4.0))  # 2, 2 and 4 ahead; one right of it, one above
FX, FY = 100.0, 110.0
SEEN = ((0.0, 0.0), (FX / 2, 0.0), (0.0, -FY / 4))  # from the principal point


def held(camera: Camera, cx: float, cy: float, seen: Any = SEEN) -> None:
    for point, (u, v) in zip(POINTS, seen, strict=True):
        x, y, z = (camera.world_to_camera @ (*point, 1))[:3]
        found = (camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy)
        np.testing.assert_allclose(found, (cx + u, cy + v), atol=1e-9)


def columns(*axes: Any) -> list[list[float]]:
    return np.array(axes, float).T.tolist()


@pytest.fixture
def written(tmp_path: Path) -> Callable[[Any], Path]:
    def write(said: Any) -> Path:
        path = tmp_path / "cameras.json"
        path.write_bytes(said if isinstance(said, bytes) else json.dumps(said).encode())
        return path

    return write


GRAPHDECO = {
    **{"id": 0, "img_name": "a.png", "width": 80, "height": 60, "position": PLACE},
    **{"rotation": columns(RIGHT, DOWN, FORWARD), "fx": FX, "fy": FY},
}
POSE = [*columns(RIGHT, (0, 0, 1), (-1, 0, 0), PLACE), [0, 0, 0, 1]]  # OpenGL's: up, and backwards
NERF = {"fl_x": FX, "fl_y": FY, "cx": 41.0, "cy": 29.0, "w": 80, "h": 60}
FRAME = {"file_path": "images/a.png", "transform_matrix": POSE}
SCANNER = {
    **{"mode": "cone", "DSD": 7.0, "DSO": 5.0, "nDetector": [60, 80], "sDetector": [3.0, 4.0]},
    **{"sVoxel": [2.0, 2.0, 2.0], "nVoxel": [9, 9, 9]},
}


def test_the_reference_code_writes_camera_to_world(written: Callable[[Any], Path]) -> None:
    (camera,) = files.read(written([GRAPHDECO]))
    held(camera, 40, 30)
    assert (camera.name, camera.width, camera.height, camera.near) == ("a.png", 80, 60, 0.2)


@pytest.mark.skipif(not os.path.exists("/dev/fd"), reason="needs /dev/fd")
@pytest.mark.parametrize(("text", "told"), [(json.dumps([GRAPHDECO]), None), ("{", "is no JSON")])
def test_cameras_come_out_of_a_pipe(text: str, told: str | None) -> None:
    """As <(jq '.[:3]' cameras.json) of a shell."""
    reader, writer = os.pipe()
    os.write(writer, text.encode())
    os.close(writer)
    pipe = f"/dev/fd/{reader}"
    try:
        if told is None:
            (camera,) = files.read(pipe)
            assert camera.name == "a.png"
        else:
            with pytest.raises(InputError, match=f"{pipe}: {told}"):
                files.read(pipe)
    finally:
        os.close(reader)


def test_nerfstudio_writes_it_in_the_axes_of_opengl(written: Callable[[Any], Path]) -> None:
    first, second = files.read(written({**NERF, "frames": [FRAME, {**FRAME, "cx": 7.0, "w": 90}]}))
    held(first, 41, 29)
    held(second, 7, 29)
    assert (second.width, second.height) == (90, 60)


def test_a_lens_may_be_said_as_an_angle(written: Callable[[Any], Path]) -> None:
    """Blender's scenes say nothing else, and their pictures have 800 x 800 pixels."""
    (camera,) = files.read(written({"camera_angle_x": math.pi / 2, "frames": [FRAME]}))
    held(camera, 400, 400, [(0, 0), (200, 0), (0, -100)])
    assert (camera.width, camera.height) == (800, 800)


def text_model(folder: Path) -> None:
    (folder / "cameras.txt").write_text(f"# lenses\n3 PINHOLE 80 60 {FX} {FY} 41 29\n")
    turn, shift = quaternion()
    numbers = " ".join(map(str, (*turn, *shift)))
    (folder / "images.txt").write_text(f"# poses\n7 {numbers} 3 b.png\n1 2 -1\n8 {numbers} 3 a b.png\n\n")


def binary_model(folder: Path, model: int = 1) -> None:
    lens = struct.pack("<QiiQQ4d", 1, 3, model, 80, 60, FX, FY, 41, 29)
    turn, shift = quaternion()
    poses = struct.pack("<Q", 2)
    for number, name, points in ((7, b"b.png", 2), (8, b"a b.png", 0)):
        poses += struct.pack("<I7dI", number, *turn, *shift, 3) + name + b"\0"
        poses += struct.pack("<Q", points) + bytes(24 * points)
    (folder / "cameras.bin").write_bytes(lens)
    (folder / "images.bin").write_bytes(poses)


def quaternion() -> tuple[tuple[float, ...], tuple[float, ...]]:
    """World to camera as a quaternion, found by trial: its matrix has right, down and forward as rows."""
    rows = np.array([RIGHT, DOWN, FORWARD], float)
    w = math.sqrt(1 + np.trace(rows)) / 2
    x, y, z = (rows[2, 1] - rows[1, 2], rows[0, 2] - rows[2, 0], rows[1, 0] - rows[0, 1])
    return (w, x / 4 / w, y / 4 / w, z / 4 / w), tuple(-rows @ PLACE)


@pytest.mark.parametrize("write", [text_model, binary_model])
@pytest.mark.parametrize("place", [".", "sparse/0"])
def test_colmap_writes_world_to_camera(tmp_path: Path, write: Callable[[Path], None], place: str) -> None:
    folder = tmp_path / place
    folder.mkdir(parents=True, exist_ok=True)
    write(folder)
    found = files.read(tmp_path)
    assert [camera.name for camera in found] == ["a b.png", "b.png"]
    for camera in found:
        held(camera, 41, 29)


def test_a_source_of_xrays_turns_about_z(written: Callable[[Any], Path]) -> None:
    said = {
        "scanner": SCANNER,
        "proj_train": [{"file_path": "p/0.npy", "angle": math.pi / 2}],
        "proj_test": [],
    }
    (camera,) = files.read(written(said))
    np.testing.assert_allclose(camera.position, (0, 5, 0), atol=1e-12)
    points = ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0))
    focal = 7 * 20  # pixels a unit of the detector are 20
    for point, (u, v) in zip(points, ((0, 0), (-focal / 5, 0), (0, -focal / 5)), strict=True):
        x, y, z = (camera.world_to_camera @ (*point, 1))[:3]
        np.testing.assert_allclose((camera.fx * x / z, camera.fy * y / z), (u, v), atol=1e-9)
    assert (camera.width, camera.height, camera.parallel) == (80, 60, False)


def test_a_volume_is_scaled_to_the_unit_cube(written: Callable[[Any], Path]) -> None:
    """As r2_gaussian trains: lengths of a volume 20 wide are a tenth."""
    large = {key: (np.array(SCANNER[key]) * 10).tolist() for key in ("DSD", "DSO", "sDetector", "sVoxel")}
    shots = {"proj_train": [{"angle": 0.0}], "proj_test": [{"angle": 1.0}]}
    for mode in ("cone", "parallel"):
        small, big = (
            files.read(written({"scanner": SCANNER | more | {"mode": mode}, **shots})) for more in ({}, large)
        )
        assert len(small) == 2
        for a, b in zip(small, big, strict=True):
            np.testing.assert_allclose(a.world_to_camera, b.world_to_camera)
            assert a.parallel == (mode == "parallel")
            np.testing.assert_allclose((a.fx, a.fy), (b.fx, b.fy))
            if a.parallel:
                np.testing.assert_allclose((a.fx, a.fy), (20, 20))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"", "is no JSON"),
        (b"\xff\xfe\0", "is no JSON"),
        (b"[" * 100_000, "is no JSON"),
        (b"7", "no cameras of a known kind"),
        ({}, "no cameras of a known kind"),
        ([], "holds no cameras"),
        ({"frames": []}, "holds no cameras"),
        ({"frames": 3}, "frames is no list"),
        ([3], "entry 0 of the file is no object"),
        ([{**GRAPHDECO, "width": 0}], "a width of 0 pixels"),
        ([{**GRAPHDECO, "width": 80.5}], "80.5 pixels, which is not whole"),
        ([{**GRAPHDECO, "fx": "wide"}], "camera 0 has a fx that is no number"),
        ([{**GRAPHDECO, "fx": None}], "camera 0 has no fx"),
        ([{**GRAPHDECO, "fx": 10**400}], "camera 0 has a fx that is no number"),
        ([{**GRAPHDECO, "fx": -3}], "focal length that is not positive"),
        ([{**GRAPHDECO, "rotation": [[1, 2], [3]]}], "rotation that is not 3 x 3 finite numbers"),
        ([{**GRAPHDECO, "position": [1, 2, 1e999]}], "position that is not 3 finite numbers"),
        ([{**GRAPHDECO, "rotation": np.zeros((3, 3)).tolist()}], "a pose that is no rotation"),
        ({"frames": [FRAME]}, "neither fl_x nor camera_angle_x"),
        ({"frames": [FRAME], "camera_angle_x": 4.0}, "camera_angle_x that is no angle"),
        ({**NERF, "frames": [FRAME], "k1": 0.1, "p2": -0.1}, r"a lens that distorts \(k1, p2\); undistort"),
        ({**NERF, "frames": [FRAME], "camera_model": "OPENCV_FISHEYE"}, "distorts .OPENCV_FISHEYE"),
        ({**NERF, "frames": [{**FRAME, "transform_matrix": 3}]}, "not 4 x 4 or 3 x 4 finite numbers"),
        ({**NERF, "frames": [FRAME], "is_fisheye": True}, "distorts .is_fisheye"),
        ({"frames": [FRAME], "fl_x": 90, "cx": 3}, "frame 0 has no w"),
        (
            {**NERF, "frames": [{**FRAME, "transform_matrix": [*np.eye(4)[:3].tolist(), [5, 5, 5, 0]]}]},
            "whose last row is not 0, 0, 0, 1",
        ),
        ({"scanner": {**SCANNER, "nDetector": [60.7, 4]}, "proj_train": [{"angle": 0}]}, "not whole"),
        ({"scanner": 3}, "scanner is no object"),
        ({"scanner": {**SCANNER, "mode": "fan"}}, "none of cone, parallel"),
        ({"scanner": {**SCANNER, "DSO": 0}}, "a DSO that is not positive"),
        ({"scanner": SCANNER}, "holds no cameras"),
        ({"scanner": {**SCANNER, "nDetector": [1e300, 4]}, "proj_train": [{"angle": 0}]}, "pixels, not 1 to"),
    ],
)
def test_what_holds_no_camera_is_refused_in_one_line(
    written: Callable[[Any], Path], said: Any, told: str
) -> None:
    path = written(said)
    with pytest.raises(InputError, match=told) as refused:
        files.read(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("cut", [0, 7, 8, 20, 60, 90, 130])
def test_a_model_of_colmap_that_is_cut_off_is_refused(tmp_path: Path, cut: int) -> None:
    binary_model(tmp_path)
    whole = (tmp_path / "images.bin").read_bytes()
    (tmp_path / "images.bin").write_bytes(whole[:cut])
    with pytest.raises(InputError, match=r"images\.bin: is damaged"):
        files.read(tmp_path)


def test_a_model_of_colmap_that_claims_more_than_it_has_is_refused(tmp_path: Path) -> None:
    binary_model(tmp_path)
    whole = (tmp_path / "images.bin").read_bytes()
    for place, layout in ((0, "<Q"), (whole.index(b"b.png\0") + 6, "<Q")):
        broken = bytearray(whole)
        struct.pack_into(layout, broken, place, 1 << 60)
        (tmp_path / "images.bin").write_bytes(broken)
        with pytest.raises(InputError, match="is damaged"):
            files.read(tmp_path)


def test_a_lens_of_colmap_that_distorts_is_refused_by_name(tmp_path: Path) -> None:
    binary_model(tmp_path, model=2)
    with pytest.raises(InputError, match=r"distorts \(SIMPLE_RADIAL\); undistort first"):
        files.read(tmp_path)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no model of COLMAP"):
        files.read(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        files.read(tmp_path / "none.json")


@pytest.mark.parametrize(
    "spoil", [lambda turn: turn.round(6), lambda turn: turn * 1.0004, lambda turn: turn.astype("f4")]
)
def test_a_camera_far_from_the_origin_stands_where_its_file_says(
    written: Callable[[Any], Path], spoil: Any
) -> None:
    """The few digits of its axes, times millions of units, would move it otherwise."""
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    turn *= np.linalg.det(turn)
    place = [5e5, 4e6, 100.0]
    said = {
        "img_name": "a",
        "width": 4,
        "height": 4,
        "fx": 3,
        "fy": 3,
        "position": place,
        "rotation": spoil(turn).tolist(),
    }
    (camera,) = files.read(written([said]))
    np.testing.assert_allclose(camera.position, place, atol=1e-8)
    np.testing.assert_allclose(camera.world_to_camera[:3, :3].T, turn, atol=1e-5)
