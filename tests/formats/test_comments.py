"""Comments of several lines, which formats of lines cannot hold."""

from dataclasses import replace

import pytest

import gscli
from gscli import formats
from gscli.cloud import GaussianCloud
from gscli.errors import GscliError


@pytest.mark.parametrize("suffix", ["ply", "xyz", "pcd"])
@pytest.mark.parametrize("text", ["two\nlines", "carriage\rreturn"])
def test_a_comment_does_not_spill_into_what_follows_it(suffix, text, tmp_path):
    cloud = GaussianCloud.from_columns(x=[1.0], y=[2.0], z=[3.0])
    odd = replace(cloud, header=replace(cloud.header, comments=(text,)))
    with pytest.raises(GscliError, match="holds a line break") as caught:
        formats.write(tmp_path / f"out.{suffix}", odd)
    assert caught.value.path == str(tmp_path / f"out.{suffix}")
    assert not list(tmp_path.iterdir())


def test_nor_does_it_where_rows_are_written_as_they_are_decoded(tmp_path, make_scene):
    cloud = make_scene(20, 0, normals=False)
    source = tmp_path / "x.glb"
    odd = replace(cloud, header=replace(cloud.header, comments=("two\nlines",)))
    formats.write(source, odd, allow_lossy=True)
    with pytest.raises(GscliError, match="holds a line break") as caught:
        gscli.convert(source, tmp_path / "out.ply")
    assert caught.value.path == str(tmp_path / "out.ply")
    assert [*tmp_path.iterdir()] == [source]
