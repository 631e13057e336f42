"""The island of a drill: connection, frequency, loads by class and the source's charge, one above the other."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.operate.island_facts import former_of, island_facts, island_table, picked_up
from gridloop.operate.island_settings import FIRST_STAGE_HZ, OVER_HZ, RANKS
from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Part, Trace, band, extended, line
from gridloop.operate.report.clock import LocalClock
from gridloop.operate.report.tables import BASELINE, CONTROLLED, RunTables
from gridloop.operate.report.words import escaped, number, table

AROUND = pd.Timedelta(hours=1.5)
LOOK = {"priority": style.CATEGORIES[0], "important": style.CATEGORIES[3], "other": style.CATEGORIES[1]}


def part(tables: RunTables, clock: LocalClock) -> Part | None:
    """The section; None where no island was planned."""
    rows = {run: _of(tables, run) for run in (CONTROLLED, BASELINE)}
    ours = rows[CONTROLLED]
    if ours.empty:
        return None
    hours = float(tables.ticks["hours"].min())
    facts = {run: island_facts(found, hours) for run, found in rows.items()}
    heading = "Island"
    if facts[CONTROLLED].get("open_h", 0.0) == 0:
        return Part("island", heading, "The connection did not open in the part of the day that was run.")
    first = pd.DatetimeIndex(ours.index[ours["connection", "closed"] < 0.5])
    since, until = first[0] - AROUND, first[-1] + pd.Timedelta(hours=hours) + AROUND
    near = ours[(ours.index >= since) & (ours.index <= until)]
    other = rows[BASELINE]
    other = other[(other.index >= since) & (other.index <= until)] if len(other) else other
    return Part(
        "island", heading, _says(facts[CONTROLLED], clock, first, hours), [_chart(near, other, clock, hours)],
        _table(facts) + _order(picked_up(ours), clock),
        "Frequency: lowest and highest of each interval, by droop and swing of one equivalent machine. "
        "Classes of load are drawn upon each other; what is not served is left white below the dotted line.",
    )  # fmt: skip


def _of(tables: RunTables, run: str) -> pd.DataFrame:
    flows = tables.island
    return island_table(flows[flows["run"] == run]) if len(flows) else pd.DataFrame()


def _chart(near: pd.DataFrame, other: pd.DataFrame, clock: LocalClock, hours: float) -> Chart:
    x = clock.steps(pd.DatetimeIndex(near.index), hours)
    shares = [0.35, 1.0, 1.2, 0.9, 0.8]
    domains = style.stacked(shares, 0.075)
    traces: list[Trace] = []
    state = near["connection", "closed"]
    traces.append(
        line(x, extended(1.0 - state), name="open", color=style.LIMIT, fill="tozeroy", yaxis="y", showlegend=False,
             fillcolor=style.tint(style.LIMIT, 0.25), hovertemplate="%{y:.0f}<extra>connection open</extra>")
    )  # fmt: skip
    dark = _dark(near)
    if dark.any():
        traces.append(
            line(x, extended(1.0 * dark), name="dark", color=style.INK, fill="tozeroy", yaxis="y",
                 fillcolor=style.tint(style.INK, 0.6), hovertemplate="%{y:.0f}<extra>without voltage</extra>")
        )  # fmt: skip
    for k, (first, last) in enumerate(_stretches(~dark)):
        part = near.iloc[first:last]
        traces += band(
            x[first : last + 1], extended(part["connection", "hz_min"]), extended(part["connection", "hz_max"]),
            name="frequency", color=style.CONTROLLED, yaxis="y2", unit="Hz", form=".3f", ends=("lowest", "highest"),
            alpha=0.35, **({"showlegend": False} if k else {}),
        )  # fmt: skip
    for value, name in ((FIRST_STAGE_HZ, "first stage of load shedding"), (OVER_HZ, "plants give way")):
        traces.append(
            line([x[0], x[-1]], [value, value], name=name, color=style.LIMIT, dash="4px,3px", width=1.2, yaxis="y2",
                 showlegend=False, hoverinfo="skip")
        )  # fmt: skip
    for name in RANKS:
        traces.append(
            line(x, extended(near[name, "served_mw"]), name=f"{name}, served", color=LOOK[name], yaxis="y3", width=1,
                 stackgroup="served", fillcolor=style.tint(LOOK[name], 0.55),
                 hovertemplate=f"%{{y:.2f}} MW<extra>{name}, served</extra>")
        )  # fmt: skip
    wanted = near[[(name, "wanted_mw") for name in RANKS]].sum(axis=1)
    traces.append(
        line(x, extended(wanted), name="wanted, all classes", color=style.INK, dash="dot", width=1.4, yaxis="y3")
    )
    former = former_of(near)
    traces.append(
        line(x, extended(near[former, "p_mw"]), name=f"{escaped(former)} gives", color=style.CONTROLLED, yaxis="y4",
             hovertemplate="%{y:.2f} MW<extra>the source gives</extra>")
    )  # fmt: skip
    ends = clock.x(pd.DatetimeIndex(near.index) + pd.Timedelta(hours=hours))
    traces.append(
        line(ends, 100 * near[former, "soc"], name="charge", shape="linear", color=style.CONTROLLED, yaxis="y5",
             digits=1, showlegend=False, hovertemplate="%{y:.0f} %<extra>charge of the source</extra>")
    )  # fmt: skip
    if len(other):
        traces.append(
            line(clock.x(pd.DatetimeIndex(other.index) + pd.Timedelta(hours=hours)), 100 * other[former, "soc"],
                 name="charge, uncontrolled", shape="linear", color=style.UNCONTROLLED, yaxis="y5", digits=1,
                 showlegend=False, hovertemplate="%{y:.0f} %<extra>uncontrolled</extra>")
        )  # fmt: skip
    titles = (
        "Connection open, and dark" if dark.any() else "Connection open",
        "Frequency",
        "Loads by class",
        "What the source gives",
        "Its state of charge",
    )
    layout = style.base_layout(820) | {
        "modebar": {"orientation": "v"},
        "xaxis": clock.axis(anchor="y5") | {"range": [x[0], x[-1]], "nticks": 9},
        "annotations": [style.panel_title(t, top) for t, (_, top) in zip(titles, domains, strict=True)],
    }
    units = ("", "Hz", "MW", "MW", "%")
    more: list[dict[str, object]] = [
        {"range": [0, 1.05], "showticklabels": False}, {}, {"rangemode": "tozero"},
        {"zeroline": True, "zerolinecolor": style.OTHER}, {"range": [0, 102]},
    ]  # fmt: skip
    for k, (unit, domain, extra) in enumerate(zip(units, domains, more, strict=True)):
        layout["yaxis" if k == 0 else f"yaxis{k + 1}"] = style.value_axis(unit, domain=list(domain), **extra)
    return Chart("chart-island", traces, layout, "Connection, frequency, loads by class and the source over the island")


def _dark(near: pd.DataFrame) -> pd.Series:
    """Whether an interval was without voltage as a whole, as its frequency says."""
    return near["connection", "hz_min"].isna()


def _stretches(there: pd.Series) -> list[tuple[int, int]]:
    """First and last but one of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], there.to_numpy(dtype=int), [0]])))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _says(facts: dict[str, object], clock: LocalClock, first: pd.DatetimeIndex, hours: float) -> str:
    lost = {name: _figure(facts, f"{name}_unserved_mwh") for name in RANKS}
    said = [
        f"The connection opened at {clock.says(first[0])} without a word and was open for "
        f"{number(_figure(facts, 'open_h'), 2)} h.",
        f"{escaped(facts['former'])} held the island between {number(_figure(facts, 'hz_min'), 2)} and "
        f"{number(_figure(facts, 'hz_max'), 2)} Hz.",
    ]
    if lost["priority"] <= 1e-6:
        said.append("Every priority load was served throughout.")
    else:
        said.append(f"Of the priority load {number(lost['priority'], 3)} MWh were not served.")
    if _figure(facts, "dark_h") > 0:
        said.append(f"It was dark for {number(_figure(facts, 'dark_h'), 2)} h.")
    if facts.get("picked_up"):
        said.append(
            f"From black {number(_figure(facts, 'picked_up'), 0)} circuits were switched on one after the other, from "
            f"{number(_figure(facts, 'pick_up_first_h'), 2)} to {number(_figure(facts, 'pick_up_last_h'), 2)} h after "
            f"it had opened; the deepest pick-up took the frequency to {number(_figure(facts, 'pick_up_hz_min'), 2)} "
            "Hz."
        )
    if facts.get("closing_closed_s") is not None and facts.get("closing_angle_deg") is None:
        said.append(f"The grid was closed onto the dark island, {number(_figure(facts, 'closing_closed_s'), 0)} s into "
                    "its last interval.")  # fmt: skip
    elif facts.get("closing_closed_s") is not None:
        said.append(
            f"It came back {number(_figure(facts, 'closing_closed_s'), 0)} s into its last interval, at "
            f"{number(_figure(facts, 'closing_frequency_hz'), 3, sign=True)} Hz, "
            f"{number(_figure(facts, 'closing_voltage_pu'), 4, sign=True)} pu and "
            f"{number(_figure(facts, 'closing_angle_deg'), 2, sign=True)}° from the grid."
        )
    else:
        said.append("It had not come back when the run ended.")
    return " ".join(said)


