"""The types of option values that several commands share."""

from __future__ import annotations

import click
import pytest

from gscli.cli.options import Size


@pytest.mark.parametrize(
    ("spelt", "count"),
    [
        ("2GB", 2_000_000_000),
        ("512MB", 512_000_000),
        ("1.5GiB", 3 << 29),
        ("64 MiB", 64 << 20),
        ("3kb", 3000),
        ("1T", 10**12),
        ("4096", 4096),
        ("4096B", 4096),
        ("0", 0),
    ],
)
def test_sizes_are_read_as_bytes(spelt: str, count: int) -> None:
    assert Size().convert(spelt, None, None) == count


def test_a_number_of_a_job_file_is_a_number_of_bytes() -> None:
    assert Size().convert(2_000_000_000, None, None) == 2_000_000_000


@pytest.mark.parametrize(
    "spelt", ["", "GB", "much", "-2GB", "2 XB", "1,5GB", "nan", "inf", "2iB", "1e9", True, "2GBs", "0x10"]
)
def test_nonsense_is_no_size(spelt: object) -> None:
    with pytest.raises(click.BadParameter, match="is no size such as 512MB"):
        Size().convert(spelt, None, None)
