"""A command as `gscli batch` runs it: its own options and the batch's, typed or from a job file.

What an option says of files is read off its type: see `paths`.

One module: which options a batch has, and what it makes of them, is about the same command.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..errors import InputError, UsageError
from . import _actions, options, paths
from ._sections import SHARED, Command

if TYPE_CHECKING:
    from ..batch.job import Job
    from ..batch.operation import Operation
    from ..batch.patterns import Pattern

_HELP = """{summary}

Patterns are paths or globs in quotes: *, ?, [...], and ** for any depth; one that ends in a slash matches
folders, one that ends in ::NAME takes that model of each file or member of each zip, and - reads paths from
stdin. Outputs repeat the folders of their inputs, from the first wildcard of the pattern on.

\b
Examples:
{examples}
"""
_EXAMPLES = {
    "compare": (
        "'new/*.ply' --reference 'ref/*.ply' --min-fitness 0.99",
        "'a/*.ply' --reference b.ply --out-dir out/ --html pages/",
    ),
    "convert": (
        "'scenes/*.ply' --to spz --allow-lossy --out-dir small/",
        "'runs/*/ckpt.pth::gs1' --to ply --out-dir scenes/",
    ),
    "edit": (
        "'scenes/*.ply' --out-dir clean/ --drop-floaters",
        "'scans/*.ply' --out-dir upright/ --up y:z --scale 0.001",
    ),
    "info": (
        "'scenes/**/*.ply' --json-lines",
        "- --json-lines < paths.txt",
        "'scenes/*.ply' --out-dir out/ --html pages/",
    ),
    "lod": ("'scenes/*.ply' --out-dir levels/ --to sog --allow-lossy",),
    "resample": (
        "'scenes/*.ply' --out-dir half/ --seed 1 --workers 2",
        "'scenes/*.ply' --out-dir views/ -m half -m one-per-grid",
    ),
    "simplify": ("'scenes/*.ply' --out-dir small/ --target 25%",),
    "verify": ("'half/*.ply' --reference 'scenes/*.ply'",),
}


@dataclass(frozen=True)
class Given:
    """What a batch is asked for.

    Attributes:
        inputs, against: the patterns of its inputs, and of what they are held against.
        parameters, reads, writes: the operation's options, as `batch.plan.plan` takes them.
        own: the values of the batch's own options.
    """

    inputs: list[Pattern]
    against: list[Pattern]
    parameters: dict[str, Any]
    reads: dict[str, str]
    writes: list[str]
    own: dict[str, Any]


class Batched(Command):
    """``gscli batch OPERATION``.

    Args:
        operation: a name of `batch.operations.NAMES`.
        run: does what it is given.
        job: a file whose values are the defaults; paths in it are relative to its folder.
    """

    def __init__(self, operation: str, run: Callable[[str, Given], None], job: Job | None = None) -> None:
        summary = f"Run `gscli {operation}` on every input that a PATTERN matches."
        examples = [f"  gscli batch {operation} {words}" for words in _EXAMPLES[operation]]
        patterns, *own = _own_options(operation)
        self.own = frozenset(str(parameter.name) for parameter in (patterns, *own))
        shared = {name for names in SHARED.values() for name in names}
        theirs = _command(operation).sections
        super().__init__(
            operation,
            sections={**theirs, "Batch": sorted(self.own - shared)},
            params=[patterns, *_options_of(operation, self.own), *own],
            callback=lambda **_: run(operation, self.given(click.get_current_context())),
            help=_HELP.format(summary=summary, examples="\n".join(examples)),
            short_help=summary,
        )
        self.root = "."
        if job is not None:
            self.root = job.folder
            self.context_settings = {"default_map": self._defaults(job)}

    def _defaults(self, job: Job) -> dict[str, Any]:
        """The values of a job file by the names of parameters; refuses those that make no sense."""
        named = {_key(parameter): parameter for parameter in self.params}
        job.refuse_unknown(named)
        defaults: dict[str, Any] = {}
        for key, value in job.settings.items():
            parameter = named[key]
            several = parameter.nargs == -1 or getattr(parameter, "multiple", False)
            if isinstance(value, list) and not several:
                raise InputError(f"line {job.lines[key]}: {key} takes one value", path=job.path)
            default = [value] if several and not isinstance(value, list) else value
            try:
                meant = parameter.type_cast_value(click.Context(self), default)
            except click.BadParameter as error:
                what, meant = f"line {job.lines[key]}: {key}: {error.message}", getattr(error, "meant", None)
                raise UsageError(what, path=job.path, remedy=meant and f"did you mean {meant}?") from None
            clears = getattr(parameter, "is_flag", False) and parameter.default is True  # as --no-gaussians
            defaults[str(parameter.name)] = not meant if clears else default
        return defaults

    def given(self, ctx: click.Context) -> Given:
        """What the parameters of a context ask for, with the paths of a job file where they are."""
        own: dict[str, Any] = {}
        parameters: dict[str, Any] = {}
        reads: dict[str, str] = {}
        writes: list[str] = []
        apart = _actions.given(
            ctx, lambda kind, value, there: _located(kind, value, self.root if there else ".")
        )
        for name, value, read in apart:
            parameters[name] = value
            if read is not None:
                reads[name] = read
        for parameter in self.params:
            name, kind = str(parameter.name), parameter.type
            if isinstance(parameter, _actions.Action):
                continue
            value, source = ctx.params[name], ctx.get_parameter_source(name)
            written_down = source == ParameterSource.DEFAULT_MAP
            if name in self.own:
                own[name] = _located(kind, value, self.root) if written_down else value
            elif source != ParameterSource.DEFAULT:
                parameters[name] = value = _located(kind, value, self.root if written_down else ".")
                if isinstance(kind, paths.Path) and (read := kind.file_read(value)) is not None:
                    reads[name] = read
                if isinstance(kind, paths.Output):
                    writes.append(name)
        inputs, against = self._patterns(ctx, "patterns"), self._patterns(ctx, "reference")
        return Given(inputs, against, parameters, reads, writes, own)

    def _patterns(self, ctx: click.Context, name: str) -> list[Pattern]:
        """The patterns of a parameter; those of a job file are relative to it."""
        from ..batch.patterns import Pattern, listed

        value = ctx.params.get(name) or ()
        root = self.root if ctx.get_parameter_source(name) == ParameterSource.DEFAULT_MAP else "."
        patterns = []
        for text in [value] if isinstance(value, str) else value:
            patterns += listed(_stdin()) if text == "-" else [Pattern(text, root)]
        return patterns


class _Patterns(click.Argument):
    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, ParameterSource]:
        """Those given, or else the job file's, which Click before 8.2 does not look for."""
        value, source = super().consume_value(ctx, opts)
        given = None if value else ctx.lookup_default(str(self.name))
        return (value, source) if given is None else (given, ParameterSource.DEFAULT_MAP)


