"""Flexible devices: how long exact schedules take, and what recorded years and months come to beside their baselines.

One file per piece, each with its protocol at its head.
"""

from __future__ import annotations

from benchmarks import (
    flexibility_ageing,
    flexibility_battery,
    flexibility_battery_year,
    flexibility_community,
    flexibility_dr,
    flexibility_ev,
    flexibility_ev_month,
)
from benchmarks.harness import Bench
from benchmarks.result import Row

NAME = "flexibility"
PARTS = (
    flexibility_battery, flexibility_battery_year, flexibility_ageing, flexibility_ev, flexibility_ev_month,
    flexibility_dr, flexibility_community,
)  # fmt: skip


def run(bench: Bench) -> list[Row]:
    """The rows of all parts, or those of the cases that are asked for."""
    return [row for part in PARTS for row in part.rows(bench)]
