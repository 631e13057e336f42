"""Laws that every island has to keep, looked for in what was told of it; none of them uses what made it."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

from gridloop.operate.island_facts import SAME_MW, former_of, rows_of, steps_of
from gridloop.operate.island_settings import FIRST_STAGE_HZ, RANKS

SAME_SOC = 1e-6
Row = dict[tuple[str, str], float]


def broken(table: pd.DataFrame) -> list[str]:
    """Laws of an island that do not hold; nothing where all do.

    Balance in every interval; the source within its room; no load served from below its floor; nobody of a lower class
    served while a higher one is not; at every step of a black start the frequency above the first stage, and nobody
    of a lower class on while one of a higher would fit; the breaker closed within its window only, or onto the dark.
    """
    if table.empty:
        return []
    former, before = former_of(table), math.nan
    found: list[str] = []
    for at, row in rows_of(table):
        if row["connection", "closed"] < 0.5:
            found += [f"{at}: {text}" for text in _of_interval(row, former, before)]
        before = row[former, "soc"]
    return found


def _of_interval(row: Row, former: str, before: float) -> Iterator[str]:
    balance = row["connection", "balance_mw"]
    if not abs(balance) <= SAME_MW:
        yield f"{balance:.3g} MW are missing in the balance"
    for way, word in (("up", "give"), ("down", "take")):
        room = row.get((former, f"room_{way}_mw"), math.nan)
        if room < -SAME_MW:
            yield f"{former} is {-room:.3g} MW beyond what it can {word}"
    served = [row[name, "served_mw"] for name in RANKS]
    floor, soc = row.get((former, "floor"), math.nan), row[former, "soc"]
    if sum(served) > SAME_MW and soc < floor - SAME_SOC and soc < before - SAME_SOC:
        yield f"{former} serves from {soc:.3g} of its charge, below its floor of {floor:.3g}"
    steps = steps_of(row)
    for step in steps:
        yield from _of_step(step)
    if not steps:  # else who is on when is told step by step
        off = [row[name, "wanted_mw"] - got for name, got in zip(RANKS, served, strict=True)]
        for high, name in enumerate(RANKS):
            lower = sum(served[high + 1 :])
            if off[high] > SAME_MW and lower > SAME_MW:
                yield f"{off[high]:.3g} MW of {name} load are off while {lower:.3g} MW below it are served"
    yield from _of_closing(row)


def _of_step(step: dict[str, float]) -> Iterator[str]:
    if step["hz_min"] < FIRST_STAGE_HZ:
        yield f"a pick-up pulls the frequency to {step['hz_min']:.2f} Hz"
    for high, name in enumerate(RANKS):
        least, lower = step[f"{name}_next_mw"], sum(step[f"{n}_on_mw"] for n in RANKS[high + 1 :])
        if SAME_MW < least <= step["room_mw"] and lower > SAME_MW and step["switched"]:
            yield f"{name} load waits though {least:.3g} MW would fit, and load below it is switched on"


def _of_closing(row: Row) -> Iterator[str]:
    if math.isnan(row.get(("closing", "closed_s"), math.nan)):
        return
    onto_dark = row.get(("connection", "dark_h"), 0.0) > 0 and math.isnan(row["closing", "angle_deg"])
    for q in () if onto_dark else ("frequency_hz", "voltage_pu", "angle_deg"):
        if not abs(row["closing", q]) <= row["window", q]:
            yield f"closed at {row['closing', q]:.3g} of {q}, allowed is {row['window', q]:g}"
