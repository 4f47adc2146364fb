"""Streamed SOG is read level by level, and what does not go together is refused in one line."""

from __future__ import annotations

import json
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gscli import formats
from gscli.cli import main
from gscli.convert import convert
from gscli.errors import GscliError, InputError, UsageError
from tests.formats import samples

pytest.importorskip("PIL")

COUNTS = {"0_0": 60, "0_1": 40, "1_0": 50}


def leaf(**lods: tuple[int, int, int]) -> dict:
    named = {key[1:]: dict(zip(("file", "offset", "count"), lod, strict=True)) for key, lod in lods.items()}
    return {"bound": {"min": [0, 0, 0], "max": [1, 1, 1]}, "lods": named}


@pytest.fixture
def scene(tmp_path, make_scene) -> tuple[Path, dict]:
    """A folder of two levels, the first of which is in two folders, and its lod-meta.json."""
    for name, count in COUNTS.items():
        packed = samples.sog(tmp_path / "x.sog", make_scene(count, 1, normals=False), 2)
        with zipfile.ZipFile(packed) as archive:
            archive.extractall(tmp_path / "scene" / name)
        packed.unlink()
    tree = {
        "bound": {},
        "children": [
            leaf(_0=(0, 0, 60), _1=(2, 20, 30)),
            {"children": [leaf(_0=(1, 25, 15)), leaf(_0=(1, 0, 25), _1=(2, 0, 20))]},
        ],
    }
    names = [f"{name}/meta.json" for name in COUNTS]
    meta = {"lodLevels": 2, "environment": None, "filenames": names, "tree": tree}
    return tmp_path / "scene", meta


def put(folder: Path, meta: object) -> Path:
    path = folder / "lod-meta.json"
    path.write_text(meta if isinstance(meta, str) else json.dumps(meta))
    return path


def test_a_level_is_the_rows_of_its_folders(scene):
    folder, meta = scene
    path = put(folder, meta)
    whole = {name: formats.read(folder / name).rows for name in COUNTS}
    finest = formats.read(path)
    assert np.array_equal(finest.rows, np.concatenate([whole["0_0"], whole["0_1"]]))
    assert np.array_equal(formats.read(f"{path}::1").rows, whole["1_0"])
    assert np.array_equal(formats.read(f"{folder}::1").rows, whole["1_0"])
    assert finest.header.format == formats.identify(folder).name == "streamed_sog"
    assert finest.header.notes == ("level 0 of 2, which have 100, 50 Gaussians; any other is FILE::LEVEL",)


def test_rows_that_no_leaf_names_are_left_out(scene):
    folder, meta = scene
    meta["tree"] = {"children": [leaf(_0=(0, 50, 10)), leaf(_0=(0, 5, 3))]}
    put(folder, meta)
    rows = formats.read(folder / "0_0").rows
    assert np.array_equal(formats.read(folder).rows, rows[[5, 6, 7, *range(50, 60)]])


def test_an_environment_is_left_out_and_named(scene):
    folder, meta = scene
    put(folder, meta | {"environment": "env/meta.json", "version": 1})
    assert formats.read(folder).header.notes[1] == "its environment is left out: env/meta.json"


def test_a_level_that_is_not_all_there_is_named_and_those_that_are(scene):
    folder, meta = scene
    path = put(folder, meta)
    (folder / "0_1").rename(folder / "away")
    with pytest.raises(InputError, match=r"of level 0; level 1 is complete: name it as in .*::1"):
        formats.read(path)
    assert len(formats.read(f"{path}::1")) == 50
    (folder / "1_0").rename(folder / "away1")
    with pytest.raises(InputError, match=r"of level 1; get the folders it names"):
        formats.read(f"{path}::1")


@pytest.mark.parametrize("part", ["2", "-1", "x", "1.0", "", "99999"])
def test_a_level_that_there_is_not_is_refused(scene, part):
    folder, meta = scene
    put(folder, meta)
    with pytest.raises(UsageError, match="has levels 0 to 1, not") if part else pytest.raises(GscliError):
        formats.read(f"{folder}::{part}")


