"""The page of a microgrid's study: charge and what is kept, how long an island would live, and how likely that was."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.operate.plots.study_page import LIMIT, Comparison, Curve, Panel, bars, build_study_page, profile, week_of
from gridloop.operate.report import style
from gridloop.operate.report.chart import Part
from gridloop.operate.report.words import number, table
from gridloop.optimize.microgrid.black_start import BlackStart
from gridloop.optimize.studies.microgrid import KEEP, REST, TRADE, IslandDays

LOOK = {REST: style.OTHER, TRADE: style.UNCONTROLLED, KEEP: style.CONTROLLED}
LOOK_ONLY = {way: {"color": color, "showlegend": False} for way, color in LOOK.items()}  # named once above
MOST_STEPS = 60


def build_microgrid_page(
    name: str, day: str, story: list[str], figures: Comparison, found: IslandDays, black: BlackStart, zone: str
) -> str:
    """The page; money is in the tariff's own currency."""
    hours, capacity = found.hours, found.battery.capacity_mwh
    least = 1e3 * found.battery.min_soc * capacity
    index = hours.index
    stored = [Curve(way, 1e3 * capacity * hours[f"{way}/soc"], {"color": LOOK[way]}) for way in (TRADE, KEEP)]
    panels = [
        Panel("Stored, at the beginning of the hour", "kWh",
              [*stored, Curve("kept for an island", least + 1e3 * hours["reserve_mwh"], LIMIT)]),
        Panel("An island that opens in this hour lives", "h",
              [*(Curve(way, hours[f"{way}/survived_h"], LOOK_ONLY[way]) for way in (TRADE, KEEP)),
               Curve("asked", pd.Series(found.plan.survive_h, index=index), LIMIT | {"showlegend": False})]),
        Panel("Probability to live as long as asked, foreseen", "%",
              [Curve("foreseen", 100 * found.foreseen, {"color": style.FORECAST})], 0.8),
        Panel("Load and sun", "kW",
              [Curve("load", 1e3 * hours["load_mw"], {"color": style.INK}),
               Curve("sun", 1e3 * hours["solar_mw"], {"color": style.CATEGORIES[1]})], 1.0),
        Panel("Tariff", "per MWh", [Curve("tariff", hours["price"], {"color": style.MUTED})], 0.7),
    ]  # fmt: skip
    week = profile("microgrid", panels, zone, "Charge, survival, probability, load and tariff over time",
                   week_of(hours["load_mw"], zone))  # fmt: skip
    edges = np.arange(0, found.plan.look_h + 1)
    labels = [f"{a} … {a + 1} h" for a in edges[:-1]]
    labels[-1] = f"{edges[-2]} h and more"
    shares = {}
    for way in (REST, TRADE, KEEP):
        counted = np.histogram(np.minimum(found.survived[way].hours, edges[-1] - 1e-9), bins=edges)[0]
        shares[way] = ([float(v) for v in 100 * counted / counted.sum()], LOOK[way])
    spread = bars("survival", labels, shares, "% of hours", "How long islands that open in every hour live, by way")
    rows = [
        [f"{60 * step.at_h:.0f} min", step.id, number(1e3 * step.pick_up_mw, 1), number(1e3 * step.total_mw, 1),
         number(step.nadir_hz, 2)]
        for step in black.steps[:MOST_STEPS]
    ]  # fmt: skip
    head = ["after", "circuit", "takes at once, kW", "in all, kW", "lowest frequency, Hz"]
    more = "" if len(black.steps) <= MOST_STEPS else f" The first {MOST_STEPS} of {len(black.steps)} are shown."
    why = "" if black.diagnosis is None else f" {' '.join(black.diagnosis.causes)} {black.diagnosis.advice}"
    parts = [
        Part("profile", "Before and after", f"The week of the highest load is shown first. Times are {zone}.", [week],
             note="Double-click to see all of the time."),
        Part("survival", "How long an island lives", "One island opens in every hour; who only trades keeps nothing.",
             [spread]),
        Part("black", "Black start", f"From the lowest charge of the days, priority circuits first.{more}{why}",
             html=f'<div class="scroll">{table(head, rows, numeric=(2, 3, 4))}</div>' if rows else ""),
    ]  # fmt: skip
    return build_study_page(name, day, story, figures, parts)
