"""The small site without wind: at night nothing is generated, and its batteries are too small for an island."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from small_site import write_small_site

DRILL = """
[island]
start_h = 2.0
hours = 6.0
priority = "load3"
important = "load2"
droop_pct = 1.0
survive_h = 4.0
"""
TICKS = 29


def windless(folder: Path, ticks: int = TICKS, extra: str = DRILL) -> Path:
    """The small site without wind: at night nothing is generated."""
    site = write_small_site(folder, ticks=ticks, sessions=0, extra=extra)
    path = folder / "profiles" / "generation_mw.csv"
    table = pd.read_csv(path, index_col=0)
    table.assign(wind=0.0).to_csv(path)
    return site
