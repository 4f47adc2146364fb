"""What `import gscli` offers, in whatever order its parts are imported."""

from __future__ import annotations

import pickle
import pydoc
import subprocess
import sys
from types import FunctionType, ModuleType

import pytest

import gscli

TOOLS = (
    "align",
    "compare",
    "convert",
    "coprune",
    "edit",
    "info",
    "lod",
    "render",
    "resample",
    "simplify",
    "verify",
    "view",
    "watch",
)


@pytest.mark.parametrize("name", gscli.__all__)
def test_every_public_name_is_there_and_listed(name):
    assert name in dir(gscli)
    value = getattr(gscli, name)
    assert isinstance(value, FunctionType) == (name in (*TOOLS, "read", "write"))
    assert isinstance(value, ModuleType) == (name in ("formats", "neighbors", "training"))


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'gscli' has no attribute 'resmaple'"):
        gscli.resmaple  # noqa: B018


@pytest.mark.parametrize(
    "order",
    [
        "import gscli; found = gscli.{name}",
        "import gscli.{name}; found = gscli.{name}",
        "import gscli.{name} as found",
        "from gscli import {name} as found",
        "from gscli.{name} import {name} as found",
        "import gscli; gscli.{name}; import gscli.{name}; found = gscli.{name}",
        "import gscli.cli, gscli.demo, gscli.report.html; found = gscli.{name}",
        "import importlib; importlib.import_module('gscli.{name}'); import gscli; found = gscli.{name}",
    ],
)
def test_a_tool_is_its_function_in_every_order_of_imports(order):
    lines = ["import sys", "def check(found, name):"]
    lines += ["    assert found is sys.modules[f'gscli.{name}'].__dict__[name], (found, name)"]
    for name in TOOLS:
        lines += [order.format(name=name), f"check(found, {name!r})"]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", TOOLS)
def test_a_tool_can_be_pickled(name):
    assert pickle.loads(pickle.dumps(getattr(gscli, name))) is getattr(gscli, name)


def test_help_tells_of_the_tools():
    page = pydoc.plain(pydoc.render_doc(gscli))
    for name in TOOLS:
        assert f"\n    {name}(" in page, name
