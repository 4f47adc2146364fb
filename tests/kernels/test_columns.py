"""Columns are taken out of rows value for value, whatever lies between them."""

from __future__ import annotations

import numpy as np
import pytest

from gscli.kernels.columns import abreast, gather, interleave, spread, square_sums

pytestmark = pytest.mark.usefixtures("kernels")

KINDS = {
    "floats": [("a", "<f4"), ("b", "<f4"), ("c", "<f4"), ("d", "<f4")],
    "odd places": [("a", "<f4"), ("label", "u1"), ("b", "<f4"), ("c", "<f4"), ("x", "u1", 6), ("d", "<f4")],
    "other types": [("a", "<f4"), ("b", "<f8"), ("c", "<i2"), ("d", "<f4")],
    "other byte order": [("a", ">f4"), ("b", ">f4"), ("c", ">f4"), ("d", ">f4")],
}


@pytest.fixture(params=KINDS)
def rows(request):
    rng = np.random.default_rng(0)
    made = np.zeros(1000, KINDS[request.param])
    for name in "abcd":
        made[name] = rng.normal(size=1000) * 100
    if made.dtype["a"].kind == "f":
        made["a"][:3] = np.nan, -0.0, np.inf
    return made


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("names", [["a"], ["d", "b"], ["c", "a", "d", "b"]])
def test_columns_are_gathered_into_their_place(rows, names, kind):
    out = np.full((len(names), 1203), 7, kind)
    gather(rows, names, out, 200)
    gather(rows[::300], names, out, 1199)
    for plane, name in zip(out, names, strict=True):
        np.testing.assert_array_equal(plane[200:1199], rows[name].astype(kind)[:999])
        np.testing.assert_array_equal(plane[1199:], rows[name].astype(kind)[::300])
        assert (plane[:200] == 7).all()
        assert np.signbit(plane[201]) == np.signbit(rows[name][1])


@pytest.mark.parametrize("names", [["a"], ["b", "c"], ["c", "b"], ["a", "b", "c", "d"]])
def test_columns_are_seen_abreast_where_they_lie_so(rows, names):
    kinds = [rows.dtype[name] for name in names]
    offsets = [rows.dtype.fields[name][1] for name in names]
    beside = all(b - a == 4 for a, b in zip(offsets, offsets[1:], strict=False))
    found = abreast(rows, names)
    assert (found is not None) == (beside and all(kind == np.float32 for kind in kinds))
    if found is not None:
        np.testing.assert_array_equal(found, np.stack([rows[name] for name in names], axis=1))
        assert np.shares_memory(found, rows)
    assert abreast(rows[::2], names) is None


@pytest.mark.parametrize("names", [[], ["b"], ["d", "b", "c"]])
def test_squares_are_added_in_float64_in_their_order(rows, names):
    expected = []
    for row in rows:
        total = 0.0
        for name in names:
            total += float(row[name]) * float(row[name])
        expected.append(total)
    np.testing.assert_array_equal(square_sums(rows, names), expected)
    assert square_sums(rows[:0], names).shape == (0,)


@pytest.mark.parametrize(("shape", "first"), [((2, 999), 0), ((2, 1000), 1), ((1, 1000), 0), ((2, 1000), -1)])
def test_planes_without_room_are_refused(rows, shape, first):
    with pytest.raises(ValueError, match=r"2 columns of 1000 rows .* do not fit"):
        gather(rows, ["a", "b"], np.zeros(shape, np.float32), first)


def test_planes_that_are_not_in_one_piece_are_filled_too(rows):
    out = np.zeros((1000, 2), np.float32).T
    gather(rows, ["b", "d"], out)
    np.testing.assert_array_equal(out[1], rows["d"].astype(np.float32))


@pytest.mark.parametrize("groups", [[["d"]], [["b", "a"], ["c"], ["d", "a", "c"]]])
def test_groups_of_columns_are_tables_of_their_own(rows, groups):
    finite = rows[3:]
    signed = [[(name, (-1.0) ** place) for place, name in enumerate(group)] for group in groups]
    for part in (finite, finite[:1], finite[::2], finite[:0]):
        tables, known = spread(part, signed)
        assert known
        for table, group in zip(tables, signed, strict=True):
            assert table.dtype == np.float32
            assert table.flags.c_contiguous
            expected = [part[name].astype(np.float32) * np.float32(sign) for name, sign in group]
            assert table.tobytes() == np.array(expected, np.float32).T.tobytes()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_noticed_in_any_column(rows, value):
    if rows.dtype["b"].kind != "f":
        pytest.skip("integers are finite")
    good = rows[3:]
    good["b"][500] = value
    assert not spread(good, [[("a", 1.0)], [("b", 1.0)]])[1]
    assert spread(good, [[("a", 1.0), ("d", -1.0)]])[1]


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.dtype(">f4")])
@pytest.mark.parametrize("step", [1, 2])
def test_tables_become_the_columns_that_they_are_called_by(rows, kind, step):
    rng = np.random.default_rng(1)
    wide = np.rint(rng.normal(size=(1000, 5)) * 100).astype(kind)
    wide[3] = -0.0
    if rows.dtype["c"].kind == "f":
        wide[:2, 3] = np.nan, -np.inf
    groups = [[("d", -1.0), ("a", 1.0)], [("b", 1.0), ("none", 1.0)]]
    tables = [
        (wide[:, 1:3], groups[0]),
        (wide[:, [4, 0]], groups[1]),
        (wide[:, 3:4].astype("<f4"), [("c", 1.0)]),
    ]
    before, out = rows.copy(), rows.copy()[::step]
    interleave(out, [(table[: len(out)], group) for table, group in tables])
    expected = {"a": wide[:, 2], "b": wide[:, 4], "c": wide[:, 3], "d": -wide[:, 1]}
    for name, values in expected.items():
        with np.errstate(all="ignore"):
            wanted = values[: len(out)].astype(out.dtype[name])
        np.testing.assert_array_equal(out[name], wanted)
        np.testing.assert_array_equal(np.copysign(1, out[name]), np.copysign(1, wanted))
    for name in set(out.dtype.names) - set("abcd"):
        assert out[name].tobytes() == before[name][::step].tobytes()
    interleave(out[:0], [(wide[:0, 1:2], [("a", 1.0)])])


@pytest.mark.parametrize("shape", [(999, 2), (1, 2), (1001, 2), (1000, 1), (1000, 3)])
def test_tables_of_another_shape_than_their_columns_are_refused(rows, shape):
    with pytest.raises(ValueError, match=r"2 columns of 1000 rows are not in"):
        interleave(rows, [(np.zeros(shape, np.float32), [("a", 1.0), ("d", 1.0)])])