def _order(order: pd.DataFrame, clock: LocalClock) -> str:
    """Who came back from black, in which order, and the AC state after every switching; no row of it is left out."""
    if order.empty:
        return ""
    names = ["at", "circuits", "take at the switch, MW", "on in all, MW", "lowest Hz", "voltages, pu", "loading, %"]
    cells = [
        [
            at.round("s").tz_convert(clock.zone).strftime("%H:%M:%S"),
            ", ".join(escaped(name) for name in rows["circuit"]),
            number(float(rows["takes_mw"].sum()), 3), number(float(rows["load_mw"].iloc[0]), 3),
            number(float(rows["hz_min"].iloc[0]), 2),
            f"{number(float(rows['v_min_pu'].iloc[0]), 3)} … {number(float(rows['v_max_pu'].iloc[0]), 3)}",
            number(float(rows["loading_max_pct"].iloc[0]), 1),
        ]
        for at, rows in ((pd.Timestamp(str(at)), rows) for at, rows in order.groupby("at"))
    ]  # fmt: skip
    return "<h3>Back from black</h3>" + table(names, cells, numeric=(2, 3, 4, 6))


def _figure(facts: dict[str, object], name: str) -> float:
    value = facts.get(name)
    return float(value) if isinstance(value, int | float) else float("nan")


def _table(facts: dict[str, dict[str, object]]) -> str:
    ours, theirs = facts[CONTROLLED], facts[BASELINE]
    rows = [("connection open, h", "open_h", 2), ("dark, h", "dark_h", 2)]
    rows += [(f"{name} load not served, MWh", f"{name}_unserved_mwh", 3) for name in RANKS]
    rows += [
        ("lowest frequency, Hz", "hz_min", 2),
        ("highest frequency, Hz", "hz_max", 2),
        ("lowest state of charge of the source", "soc_min", 2),
        ("largest error of the balance, W", "balance_max_mw", 2),
    ]
    watts = {"balance_max_mw": 1e6}
    cells = [
        [escaped(name), *(number(watts.get(key, 1.0) * _figure(way, key), digits) for way in (ours, theirs))]
        for name, key, digits in rows
    ]
    return table(["", "controlled", "uncontrolled: relays alone"], cells, numeric=(1, 2))
