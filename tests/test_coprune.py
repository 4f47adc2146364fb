"""Co-pruning: both masks before either model is pruned, and nothing written that should not be."""

from pathlib import Path

import numpy as np
import pytest

from gscli import formats
from gscli.cloud import GaussianCloud
from gscli.coprune import coprune, masks
from gscli.errors import GateMissed, UsageError, WriteRefused


def line(*x):
    rows = np.zeros(len(x), [("x", "<f8"), ("y", "<f8"), ("z", "<f8"), ("id", "<i4")])
    rows["x"], rows["id"] = x, np.arange(len(x))
    return GaussianCloud(rows)


@pytest.fixture
def two(tmp_path):
    formats.write(tmp_path / "a.ply", line(0.0, 1.0, 2.0, 10.0))
    formats.write(tmp_path / "b.ply", line(0.5, 3.0, 11.0, 99.0))
    return tmp_path / "a.ply", tmp_path / "b.ply"


def run(two, tmp_path, **options):
    return coprune(*two, **{"threshold": 1.0, "out_dir": tmp_path / "out", "min_points": 0, **options})


def test_what_is_as_near_as_the_threshold_stays(two, tmp_path):
    result = run(two, tmp_path, index=tmp_path / "rows")
    assert result.first.rows.tolist() == [0, 1, 2, 3]  # 2 is at 1.0 from 3, 10 at 1.0 from 11
    assert result.second.rows.tolist() == [0, 1, 2]
    for model in (result.first, result.second):
        kept = formats.read(model.output)
        assert kept.rows["id"].tolist() == model.rows.tolist() == np.load(model.index).tolist()
        assert len(kept) == model.kept
    assert run(two, tmp_path, threshold=0.99, overwrite=True).first.rows.tolist() == [0, 1]


def test_what_the_help_says_of_the_threshold_itself_is_so():
    """CoR-GS drops what is exactly as far; forks, and gscli, keep it. Both are told."""
    from click.testing import CliRunner

    from gscli.cli import main

    help_text = " ".join(CliRunner().invoke(main, ["coprune", "--help"]).output.split())
    assert "d > D" in help_text
    page = " ".join((Path(__file__).parent.parent / "docs" / "compare.md").read_text().split())
    assert "at most `--threshold` away, d <= T" in page
    assert "(d < T), would drop one" in page


def test_the_order_of_the_models_does_not_matter(tmp_path):
    """Pruned first, a loses 2.0, and then 2.9 of b would lose its counterpart."""
    rng = np.random.default_rng(0)
    formats.write(tmp_path / "a.ply", line(*rng.uniform(0, 100, 200)))
    formats.write(tmp_path / "b.ply", line(*rng.uniform(0, 100, 200)))
    two = (tmp_path / "a.ply", tmp_path / "b.ply")
    one = run(two, tmp_path, threshold="1spacing")
    other = run(two[::-1], tmp_path, threshold="1spacing", overwrite=True)
    assert one.threshold == other.threshold
    assert one.first.rows.tolist() == other.second.rows.tolist()
    assert one.second.rows.tolist() == other.first.rows.tolist()
    assert 0 < one.first.kept < 200


def test_masks_take_distances_of_unpruned_models():
    forth, back = masks(np.array([1.0, 1.1]), np.array([0.0, 1.0, 5.0]), 1.0)
    assert (forth.tolist(), back.tolist()) == ([True, False], [True, True, False])


def test_every_field_and_comment_stays(tmp_path, scene, make_scene):
    formats.write(tmp_path / "a.ply", scene.with_comment("made by hand"))
    formats.write(tmp_path / "b.ply", make_scene(400, seed=0))
    result = run((tmp_path / "a.ply", tmp_path / "b.ply"), tmp_path, threshold="5spacing")
    kept = formats.read(result.first.output)
    assert kept.rows.tobytes() == scene.take(result.first.rows).rows.tobytes()
    assert kept.header.comments[0] == "made by hand"
    assert "coprune threshold=" in kept.header.comments[1]
    assert "against='b.ply'" in kept.header.comments[1]


def test_too_few_left_is_refused_and_nothing_written(two, tmp_path):
    with pytest.raises(GateMissed, match=r"b.ply: would keep 3 of 4 points, fewer than 4"):
        run(two, tmp_path, min_points=4, index=tmp_path / "rows")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.ply", "b.ply"]
    with pytest.raises(GateMissed) as error:  # which no threshold helps
        run(two, tmp_path, min_points=5)
    assert error.value.remedy == "lower `min_points`"


def test_a_threshold_beyond_the_scene_is_noted(two, tmp_path):
    assert not run(two, tmp_path).notes
    notes = run(two, tmp_path, threshold=1000, overwrite=True).notes
    assert [note.partition(", ")[0] for note in notes] == [
        f"the threshold 1000 exceeds the diagonal of {path}" for path in two
    ]
    (note,) = run(two, tmp_path, threshold=50, overwrite=True).notes
    assert "a.ply, 10:" in note


def test_models_of_one_name_are_written_to_two_files(tmp_path):
    for folder in ("gs1", "gs2"):
        (tmp_path / folder).mkdir()
        formats.write(tmp_path / folder / "point_cloud.ply", line(0.0, 1.0))
    result = run(tuple(tmp_path / f / "point_cloud.ply" for f in ("gs1", "gs2")), tmp_path)
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    assert names == ["point_cloud.1.coprune.ply", "point_cloud.2.coprune.ply"]
    assert result.first.output.endswith("point_cloud.1.coprune.ply")


def test_existing_files_are_not_replaced(two, tmp_path):
    run(two, tmp_path)
    with pytest.raises(WriteRefused, match="exists already"):
        run(two, tmp_path)


def test_options_that_make_no_sense(two, tmp_path):
    for options in ({"threshold": 0}, {"threshold": "x"}, {"min_points": -1}, {"engine": "fast"}):
        with pytest.raises(UsageError):
            run(two, tmp_path, **options)
    formats.write(tmp_path / "p.ply", line(1.0, 1.0))
    with pytest.raises(UsageError, match="no spacing"):
        run((tmp_path / "p.ply", tmp_path / "p.ply"), tmp_path, threshold="2spacing")


def test_what_was_pruned_can_be_asked_whether_it_is_the_same(two, tmp_path):
    found = coprune(*two, threshold=1.0, out_dir=tmp_path / "out", min_points=0)
    again = coprune(*two, threshold=1.0, out_dir=tmp_path / "out", min_points=0, overwrite=True)
    assert found == found
    assert found != again
