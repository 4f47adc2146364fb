"""Every option that more than one command has, once; the types of values, and the kinds of options.

One module: what it holds is a list, and each entry is looked for here.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from .. import device as devices
from ..errors import UsageError, most_like
from ..files import axes as frames
from ..files import qualities
from ..neighbors import ENGINES
from . import paths

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    ParamType = click.ParamType[Any]
else:
    ParamType = click.ParamType  # generic from Click 8.4 on


class NotOneOf(click.BadParameter):
    """A word that is none of those there are.

    Attributes:
        meant: the one that it was probably meant to be, if any.
    """

    meant: str | None = None


class OneOf(click.Choice):  # type: ignore[type-arg, unused-ignore]  # generic from Click 8.2 on
    """One of a few words.

    Args:
        words: all there are.
        instead: what some say instead, and the word that it means: a hint, not an alias.
        more: whether another word is left to the library.
    """

    def __init__(
        self,
        words: Iterable[str],
        instead: Mapping[str, str] | None = None,
        more: Callable[[str], bool] = lambda word: False,
    ) -> None:
        super().__init__(list(words))
        self.instead, self.more = instead or {}, more

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return value if self.more(str(value)) else super().convert(value, param, ctx)
        except click.BadParameter as error:
            refusal = NotOneOf(error.message, ctx, param)
            refusal.meant = self.instead.get(str(value)) or most_like(str(value), self.choices)
            raise refusal from None


class Range(ParamType):
    """``LO:HI`` or one number, each a share or a percentage, as a pair of floats."""

    name = "LO:HI"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        if isinstance(value, tuple):
            return value
        try:
            ends = [_number(part) for part in str(value).split(":")]
        except ValueError:
            ends = []
        if len(ends) not in (1, 2):
            self.fail(f"{value!r} is neither LO:HI nor one number", param, ctx)
        return ends[0], ends[-1]


class Share(ParamType):
    """``0.95`` or ``95%`` as a float."""

    name = "F|P%"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return _number(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither a share such as 0.95 nor a percentage such as 95%", param, ctx)


def _number(text: str) -> float:
    """A number, or the hundredth of it that a percentage is, rounded once."""
    return float(f"{text[:-1]}e-2" if text.endswith("%") else text)


class Origin(ParamType):
    """``X,Y,Z`` or ``min``."""

    name = "X,Y,Z|min"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """As it is to be typed: Click would have it in capitals."""
        return self.name

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "min" or isinstance(value, tuple):
            return value
        try:
            x, y, z = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is neither X,Y,Z nor min", param, ctx)
        return x, y, z

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem

        return [CompletionItem("min")] if "min".startswith(incomplete) else []


class Direction(ParamType):
    """``X,Y,Z``."""

    name = "X,Y,Z"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        try:
            x, y, z = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not X,Y,Z", param, ctx)
        return x, y, z


class Size(ParamType):
    """``512MB``, ``1.5GiB`` or a plain number, as a whole number of bytes."""

    name = "SIZE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from ..arguments import parsed_size

        try:
            return parsed_size(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Shard(ParamType):
    """``I/N`` as a pair of integers."""

    name = "I/N"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        number, _, of = str(value).partition("/")
        few = all(word.isdecimal() and len(word) < 10 for word in (number, of))
        if not (few and 1 <= int(number) <= int(of)):
            self.fail(f"{value!r} is not I/N with I from 1 to N", param, ctx)
        return int(number), int(of)


class OfOneRun(click.Option):
    """An option that is about one run on one input: a batch does not take it."""


class ToStdout(click.Option):
    """A flag that sends a document to stdout."""


class _OfTheSummary(OfOneRun):
    """An option that adds to the summary, hence has no effect where there is none."""

    def handle_parse_result(
        self, ctx: click.Context, opts: Mapping[str, Any], args: list[str]
    ) -> tuple[Any, list[str]]:
        for other, spelling in (("quiet", "--quiet"), ("as_json", "--json")):
            if self.name in opts and other in opts:
                raise UsageError(f"{self.opts[-1]} has no effect beside {spelling}", remedy="drop one")
        return super().handle_parse_result(ctx, opts, args)


def _silence(ctx: click.Context, param: click.Parameter, quiet: bool) -> bool:
    """Show no warnings either: `main` set how, for this one command."""
    if quiet:
        warnings.showwarning = lambda *_, **__: None
    return quiet


source = click.argument("source", type=paths.INPUT, metavar="SOURCE")


def _device(does: str, result: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--device",
        type=OneOf(devices.NAMES, {"gpu": "cuda"}, more=devices.is_another),
        default="cpu",
        show_default=True,
        help=f"{does} on a GPU (cuda:1 for the second); auto takes a GPU where it is faster, and says why. "
        f"{result}",
    )


device = _device(
    "Compute with NumPy, with torch on the CPU, or", "The output is the same; pictures agree to 90 dB."
)
device_looked = _device("Draw on the CPU, or", "By a GPU's pictures other Gaussians may be merged.")
voxel_size = click.option("--voxel-size", type=float, metavar="S", help="Edge of a cell, in scene units.")
points_per_cell = click.option(
    "--points-per-cell",
    type=float,
    metavar="P",
    help="Choose the round cell size that comes nearest to P points a cell on average.  [default: 20]",
)
origin = click.option(
    "--origin",
    type=Origin(),
    help="A corner of the lattice; min is the lowest corner of the points.  [default: 0,0,0]",
)
overwrite = click.option("--overwrite", is_flag=True, help="Replace existing output files.")
allow_lossy = click.option(
    "--allow-lossy", is_flag=True, help="Write even where the format cannot hold everything."
)
trust_pickle = click.option(
    "--trust-pickle",
    is_flag=True,
    help="Unpickle without restrictions, which runs any code that the file holds: only for files you trust.",
)


def _axes(of: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(
        "--axes",
        type=click.Choice(frames.NAMES),
        metavar="FRAME",
        help=f"The axes of SPZ, glTF and USD files that {of}: {', '.join(frames.NAMES)}.  "
        "[default: rub for SPZ and USD, luf for glTF]",
    )


axes, axes_read = _axes("are written, and of those read that do not say"), _axes("do not say")
quality = click.option(
    "--quality",
    type=click.Choice(qualities.NAMES),
    help="For writing SPZ: compact keeps 12 fractional bits of positions and 4 or 5 bits of a harmonic, and "
    "the file has half to nine tenths of the size.  [default: full]",
)
as_json = click.option(
    "--json", "as_json", cls=ToStdout, is_flag=True, help="Print one JSON document to stdout."
)
report = click.option(
    "--report",
    cls=OfOneRun,
    type=paths.OUTPUT,
    metavar="FILE",
    help="Write the same JSON document to FILE, and the summary as usual.",
)
quiet = click.option(
    "-q",
    "--quiet",
    is_flag=True,
    callback=_silence,
    help="Show errors only: no summary, progress or warnings.",
)
verbose = click.option(
    "-v", "--verbose", cls=_OfTheSummary, is_flag=True, help="Also say how long each stage took."
)
memory_limit = click.option(
    "--memory-limit",
    type=Size(),
    metavar="SIZE",
    help="Use at most this much memory, as 2GB or 512MiB; what does not fit is done in pieces.",
)
render = click.option(
    "--render", is_flag=True, help="Draw 12 views before and after, and report PSNR and SSIM."
)
no_cache = click.option("--no-cache", cls=OfOneRun, is_flag=True, help="Neither read nor keep grids on disk.")
threshold = click.option(
    "-t",
    "--threshold",
    multiple=True,
    callback=lambda ctx, option, given: given or None,
    metavar="D|Nspacing",
    help="Points nearer than this match; may be repeated.  [default: 2spacing]",
)
engine = click.option(
    "--engine",
    default="auto",
    show_default=True,
    metavar="NAME",
    shell_complete=lambda _, __, word: [n for n in ("auto", *ENGINES.names()) if n.startswith(word)],
    help=f"How to search: {', '.join(ENGINES.names())}. All give the same answer.",
)
