"""Pictures show every point where it is."""

import numpy as np
import pytest

from gscli.kernels import colormap, raster


def test_every_distance_is_in_the_histogram():
    values = np.concatenate([np.zeros(5), np.random.default_rng(0).lognormal(-3, 4, 1000), [1e-300]])
    edges = raster.log_edges([values], [0.1], 40)
    zeros, counts = raster.log_histogram(values, edges)
    assert zeros == 5
    assert counts.sum() == 1001
    assert edges[-1] >= values.max()
    assert edges[-1] / edges[0] <= 1.0000001e10


@pytest.mark.parametrize("values", [np.zeros(3), np.array([2.0]), np.full(4, 1e9)])
def test_histograms_of_one_value_have_a_range(values):
    edges = raster.log_edges([values], [], 10)
    assert (np.diff(edges) > 0).all()
    zeros, counts = raster.log_histogram(values, edges)
    assert zeros + counts.sum() == len(values)


def test_a_view_shows_the_largest_level_of_a_pixel():
    across, up = np.array([0.05, 0.05, 0.95]), np.array([0.95, 0.95, 0.05])
    picture, outside = raster.view(across, up, np.array([3, 9, 5], np.uint8), 10, 0)
    assert picture[0, 0] == 9
    assert picture[9, 9] == 5
    assert (picture == raster.EMPTY).sum() == 98
    assert outside == 0


def test_points_outside_a_view_are_counted_and_not_wrapped_around():
    picture, outside = raster.view(
        np.array([-0.01, 1.0, 0.5, 0.999]), np.array([0.5, 0.5, 1.5, 0.5]), np.zeros(4, np.uint8), 8, 1
    )
    assert outside == 3
    assert (picture[:, 0] == raster.EMPTY).all()
    assert (picture[:, 7] == 0).any()


def test_a_frame_holds_both_clouds_and_has_a_size_even_for_one_point():
    a, b = np.zeros((100, 3)), np.full((100, 3), 10.0)
    middle, edge = raster.frame([a, b])
    assert middle.tolist() == [5, 5, 5]
    assert edge == pytest.approx(12.4)
    assert raster.frame([a[:1]])[1] > 0


def test_a_few_far_points_do_not_shrink_the_rest():
    rng = np.random.default_rng(0)
    near, far = rng.uniform(-1, 1, (970, 3)), rng.uniform(-1e4, 1e4, (30, 3))
    middle, edge = raster.frame([np.concatenate([near, far])])
    assert 2 < edge < 3
    assert np.abs(middle).max() < 0.2


def test_colours_run_from_none_to_the_top_and_stay_there():
    assert len(colormap.palette()) == colormap.SIZE < raster.EMPTY + 1
    assert colormap.levels(np.array([0.0, 1.0, 2.0, 9.0]), 2.0).tolist() == [0, 127, 254, 254]
    assert colormap.levels(np.array([0.0, 0.0]), 0.0).tolist() == [0, 0]


@pytest.mark.parametrize("threshold", [1e-300, 0.03, 1.0, 1e9])
def test_the_scale_of_pages_breaks_at_the_threshold(threshold):
    values = threshold * np.array([0.0, 0.5, 0.999, 1.0, 2.0, 10.0, 100.0, 1e7])
    levels = colormap.judged(values, threshold, 2)
    assert levels.tolist() == [0, 51, 101, 102, 125, 178, 254, 254]
    assert colormap.judged(np.array([0.0]), threshold, 1).tolist() == [0]


def test_the_warm_colours_reach_the_largest_in_whole_decades():
    found = [colormap.decades(0.5, largest) for largest in (0.0, 0.5, 0.6, 5.0, 5.1, 60.0, 1e300)]
    assert found == [1, 1, 1, 1, 2, 3, colormap.DECADES]


def test_every_colour_of_a_page_is_told_from_light_and_dark_paper_and_calm_from_warm():
    palette = colormap.judging_palette().astype(float) / 255
    linear = np.where(palette <= 0.04045, palette / 12.92, ((palette + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    assert (1.05 / (luminance + 0.05)).min() > 2
    assert ((luminance + 0.05) / 0.06).min() > 2  # #1b222b and darker
    blue, red = palette[:, 2], palette[:, 0]
    assert ((blue > red) == (np.arange(colormap.SIZE) < colormap.CALM)).all()
    assert len(np.unique(colormap.judging_palette(), axis=0)) > 200


def test_the_nearest_point_of_a_pixel_is_seen_and_hides_what_its_dot_covers():
    across = np.array([3.5, 3.2, 4.5, -1.0, np.nan, 9.9])
    down = np.array([2.5, 2.9, 2.5, 2.5, 2.5, 0.1])
    depth = np.array([2.0, 1.0, 3.0, 1.0, 1.0, 1.0])
    seen = raster.nearest(across, down, depth, (10, 5), 0)
    assert seen.shape == (5, 10)
    assert (seen[2, 3], seen[2, 4], seen[0, 9]) == (1, 2, 5)
    assert (seen >= 0).sum() == 3
    dots = raster.nearest(across, down, depth, (10, 5), 1)
    assert dots[2].tolist() == [-1, -1, 1, 1, 1, 2, -1, -1, -1, -1]
    nothing = np.zeros(0)
    assert (raster.nearest(nothing, nothing, nothing, (4, 3), 2) == -1).all()


@pytest.mark.parametrize("seed", range(3))
def test_what_is_seen_is_what_a_loop_over_points_finds(seed):
    rng = np.random.default_rng(seed)
    across, down = rng.uniform(-2, 14, (2, 300))
    depth = rng.integers(1, 50, 300).astype(float)
    expected = np.full((9, 12), -1)
    for i in np.argsort(-depth, kind="stable"):
        if 0 <= across[i] < 12 and 0 <= down[i] < 9:
            expected[int(down[i]), int(across[i])] = i
    assert (raster.nearest(across, down, depth, (12, 9), 0) == expected).all()
