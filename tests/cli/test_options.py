"""The types of option values that several commands share."""

from __future__ import annotations

import click
import pytest

from gscli.cli import main
from gscli.cli.options import Range, Share, Size


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


@pytest.mark.parametrize(
    ("spelt", "share"),
    [("95%", 0.95), ("99.9%", 0.999), ("0.95", 0.95), ("1", 1.0), ("5e-1", 0.5), (0.5, 0.5)],
)
def test_a_share_is_read_as_a_fraction_or_a_percentage(spelt: object, share: float) -> None:
    assert Share().convert(spelt, None, None) == share


def test_the_ends_of_a_range_may_be_percentages() -> None:
    assert Range().convert("30%:70%", None, None) == Range().convert("0.3:0.7", None, None) == (0.3, 0.7)


@pytest.mark.parametrize("spelt", ["much", "%", "95 percent", "", "95%%", "nan%"])
def test_nonsense_is_no_share(spelt: str) -> None:
    with pytest.raises(click.BadParameter, match="is neither a share"):
        Share().convert(spelt, None, None)


def test_help_shows_words_as_they_are_to_be_typed() -> None:
    ctx = click.Context(main)
    resample, compare = (main.get_command(ctx, name) for name in ("resample", "compare"))
    assert resample is not None
    assert compare is not None
    assert "--origin X,Y,Z|min" in resample.get_help(click.Context(resample))
    assert "--min-fitness F|P%" in compare.get_help(click.Context(compare))
