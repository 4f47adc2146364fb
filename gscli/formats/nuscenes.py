"""Scans of nuScenes: x, y, z, intensity and ring (which laser) of each point."""

from __future__ import annotations

from pathlib import Path

from ..cloud import GaussianCloud
from ._format import Format
from ._lidar import INTENSITY, RING, cloud_of, record, records_in, sniff, writer

RECORD = record(INTENSITY, RING)


def read(path: Path) -> GaussianCloud:
    """Read a scan.

    Raises:
        InputError: its size is no multiple of 20.
    """
    return cloud_of(records_in(path, RECORD, "nuScenes"), "nuscenes")


FORMAT = Format(
    "nuscenes",
    "scans of nuScenes, float32 x y z intensity ring; a .bin as FILE::nuscenes",
    (".nuscenes",),
    sniff,
    read,
    writer(RECORD),
    bare=True,
)
