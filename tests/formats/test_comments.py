"""Comments of several lines, which formats of lines cannot hold."""

from dataclasses import replace

import pytest

from gscli import formats
from gscli.cloud import GaussianCloud
from gscli.errors import GscliError


@pytest.mark.parametrize("suffix", ["ply", "xyz", "pcd"])
@pytest.mark.parametrize("text", ["two\nlines", "carriage\rreturn"])
def test_a_comment_does_not_spill_into_what_follows_it(suffix, text, tmp_path):
    cloud = GaussianCloud.from_columns(x=[1.0], y=[2.0], z=[3.0])
    odd = replace(cloud, header=replace(cloud.header, comments=(text,)))
    with pytest.raises(GscliError, match="holds a line break"):
        formats.write(tmp_path / f"out.{suffix}", odd)
    assert not list(tmp_path.iterdir())
