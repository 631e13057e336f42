"""Flexible devices: how long exact schedules take, and what recorded years and months come to beside their baselines.

One file per piece, each with its protocol at its head.
"""

from __future__ import annotations

from benchmarks import (
    flexibility_ageing,
    flexibility_battery,
    flexibility_battery_year,
    flexibility_building,
    flexibility_community,
    flexibility_compressors,
    flexibility_dr,
    flexibility_ev,
    flexibility_ev_month,
    flexibility_grid,
    flexibility_microgrid,
    flexibility_process,
    flexibility_whole,
)
from benchmarks.harness import Bench
from benchmarks.result import Row

NAME = "flexibility"
PARTS = (
    flexibility_battery, flexibility_battery_year, flexibility_ageing, flexibility_ev, flexibility_ev_month,
    flexibility_dr, flexibility_community, flexibility_grid, flexibility_building,
    flexibility_microgrid, flexibility_process,
    flexibility_whole, flexibility_compressors,
)  # fmt: skip


def run(bench: Bench) -> list[Row]:
    """The rows of all parts, or those of the cases that are asked for."""
    return [row for part in PARTS for row in part.rows(bench)]
