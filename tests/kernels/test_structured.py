"""Rows of structured arrays are looked at without a copy."""

from __future__ import annotations

import numpy as np
import pytest

from gscli.kernels import structured


@pytest.mark.parametrize("step", [1, 2, 3, 7])
def test_one_row_in_so_many_is_a_view(step: int) -> None:
    kind = np.dtype({"names": ["b", "a"], "formats": ["u1", "<f4"], "offsets": [5, 0], "itemsize": 7})
    rows = np.zeros(20, kind)
    rows["a"], rows["b"] = np.arange(20) / 8, np.arange(20)
    found = structured.every(rows, step)
    assert np.shares_memory(found, rows)
    assert found.dtype.names == ("b", "a")
    for name in ("a", "b"):
        assert found[name].tolist() == rows[name][::step][: 20 // step].tolist()
    spread = rows[::2]
    assert structured.every(spread, step)["b"].tolist() == spread["b"][::step][: 10 // step].tolist()