def test_convert_writes_a_level(scene, tmp_path):
    folder, meta = scene
    path = put(folder, meta)
    said = CliRunner().invoke(main, ["convert", str(path), str(tmp_path / "one.ply"), "--level", "1"])
    assert said.exit_code == 0, said.output
    assert np.array_equal(formats.read(tmp_path / "one.ply").rows, formats.read(f"{path}::1").rows)
    result = convert(path, tmp_path / "zero.ply", level=0)
    assert (result.points, result.source) == (100, f"{path}::0")
    assert result.to_dict()["options"]["level"] == 0
    for wrong in (-1, 1.0, True):
        with pytest.raises(UsageError, match="level must be a whole number from 0 on"):
            convert(path, tmp_path / "no.ply", level=wrong)
    with pytest.raises(UsageError, match="level has no effect beside ::1"):
        convert(f"{path}::1", tmp_path / "no.ply", level=1)
    with pytest.raises(UsageError, match="holds one model"):
        convert(tmp_path / "one.ply", tmp_path / "no.ply", level=1)
    assert not (tmp_path / "no.ply").exists()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"lodLevels": 0}, "claims 0 levels"),
        ({"lodLevels": 10**9}, "claims 1000000000 levels"),
        ({"lodLevels": True}, "claims True levels"),
        ({"lodLevels": 1}, "cannot be read as streamed SOG"),
        ({"version": 2}, "is streamed SOG version 2"),
        ({"filenames": ["0_0/meta.json"] * 3}, "names a file twice"),
        ({"filenames": ["../0_0/meta.json"]}, "names a file that is not in a folder beside it"),
        ({"filenames": ["/etc/meta.json"]}, "names a file that is not in a folder beside it"),
        ({"filenames": ["https://a/meta.json"]}, "names a file that is not in a folder beside it"),
        ({"filenames": [7]}, "names a file that is not in a folder beside it"),
        ({"filenames": "0_0/meta.json"}, "cannot be read as streamed SOG"),
        ({"filenames": []}, "refers to file 1 of 0|refers to file 0 of 0"),
        ({"tree": {}}, "has nothing in level 0"),
        ({"tree": []}, "cannot be read as streamed SOG"),
        ({"tree": leaf(_0=(0, 0, 61))}, "twice, or beyond its 60"),
        ({"tree": {"children": [leaf(_0=(0, 0, 10)), leaf(_0=(0, 9, 2))]}}, "twice, or beyond"),
        ({"tree": leaf(_0=(0, -1, 5))}, "rows are no numbers"),
        ({"tree": leaf(_0=(0, 0.0, 5))}, "rows are no numbers"),
        ({"tree": leaf(_0=(0, 0, 2**80))}, "twice, or beyond"),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(scene, change, told):
    folder, meta = scene
    path = put(folder, meta | change)
    with pytest.raises(InputError, match=told) as caught:
        formats.read(path)
    assert "\n" not in str(caught.value)


def test_a_deep_tree_is_read_or_refused(scene):
    folder, meta = scene
    path = put(
        folder, "{" + json.dumps(meta)[1:-1] + ', "tree":' + '{"children":[' * 9999 + "]}" * 9999 + "}"
    )
    with pytest.raises(InputError, match=r"cannot be read as streamed SOG|has nothing in level 0"):
        formats.read(path)
    node = leaf(_0=(0, 0, 60))
    for _ in range(400):
        node = {"children": [node]}
    put(folder, meta | {"tree": node})
    assert len(formats.read(path)) == 60


def test_folders_of_different_degrees_are_refused(scene, make_scene, tmp_path):
    folder, meta = scene
    path = put(folder, meta)
    formats.write(tmp_path / "x.sog", make_scene(40, 2, normals=False), allow_lossy=True)
    with zipfile.ZipFile(tmp_path / "x.sog") as archive:
        archive.extractall(folder / "0_1")
    with pytest.raises(InputError, match="different SH degrees in level 0"):
        formats.read(path)


def test_damage_anywhere_is_one_line_or_other_values(scene):
    folder, meta = scene
    whole = put(folder, meta).read_bytes()
    rng, refused = random.Random(0), []
    for _ in range(200):
        damaged = bytearray(whole[: rng.randint(1, len(whole))] if rng.random() < 0.2 else whole)
        for _ in range(rng.randint(0, 4)):
            damaged[rng.randrange(len(damaged))] = rng.choice(b'0123456789"{}[]:,.-ae\x00\xff')
        (folder / "lod-meta.json").write_bytes(damaged)
        try:
            formats.read(folder)
        except GscliError as error:
            refused.append(str(error))
    assert len(refused) > 50
    assert all("\n" not in line and line.startswith(str(folder)) for line in refused)


def test_a_scene_that_another_tool_thinned_is_read(data_dir):
    folder = data_dir / "playbot"
    for level, count in ((2, 125_000), (3, 31_000)):
        assert np.array_equal(
            formats.read(f"{folder / 'lod-meta.json'}::{level}").rows,
            formats.read(folder / f"{level}_0").rows,
        )
        assert len(formats.read(f"{folder}::{level}")) == count
