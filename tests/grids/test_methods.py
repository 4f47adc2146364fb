"""What the tables say of methods is what they do, and what a method says of itself can be read back."""

import json
import pickle

import numpy as np
import pytest

from gscli.errors import UsageError
from gscli.grids.methods import ALIASES, NAMES, RULES, SETTINGS, Method, method, methods
from gscli.grids.picking import PICKS
from gscli.grids.voxel_grid import VoxelGrid
from gscli.kernels import hashing

# For each setting a value that is not its default.
OTHER = {
    "ratio": (0.25, 0.5),
    "min_per_cell": 3,
    "target": "12.5%",
    "k": 7,
    "pick": "opacity",
    "compensate": "opacity",
}
OWNED = [(rule.name, setting) for rule in RULES.values() for setting in rule.settings]
FOREIGN = [(name, setting) for name in NAMES for setting in SETTINGS if (name, setting) not in OWNED]
XYZ = np.random.default_rng(0).normal(size=(3000, 3))


def needs(name):
    """The settings that a method cannot do without."""
    return {setting: OTHER[setting] for setting in RULES[name].settings if SETTINGS[setting].needed}


def with_setting(name, setting):
    """A setting of a method beside those that it cannot do without."""
    kept = {key: value for key, value in needs(name).items() if key not in SETTINGS[setting].replaces}
    return {**kept, setting: OTHER[setting]}


def every_method():
    for name in NAMES:
        yield method(name, **needs(name))
        for setting in RULES[name].settings:
            yield method(name, **with_setting(name, setting))


def words(how):
    return dict(word.split("=", 1) for word in how.words())


def test_every_setting_is_tried_here():
    assert set(OTHER) == set(SETTINGS)


@pytest.mark.parametrize(("name", "setting"), OWNED)
def test_a_setting_makes_another_method_and_is_told(name, setting):
    how = method(name, **with_setting(name, setting))
    kept = getattr(how, setting)
    assert getattr(kept, "name", kept) == OTHER[setting]
    assert setting in how.settings()
    assert setting in words(how)
    if not SETTINGS[setting].needed:
        assert how != method(name, **needs(name))


@pytest.mark.parametrize("how", list(every_method()), ids=str)
def test_what_a_report_or_a_comment_tells_is_read_back(how):
    told = json.loads(json.dumps({"method": how.name, **how.settings()}))
    assert Method.of(told) == how
    assert Method.of_words(words(how)) == how


@pytest.mark.parametrize(
    ("how", "spelt"),
    [
        (method("half"), "method=half-density ratio=0.3:0.7 min_per_cell=1 pick=random"),
        (method("half", ratio=(0, 1)), "method=half-density ratio=0.0:1.0 min_per_cell=1 pick=random"),
        (method("half", target=5, pick="center"), "method=half-density target=5 pick=center"),
        (method("k-per-grid", k=np.int64(8)), "method=k-per-grid k=8 pick=random"),
        (method("single", pick="opacity"), "method=one-per-grid pick=opacity"),
        (method("k-per-grid", target="2%"), "method=k-per-grid target=2% pick=random"),
        (method("single", compensate="opacity"), "method=one-per-grid pick=random compensate=opacity"),
        (method("dense"), "method=dense"),
    ],
)
def test_the_words_of_a_comment(how, spelt):
    assert " ".join(how.words()) == spelt


@pytest.mark.parametrize("how", list(every_method()), ids=str)
def test_a_method_survives_a_pickle(how):
    assert pickle.loads(pickle.dumps(how)) == how


@pytest.mark.parametrize(("name", "setting"), FOREIGN)
def test_a_setting_of_other_methods_is_refused(name, setting):
    with pytest.raises(UsageError, match=r"belongs to|has no effect"):
        method(name, **with_setting(name, setting))


@pytest.mark.parametrize(("name", "setting"), OWNED)
def test_a_setting_may_be_shared_with_methods_that_do_not_have_it(name, setting):
    shared = with_setting(name, setting)
    first, second = methods(["dense", name], **shared)
    assert first == method("dense")
    assert second == method(name, **shared)


@pytest.mark.parametrize("setting", [name for name, setting in SETTINGS.items() if setting.replaces])
def test_a_setting_that_replaces_others_stands_alone(setting):
    for other in SETTINGS[setting].replaces:
        owner = next(name for name in NAMES if {(name, setting), (name, other)} <= set(OWNED))
        with pytest.raises(UsageError, match="replaces"):
            method(owner, **{setting: OTHER[setting], other: OTHER[other]})
        assert other not in method(owner, **{setting: OTHER[setting]}).settings()


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "k-per-grid"},
        {"name": "k-per-grid", "k": 0},
        {"name": "k-per-grid", "k": True},
        {"name": "k-per-grid", "k": 2**63},
        {"name": "half", "ratio": (0.7, 0.3)},
        {"name": "half", "ratio": (float("nan"), 0.5)},
        {"name": "half", "ratio": (0.3, 1.1)},
        {"name": "half", "ratio": 0.5},
        {"name": "half", "ratio": ("0.3", "0.7")},
        {"name": "half", "ratio": (0.1, 0.2, 0.3)},
        {"name": "half", "min_per_cell": -1},
        {"name": "half", "min_per_cell": 1.0},
        {"name": "half", "pick": "best"},
        {"name": "half", "compensate": "color"},
        {"name": "half", "compensate": ["opacity"]},
        {"name": "third"},
    ],
    ids=str,
)
def test_settings_without_sense_are_usage_errors(settings):
    with pytest.raises(UsageError):
        method(**settings)


def test_a_setting_that_no_method_has_is_a_mistake_of_the_caller():
    with pytest.raises(TypeError, match="'ratoi'"):
        method("half", ratoi=(0.1, 0.2))


def test_what_has_no_effect_may_be_null_in_a_report_and_nothing_else():
    assert Method.of({"method": "dense", "pick": None}) == method("dense")
    assert Method.of({"method": "single", "pick": "random", "ratio": None}) == method("single")
    with pytest.raises(UsageError, match="pick of one-per-grid"):
        Method.of({"method": "one-per-grid", "pick": None})
    with pytest.raises(KeyError):
        Method.of({"pick": "random"})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("pick", [pick.name for pick in PICKS.values() if pick.uniform])
def test_a_method_uses_the_seed_where_two_seeds_draw_differently(name, pick):
    grid = VoxelGrid.from_points(XYZ, voxel_size=0.5)
    given = {"pick": pick} if RULES[name].settings else {}
    how = method(name, **{**needs(name), **given})
    one, two = (grid.draw(how, seed=seed).rows.tolist() for seed in (1, 2))
    assert how.uses_seed == (one != two)


@pytest.mark.parametrize("how", list(every_method()), ids=str)
def test_counts_are_within_the_cells_and_drawn_where_the_rule_says_so(how):
    grid = VoxelGrid.from_points(XYZ, voxel_size=0.5)
    one, two = (grid.wanted(how, seed=seed, epoch=0)[0] for seed in (1, 2))
    assert ((one >= 0) & (one <= grid.counts)).all()
    assert (one != two).any() == how.drawn
    assert (one == 1).all() == (how.rule.single and how.target is None)
    assert (one == grid.counts).all() == (not how.picks)


def test_names_and_aliases_are_all_different_and_draw_from_streams_of_their_own():
    assert len({*NAMES, *ALIASES}) == len(NAMES) + len(ALIASES)
    assert set(NAMES) < set(hashing.METHODS)
    assert {alias: method(alias).name for alias in ALIASES} == ALIASES
