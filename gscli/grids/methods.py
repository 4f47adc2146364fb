"""The resampling methods: from the points of each cell to how many of them stay.

One module: a method is a rule of `RULES` with its settings, the fields of `Method`, and what is to say of a
rule or of a setting is said here: messages, reports, comments, batches and the command line read it from
these tables.
The command line imports nothing heavy, so NumPy is imported where cells are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict

from ..errors import UsageError, did_you_mean
from . import settings
from .picking import RANDOM, Pick

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from ..kernels.shares import Shares

Uniforms = Callable[[int], Any]  # (C,) float64 in [0, 1), of the stream for a use that `hashing` names
DEFAULT = "half-density"


@dataclass(frozen=True)
class Method:
    """One of `RULES` with its settings. Make it with `method`, which checks them.

    Attributes:
        ratio: half-density draws the share to keep of each cell uniformly from [ratio[0], ratio[1]).
        min_per_cell: half-density keeps at least so many rows of every cell (or all it has).
        k: k-per-grid keeps at most so many rows of every cell.
        target: keep exactly so many rows in total: a number, or a share as ``25%``. half-density shares them
            over cells in proportion to what they hold; the others as evenly as can be: the same number of
            every cell (or all it has), and one more of cells that are drawn.
        pick: which rows: one of `picking.PICKS`.
        compensate: a column that `gscli.resample` changes in rows that stand for others of their cell:
            ``opacity``, see `gscli.kernels.compensation`. It has no say in which rows stay.
    """

    name: str = DEFAULT
    ratio: tuple[float, float] = field(default=(0.3, 0.7), metadata=settings.share_range())
    min_per_cell: int = field(default=1, metadata=settings.whole(least=0))
    target: str | None = field(default=None, metadata=settings.total(replaces=("ratio", "min_per_cell", "k")))
    k: int | None = field(
        default=None, metadata=settings.whole(least=1, needed="the most points to keep in a cell")
    )
    pick: Pick = field(default=RANDOM, metadata=settings.pick())
    compensate: str | None = field(default=None, metadata=settings.column("opacity"))

    @property
    def rule(self) -> Rule:
        return RULES[self.name]

    @property
    def picks(self) -> bool:
        """Whether rows are left out, so that it matters which."""
        return "pick" in self.rule.settings

    @property
    def drawn(self) -> bool:
        """Whether chance has a say in how many rows a cell keeps."""
        return self.rule.drawn or self.target is not None

    @property
    def rounds(self) -> bool:
        """Whether chance rounds the share of a cell, which keeps its expectation; else it is rounded down."""
        return self.ratio[0] == self.ratio[1] or self.min_per_cell == 0

    @property
    def uses_seed(self) -> bool:
        """Whether two seeds can draw differently."""
        return self.picks and (self.pick.seeded or self.drawn)

    def total(self, points: int) -> int | None:
        """How many of all points stay; None where each cell decides for itself.

        Raises:
            UsageError: more than there are.
        """
        return None if self.target is None else settings.rows_wanted(self.target, points)

    def shares(self, sizes: Any, cells: Any, total: int, *, seed: int, epoch: int) -> Shares:
        """How `total` rows are shared over cells, before lots are drawn; see `gscli.kernels.shares`."""
        from ..kernels import hashing, shares

        if self.rule.even:
            return shares.level(sizes, cells, total)[0]
        start = hashing.stream(seed, epoch, self.name, hashing.RATIO)
        return shares.in_proportion(sizes, cells, total, start)

    def settings(self) -> dict[str, Any]:
        """The settings that have an effect, as a report holds them."""
        asked = [name for name in self.rule.settings if getattr(self, name) is not None]
        replaced = {other for name in asked for other in SETTINGS[name].replaces}
        return {name: SETTINGS[name].plain(getattr(self, name)) for name in asked if name not in replaced}

    def words(self) -> list[str]:
        """The name and `settings` as the words ``method=NAME ratio=...`` of a comment."""
        spelt = [f"{name}={SETTINGS[name].spell(value)}" for name, value in self.settings().items()]
        return [f"method={self.name}", *spelt]

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Method:
        """The method that a report tells of: its name as ``method``, and `settings`; other keys are ignored.

        Null is what has no effect.

        Raises:
            KeyError: no name. UsageError: what no method is.
        """
        name = said["method"]
        has = RULES[name].settings if isinstance(name, str) and name in RULES else ()
        given = {key: said[key] for key in SETTINGS if key in said}
        for key in has:
            if key in given and given[key] is None:
                raise UsageError(f"the {key} of {name} is missing")
        return method(name, **given)

    @classmethod
    def of_words(cls, words: Mapping[str, str]) -> Method:
        """The method that the words of a comment tell of.

        Raises:
            KeyError: no name. ValueError, UsageError: what no method is.
        """
        said = {key: setting.parse(words[key]) for key, setting in SETTINGS.items() if key in words}
        return cls.of({"method": words["method"], **said})


SETTINGS = settings.table(Method)


class Given(TypedDict, total=False):
    """The settings of `Method` as arguments; None means not given."""

    ratio: tuple[float, float] | None
    min_per_cell: int | None
    target: str | int | None
    k: int | None
    pick: str | None
    compensate: str | None


@dataclass(frozen=True)
class Rule:
    """How many rows of each cell a method keeps.

    Attributes:
        alias: its short name; empty for none.
        help: what it keeps of every cell, in a few words.
        settings: those it has, in the order of a report; without a pick it keeps everything.
        counts: from the method, (C,) int64 rows in each cell and `Uniforms`, (C,) int64 rows to keep of
            each and how many cells the method's minimum raised.
        drawn: whether counts are drawn at random.
        even: whether a total is shared evenly over cells, not in proportion to what they hold.
        single: whether it keeps one row of each cell, which a uniform pick draws by one number a cell.
    """

    name: str
    alias: str
    help: str
    settings: tuple[str, ...]
    counts: Callable[[Method, Any, Uniforms], tuple[Any, Any]]
    drawn: bool = False
    even: bool = False
    single: bool = False


def _share_of_each(how: Method, counts: Any, uniforms: Uniforms) -> tuple[Any, Any]:
    from ..kernels import hashing, picks

    low, high = how.ratio
    drawn = uniforms(hashing.RATIO)
    rounding = uniforms(hashing.ROUND) if how.rounds else 0.0
    return picks.counts_from_ratio(counts, low + (high - low) * drawn, rounding, how.min_per_cell)


def _one(how: Method, counts: Any, uniforms: Uniforms) -> tuple[Any, int]:
    from ..kernels import picks

    return picks.at_most(counts, 1), 0


def _at_most_k(how: Method, counts: Any, uniforms: Uniforms) -> tuple[Any, int]:
    from ..kernels import picks

    assert how.k is not None
    return picks.at_most(counts, how.k), 0


def _all(how: Method, counts: Any, uniforms: Uniforms) -> tuple[Any, int]:
    return counts, 0


RULES = {
    rule.name: rule
    for rule in (
        Rule(
            "half-density",
            "half",
            "a random 30-70 % of every cell: thinner; relative density stays where cells hold many",
            ("ratio", "min_per_cell", "target", "pick", "compensate"),
            _share_of_each,
            drawn=True,
        ),
        Rule(
            "one-per-grid",
            "single",
            "one point of every cell: density becomes even",
            ("target", "pick", "compensate"),
            _one,
            even=True,
            single=True,
        ),
        Rule(
            "k-per-grid",
            "",
            "at most K points of every cell: thins only what is over-dense",
            ("k", "target", "pick", "compensate"),
            _at_most_k,
            even=True,
        ),
        Rule("dense", "", "everything", (), _all),
    )
}
NAMES = tuple(RULES)
ALIASES = {rule.alias: rule.name for rule in RULES.values() if rule.alias}


def method(name: str, **given: Unpack[Given]) -> Method:
    """A `Method` with the settings that were given; None means not given.

    Raises:
        UsageError: an unknown name, a setting that the method does not use, or a bad value.
    """
    return methods([name], **given)[0]


def methods(names: Sequence[str], **given: Unpack[Given]) -> list[Method]:
    """Several methods that share their settings; each setting must serve at least one of them."""
    full = [ALIASES.get(name, name) for name in names]
    for name in full:
        if name not in NAMES:
            raise UsageError(f"no method {name!r}", remedy=did_you_mean(str(name), NAMES))
    if len(set(full)) < len(full):
        raise UsageError("the same method is asked for twice", remedy="use `repeat` for several draws of it")
    asked = {name: value for name, value in given.items() if value is not None}
    for name in asked:
        if name not in SETTINGS:
            raise TypeError(f"methods have no setting {name!r}")
        _require_use(name, full)
    for name in asked:
        if other := next((other for other in SETTINGS[name].replaces if other in asked), None):
            raise UsageError(f"`{name}` replaces `{other}`", remedy="give one of the two")
    replaced = {other for name in asked for other in SETTINGS[name].replaces}
    for name in full:
        for other in RULES[name].settings:
            if SETTINGS[other].needed and other not in asked and other not in replaced:
                raise UsageError(f"`method={name!r}` needs `{other}`, {SETTINGS[other].needed}")
    checked = {name: SETTINGS[name].check(name, value) for name, value in asked.items()}
    return [
        Method(name, **{key: checked[key] for key in RULES[name].settings if key in checked}) for name in full
    ]


def _require_use(setting: str, names: Sequence[str]) -> None:
    """Refuse a setting that none of the named methods has."""
    if any(setting in RULES[name].settings for name in names):
        return
    owners = [rule.name for rule in RULES.values() if setting in rule.settings]
    idle = f"`{setting}`"
    if len(owners) == 1:
        raise UsageError(
            f"{idle} belongs to `method={owners[0]!r}`", remedy=f"drop {idle} or use that method"
        )
    why = "" if RULES[names[0]].settings else ", which keeps everything"
    raise UsageError(f"{idle} has no effect with `method={names[0]!r}`{why}")
