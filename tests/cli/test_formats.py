"""``gscli formats`` says what is true."""

import importlib.util
import json
import re

import pytest
from click.testing import CliRunner

import gscli
from gscli.cli import main
from gscli.errors import UsageError
from gscli.formats import FORMATS
from tests.formats import samples


@pytest.fixture
def table():
    done = CliRunner().invoke(main, ["formats", "--json"], catch_exceptions=False)
    assert done.exit_code == 0
    content = json.loads(done.stdout)
    assert content["schema"] == "gscli/formats/1"
    return {row["name"]: row for row in content["formats"]}


def test_the_table_has_every_format_there_is(table):
    assert tuple(table) == FORMATS.names()
    for name, row in table.items():
        assert row["can_read"]
        assert row["can_write"] == (FORMATS.get(name).writer is not None)
        assert row["suffixes"] == list(FORMATS.get(name).suffixes)
        assert row["missing"] == [
            p for p in (*row["requires"], *row["optional"]) if importlib.util.find_spec(p) is None
        ]


def test_what_it_says_is_written_is_written_and_nothing_else(table, make_scene, tmp_path):
    cloud = make_scene(60)
    for name, row in table.items():
        path = tmp_path / f"{name}.out" / f"x{row['suffixes'][0]}"
        path.parent.mkdir(parents=True)
        target = f"{path}/" if row["suffixes"] == ["/"] else path
        if row["can_write"] and not row["missing"]:
            gscli.write(target, cloud, allow_lossy=True)
            assert gscli.read(target).header.format == name
        elif not row["can_write"]:
            with pytest.raises(UsageError):
                gscli.write(target, cloud, allow_lossy=True)


def test_every_format_that_it_calls_lossy_and_no_other_refuses_a_plain_scene(table, make_scene):
    cloud = make_scene(20, degree=0, normals=False)
    own_values = {
        "kitti",
        "las",
        "nuscenes",
        "scenesplat",
    }  # lose some of what comes from elsewhere, and write back exactly what they read
    always = {name for name, row in table.items() if row["lossy"]}
    always_here = {
        name
        for name, row in table.items()
        if row["can_write"] and name not in own_values and FORMATS.get(name).writer.unsupported(cloud)
    }
    assert always == always_here


def test_what_it_says_is_read_is_read(table, make_scene, tmp_path):
    pytest.importorskip("laspy")
    pytest.importorskip("pxr")
    pytest.importorskip("pye57")
    seen = {gscli.read(path).header.format for path in samples.make(tmp_path, make_scene(60)).values()}
    others = {
        "checkpoint",
        "pickle",
        "scenesplat",
        "streamed_sog",
    }  # see the tests of checkpoints and folders
    assert seen | others == {name for name, row in table.items() if row["can_read"]}


def test_people_get_a_line_a_format_with_the_way_to_what_is_missing(monkeypatch):
    monkeypatch.setattr("gscli.formats._format.find_spec", lambda name: None if name == "laspy" else name)
    table = CliRunner().invoke(main, ["formats"], catch_exceptions=False).stdout
    lines = re.sub(r"\n +", " ", table).splitlines()  # what goes on in a line below belongs to its format
    by_name = {line.split()[0]: line for line in lines}
    assert set(by_name) == {"format", *FORMATS.names()}
    assert by_name["las"].endswith("; missing laspy: pip install laspy")
    assert "missing" not in by_name["ply"]
    assert by_name["splat"].split()[1:3] == ["yes", "lossy"]
    assert by_name["ksplat"].split()[1:3] == ["yes", "no"]


def test_the_table_fits_into_100_columns():
    lines = CliRunner().invoke(main, ["formats"], catch_exceptions=False).stdout.splitlines()
    assert max(map(len, lines)) <= 100
    assert [line.split()[0] for line in lines[1:] if line[0] != " "] == list(FORMATS.names())
