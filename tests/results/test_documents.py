from __future__ import annotations

import json

import numpy as np
import pytest

from gscli import __version__
from gscli.results import documents


def test_a_document_says_first_what_it_is():
    content = documents.document("gscli/test/1", n=1)
    assert list(content.items()) == [("schema", "gscli/test/1"), ("version", __version__), ("n", 1)]


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.float32(0.5), 0.5),
        ((1, np.int64(2)), [1, 2]),
        ({3: float("nan")}, {"3": None}),
        ([float("inf"), [-np.inf]], [None, [None]]),
        (True, True),
        (None, None),
    ],
)
def test_a_document_is_of_the_types_that_json_gives_back(value, plain):
    content = documents.document("gscli/test/1", value=value)
    assert content["value"] == plain
    assert type(content["value"]) is type(plain)
    assert json.loads(documents.dumps(content)) == content
