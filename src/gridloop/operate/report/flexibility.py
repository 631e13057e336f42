"""What can move: state of charge of the batteries, their power, and EV charging with and without control."""

from __future__ import annotations

import pandas as pd

from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Part, Trace, band, extended, line
from gridloop.operate.report.clock import LocalClock
from gridloop.operate.report.tables import CONTROLLED, RunTables
from gridloop.operate.report.words import count, number


def charge_states(tables: RunTables) -> pd.DataFrame:
    """State of charge of every battery by the end of each interval: valid_at × device, 0 to 1.

    The first interval of each plan: what the loop reckoned with.
    """
    rows = tables.plans[tables.plans["quantity"] == "soc"]
    first = rows[rows["valid_at"] == rows["issued_at"]] if len(rows) else rows
    if first.empty:
        return pd.DataFrame()
    last = first.drop_duplicates(["valid_at", "device"], keep="last")
    return last.pivot(index="valid_at", columns="device", values="value").astype(float).sort_index()


def part(tables: RunTables, clock: LocalClock) -> Part:
    """The section with panels for charge, battery power and EV charging."""
    heading = "Batteries and electric vehicles"
    if not tables.runs:
        return Part("flexibility", heading, "No tick was stored.")
    soc = charge_states(tables)
    panels = [*(["soc"] if len(soc) else []), "stored", "battery", "ev"]
    domains = style.stacked([1.0] * len(panels), 0.085)
    layout = style.base_layout(110 + 175 * len(panels)) | {
        "xaxis": clock.axis(anchor=f"y{len(panels)}"),
        "annotations": [style.panel_title(_title(p, soc), top) for p, (_, top) in zip(panels, domains, strict=True)],
    }
    traces: list[Trace] = []
    for i, panel in enumerate(panels):
        axis = "y" if i == 0 else f"y{i + 1}"
        unit = {"soc": "%", "stored": "MWh", "battery": "MW", "ev": "MW"}[panel]
        more = {"rangemode": "tozero"} if panel != "battery" else {"zeroline": True, "zerolinecolor": style.OTHER}
        layout["yaxis" if i == 0 else f"yaxis{i + 1}"] = style.value_axis(unit, domain=list(domains[i]), **more)
        if panel == "soc":
            layout["yaxis"] |= {"range": [0, 102]}
            hours = float(tables.ticks["hours"].min())
            traces += _soc(soc, hours, clock, axis)
        else:
            column = {"stored": "stored_mwh", "battery": "battery_mw", "ev": "ev_mw"}[panel]
            traces += _runs(tables, clock, column, axis, unit, show=i == len(panels) - 1)
    chart = Chart("chart-flexibility", traces, layout, "State of charge, battery power and EV charging over the day")
    return Part("flexibility", heading, _says(tables), [chart], note="Charging is positive, discharging negative.")


def _title(panel: str, soc: pd.DataFrame) -> str:
    return {
        "soc": f"State of charge of {count(soc.shape[1], 'battery', 'batteries')}",
        "stored": "Energy stored in all batteries",
        "battery": "Battery power",
        "ev": "EV charging",
    }[panel]


def _soc(soc: pd.DataFrame, hours: float, clock: LocalClock, axis: str) -> list[Trace]:
    x = clock.x(pd.DatetimeIndex(soc.index) + pd.Timedelta(hours=hours))
    pct = soc * 100
    spread = band(
        x,
        pct.min(axis=1),
        pct.max(axis=1),
        name="all batteries",
        color=style.CONTROLLED,
        yaxis=axis,
        unit="%",
        form=".0f",
        shape="linear",
        ends=("emptiest", "fullest"),
        alpha=0.14,
    )
    half = band(
        x,
        pct.quantile(0.25, axis=1),
        pct.quantile(0.75, axis=1),
        name="middle half",
        color=style.CONTROLLED,
        yaxis=axis,
        unit="%",
        form=".0f",
        shape="linear",
        ends=("lower quartile", "upper quartile"),
        alpha=0.28,
    )
    median = line(
        x,
        pct.median(axis=1),
        name="median",
        shape="linear",
        color=style.CONTROLLED,
        yaxis=axis,
        digits=1,
        hovertemplate="%{y:.0f} %<extra>median</extra>",
    )
    return [*spread, *half, median]


def _runs(tables: RunTables, clock: LocalClock, column: str, axis: str, unit: str, show: bool) -> list[Trace]:
    traces = []
    for run in tables.runs:
        ticks = tables.ticks_of[run]
        if column in ticks and ticks[column].notna().any():
            name, hours = style.RUN_NAME[run], float(ticks["hours"].iloc[-1])
            # Power is a mean over its interval; what is stored is a state at the interval's end.
            is_state = column == "stored_mwh"
            ends = pd.DatetimeIndex(ticks["valid_at"]) + pd.Timedelta(hours=hours)
            traces.append(
                line(
                    clock.x(ends) if is_state else clock.steps(ticks["valid_at"], hours),
                    ticks[column] if is_state else extended(ticks[column]),
                    shape="linear" if is_state else "hv",
                    name=name,
                    color=style.RUN_COLOR[run],
                    yaxis=axis,
                    legendgroup=run,
                    showlegend=show,
                    hovertemplate=f"%{{y:.2f}} {unit}<extra>{name}</extra>",
                )
            )
    return traces


def _says(tables: RunTables) -> str:
    said = []
    ticks = tables.ticks_of.get(CONTROLLED)
    if ticks is not None:
        energy = ticks["battery_mw"].astype(float) * ticks["hours"].astype(float)
        taken, given = energy.clip(lower=0).sum(), -energy.clip(upper=0).sum()
        said.append(f"The batteries took {number(taken, 1)} MWh and gave {number(given, 1)} MWh back.")
    charged = {
        run: float((t["ev_mw"].astype(float) * t["hours"].astype(float)).sum()) for run, t in tables.ticks_of.items()
    }
    if charged:
        figures = " and ".join(f"{number(mwh, 1)} MWh {style.RUN_NAME[run]}" for run, mwh in reversed(charged.items()))
        said.append(f"EVs took {figures}.")
        said += _owed(tables)
    return " ".join(said)


def _owed(tables: RunTables) -> list[str]:
    """What plugged-in vehicles still wait for at the end of the day; nothing where the store does not say."""
    last = {run: ticks.iloc[-1].get("ev_owed_mwh") for run, ticks in tables.ticks_of.items()}
    known = {run: float(mwh) for run, mwh in last.items() if mwh is not None and not pd.isna(mwh)}
    if not known or max(known.values()) < 0.05:
        return []
    figures = " and ".join(f"{number(mwh, 1)} MWh {style.RUN_NAME[run]}" for run, mwh in reversed(known.items()))
    return [f"Vehicles still plugged in at the end have {figures} to come."]
