"""Values that no renderer could use, through every writer: told in a line, or written; never a warning.

Warnings are errors here, as in all tests.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gscli import formats
from gscli.cloud import GaussianCloud, Header
from gscli.errors import GscliError

COLUMNS = ("x", "z", "opacity", "scale_0", "rot_0", "f_dc_0", "f_rest_0", "nx")
VALUES = (np.nan, np.inf, -np.inf, 1e39, -1e39, 1e300, 3e38, 1e30, 88.8, 800.0, -800.0, 1e-320)
ONE_OF = {".usda", ".usdc", ".usd"}  # arrays as in .usdz, which is tried
WRITTEN = [
    (form, suffix)
    for form in formats.FORMATS
    if form.writer is not None
    for suffix in form.suffixes
    if suffix not in ONE_OF
]


@pytest.fixture(scope="module")
def scenes(make_scene) -> dict[bool, GaussianCloud]:
    """One of splats and one of points, all columns float64."""
    rows = make_scene(40, 1).rows
    wide = rows.astype([(name, "f8") for name in rows.dtype.names])
    points = np.empty(40, [(axis, "f8") for axis in "xyz"])
    for axis in "xyz":
        points[axis] = wide[axis]
    return {True: GaussianCloud(wide, Header("ply")), False: GaussianCloud(points, Header("ply"))}


def with_value(
    cloud: GaussianCloud, column: str, value: float, narrow: bool, everywhere: bool
) -> GaussianCloud:
    rows = cloud.rows.copy()
    rows[column][slice(None) if everywhere else 7] = value
    return GaussianCloud(rows.astype([(n, "f4") for n in rows.dtype.names]) if narrow else rows, cloud.header)


def fate(path: Path, cloud: GaussianCloud) -> GscliError | None:
    """Write a cloud; the error if that is refused, which has to be in a line."""
    caught = None
    try:
        formats.write(path, cloud, allow_lossy=True, overwrite=True)
    except GscliError as error:
        caught = error
    assert caught is None or (caught.exit_code, "\n" in str(caught)) == (1, False)
    return caught


@pytest.mark.parametrize(("form", "suffix"), WRITTEN, ids=lambda each: each if isinstance(each, str) else "")
def test_no_value_makes_a_writer_warn_and_what_is_refused_names_its_column(tmp_path, scenes, form, suffix):
    if form.missing:
        pytest.skip("needs a library")
    refused = written = 0
    for splats, cloud in scenes.items():
        for column in COLUMNS if splats else COLUMNS[:2]:
            for number, value in enumerate(VALUES):
                for narrow in (False, True):
                    if narrow and np.isfinite(value) and abs(value) > 3.4e38:
                        continue
                    everywhere = (number + COLUMNS.index(column) + narrow) % 2 == 0
                    path = f"{tmp_path}/o{suffix}"
                    error = fate(path, with_value(cloud, column, value, narrow, everywhere))
                    refused, written = refused + (error is not None), written + (error is None)
                    named = error is None or "have no" in error.what or column in error.what
                    assert named or "coordinate" in error.what, (column, value, error)
    assert written  # and values that formats hold are no reason to refuse


@pytest.mark.parametrize("suffix", [".compressed.ply", ".glb", ".sog", ".splat", ".spz"])
@pytest.mark.parametrize("column", ["x", "rot_0", "f_dc_0"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_codecs_refuse_what_is_beyond_float32(tmp_path, scenes, suffix, column, value):
    path = tmp_path / f"o{suffix}"
    error = fate(path, with_value(scenes[True], column, value, narrow=False, everywhere=False))
    assert error is not None
    assert (
        f"row 7 of what is to be written has {column} = {value}" in error.what
        or "beyond the 2^23" in error.what
    )
    assert error.path == str(path)
    assert not path.exists()


def test_a_scene_folder_that_is_written_can_be_read(tmp_path, scenes):
    for column in COLUMNS:
        for value in VALUES:
            path = f"{tmp_path}/{column}{value}/"
            if fate(path, with_value(scenes[True], column, value, narrow=False, everywhere=False)) is None:
                assert len(formats.read(path)) == 40


def test_of_points_in_doubles_none_loses_digits_in_a_scene_folder(tmp_path, make_scene):
    rows = make_scene(5, 0).rows
    mixed = rows.astype([(name, "f8" if name == "y" else "f4") for name in rows.dtype.names])
    mixed["y"] = np.pi
    formats.write(f"{tmp_path}/o/", GaussianCloud(mixed, Header("ply")), allow_lossy=True)
    assert (formats.read(f"{tmp_path}/o/").rows["y"] == np.pi).all()