def _options_of(operation: str, own: frozenset[str]) -> list[click.Parameter]:
    """The options of the operation's command that a batch takes, with those that only it has."""
    from ..batch import operations

    params = _command(operation).params
    theirs: list[click.Parameter] = [
        _folder_of(p) if isinstance(p.type, paths.Output) else p
        for p in params
        if isinstance(p, click.Option) and not isinstance(p, options.OfOneRun) and p.name not in own
    ]
    if operations.get(operation).renames:
        what = "The suffix of outputs, which names their format (`gscli formats`); / is a scene folder."
        suffix = click.Option(["--to"], metavar="SUFFIX", required=True, help=what, shell_complete=_suffixes)
        theirs.insert(0, suffix)
    if any(p.name == "no_cache" for p in params):
        what = "Keep grids on disk between runs."
        theirs.append(click.Option(["--on-disk-cache"], is_flag=True, help=what))
    return theirs


def _suffixes(ctx: click.Context, param: click.Parameter, word: str) -> list[str]:
    """The suffixes of formats that are written, as a shell completes them."""
    from ..formats import FORMATS

    found = [suffix.lstrip(".") for form in FORMATS if form.writer is not None for suffix in form.suffixes]
    return sorted(suffix for suffix in found if suffix.startswith(word.lstrip(".")))


def _own_options(operation: str) -> list[click.Parameter]:
    """The parameters that are the batch's own business, the patterns first."""
    from ..batch import operations

    kind: Operation = operations.get(operation)
    place = paths.TARGET_FOLDER if kind.writes else paths.OUTPUT_FOLDER
    need = "" if kind.writes else "; without it, nothing is kept"
    of_inputs: list[click.Parameter] = [
        _Patterns(["patterns"], nargs=-1, required=True, type=paths.PATTERN, metavar="PATTERN...")
    ]
    if kind.compares:
        what = "What inputs are held against: one scene, or a pattern that pairs them by name."
        of_inputs.append(
            click.Option(["--reference"], type=paths.PATTERN, metavar="PATTERN", required=True, help=what)
        )
    shared = options.quiet(options.as_json(click.Command(None)))  # as on any command
    return [
        *of_inputs,
        click.Option(
            ["--out-dir"], type=place, metavar="FOLDER", help=f"Where outputs and records go{need}."
        ),
        click.Option(
            ["--relative-to"], type=paths.FOLDER, metavar="FOLDER", help="Lay outputs out as below FOLDER."
        ),
        click.Option(["--workers"], type=int, metavar="N", help="Worker processes.  [default: the cores]"),
        click.Option(["--scheduler"], metavar="ADDRESS", help="Work on a Dask cluster, as tcp://head:8786."),
        click.Option(["--shard"], type=options.Shard(), help="Only part I of N, balanced by bytes."),
        click.Option(["--resume"], is_flag=True, help="Go on: only what is missing or failed."),
        click.Option(["--check"], is_flag=True, help="Record SHA-256 of inputs; --resume holds files to it."),
        click.Option(["--overwrite"], is_flag=True, help="Start anew; replace existing outputs."),
        click.Option(["--dry-run"], is_flag=True, help="Print what would run, and do nothing."),
        options.ToStdout(["--json-lines"], is_flag=True, help="Print a record per input to stdout, as JSON."),
        *shared.params,
    ]


def _command(operation: str) -> Command:
    command: Command = import_module(f"{__package__}.{operation}").command
    return command


def _folder_of(option: click.Option) -> click.Option:
    """An option that names an output file, as one that names a folder with a file for each input."""
    ours = copy.copy(option)
    ours.type, ours.metavar = paths.OUTPUT_FOLDER, "FOLDER"
    also = ", and index.html for all of them" if option.name == "html" else ""
    ours.help = f"{option.help} Here a folder of such files, laid out as --out-dir{also}."
    return ours


def _located(kind: Any, value: Any, root: str) -> Any:
    """A value of this type, written down in the folder `root`; only paths depend on that."""
    return kind.located(value, root) if isinstance(kind, paths.Path) and isinstance(value, str) else value


def _key(parameter: click.Parameter) -> str:
    """What a job file calls a parameter: its longest spelling without the dashes."""
    if isinstance(parameter, click.Argument):
        return "inputs"
    return max(parameter.opts, key=len).lstrip("-")


def _stdin() -> bytes:
    if sys.stdin is None:
        raise InputError("is closed", path="<stdin>")
    return sys.stdin.buffer.read()
