"""A directory is the registry: a module in it is an entry, found by its name and imported when asked for."""

import sys
from dataclasses import dataclass

import pytest

from gscli.errors import UsageError
from gscli.registry import Registry


@dataclass(frozen=True)
class Shape:
    corners: int


@pytest.fixture
def shapes(tmp_path, monkeypatch) -> Registry[Shape]:
    package = tmp_path / "shapes_for_a_test"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "_parts.py").touch()
    for name, corners in (("square", 4), ("five_sided", 5)):
        (package / f"{name}.py").write_text(
            f"from tests.test_registry import Shape\n\nSHAPE = Shape({corners})\n"
        )
    (package / "empty.py").write_text("SHAPE = 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield Registry("shapes_for_a_test", Shape, separator="-", beside=("any",))
    for name in [name for name in sys.modules if name.startswith("shapes_for_a_test")]:
        del sys.modules[name]


def test_names_are_found_without_importing_a_module_and_private_parts_are_none(shapes):
    assert shapes.names() == ("empty", "five-sided", "square")
    assert [name for name in sys.modules if name.startswith("shapes_for_a_test.")] == []


def test_an_entry_is_the_record_of_its_module(shapes):
    assert shapes.get("five-sided") == Shape(5)
    assert "five-sided" in shapes
    assert "five_sided" not in shapes


def test_a_name_that_is_none_is_refused_with_the_nearest_or_with_all(shapes):
    with pytest.raises(UsageError, match="no shape 'sqare'; did you mean square"):
        shapes.get("sqare")
    with pytest.raises(UsageError, match="no shape 'x'; choose from any, empty, five-sided, square"):
        shapes.get("x")


def test_a_module_without_a_record_is_a_mistake_of_whoever_wrote_it(shapes):
    with pytest.raises(TypeError, match=r"empty defines no SHAPE = Shape"):
        shapes.get("empty")
