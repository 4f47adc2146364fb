"""Scans of KITTI: x, y, z and intensity of each point; read with SemanticKITTI's labels where there are any.

A file of labels has a uint32 for each point, whose lower 16 bits are its class and upper 16 its instance. It
lies beside the scan, or as in the data set in ``labels/`` beside ``velodyne/``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..cloud import GaussianCloud
from ..containers.bytes import mapped
from ..errors import InputError
from ._decoded import fill
from ._format import Format
from ._lidar import INTENSITY, cloud_of, record, records_in, sniff, writer

RECORD = record(INTENSITY)
_LABELLED = np.dtype([*RECORD.descr, ("label", "<u2"), ("instance", "<u2")])


def read(path: Path) -> GaussianCloud:
    """Read a scan, and its labels.

    Raises:
        InputError: its size is no multiple of 16, or there are more or fewer labels than points.
    """
    stored = records_in(path, RECORD, "KITTI")
    labels = _labels_of(path)
    if labels is None:
        return cloud_of(stored, "kitti")
    numbers = mapped(labels)
    if len(numbers) != 4 * len(stored):
        what = f"has {len(numbers):,} bytes where labels of {len(stored):,} points take {4 * len(stored):,}"
        raise InputError(what, path=labels, remedy=f"it is not of {path.name}, or one of them is cut short")
    halves = numbers.view(np.dtype([("label", "<u2"), ("instance", "<u2")]))
    rows = np.empty(len(stored), _LABELLED)

    def join(part: slice) -> None:
        for source in (stored, halves):
            for name in source.dtype.names or ():
                rows[name][part] = source[name][part]

    fill(len(rows), join)
    return cloud_of(rows, "kitti", (f"label and instance are those of {labels}",))


def _labels_of(path: Path) -> Path | None:
    """The file of labels of a scan; None where there is none."""
    beside = path.with_suffix(".label")
    places = [
        beside,
        *([path.parent.parent / "labels" / beside.name] if path.parent.name == "velodyne" else []),
    ]
    return next((place for place in places if place.is_file()), None)


FORMAT = Format(
    "kitti",
    "scans of KITTI, float32 x y z intensity, with SemanticKITTI's .label; a .bin as FILE::kitti",
    (".kitti",),
    sniff,
    read,
    writer(RECORD),
    bare=True,
)
