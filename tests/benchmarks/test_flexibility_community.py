"""What is said of the plant's split: a promise that is not kept is missed, whatever the split itself calls missing."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from benchmarks.flexibility_community import CASES, rows
from benchmarks.harness import Bench

from gridloop.optimize.vpp.plant import VirtualPowerPlant


@pytest.mark.data
@pytest.mark.parametrize(("more_mw", "word"), [(0.0, "Kept: "), (10.0, "MISSED: "), (1e-7, "MISSED: ")])
def test_a_promise_that_is_not_kept_is_missed(data_dir: Path, monkeypatch, more_mw: float, word: str):
    """`more_mw` is promised on top of the block; in hours with empty batteries and no sun nobody can give it."""
    blocks = VirtualPowerPlant.blocks

    def more(self: VirtualPowerPlant, scenarios: pd.DataFrame) -> pd.DataFrame:
        table = blocks(self, scenarios)
        return table.assign(injection_mw=table["injection_mw"] + more_mw)

    monkeypatch.setattr(VirtualPowerPlant, "blocks", more)
    bench = Bench(data=str(data_dir), cases=(CASES[1],), quick=True)
    (row,) = rows(bench)
    assert row.notes[0].startswith(word)
