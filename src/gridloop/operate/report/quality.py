"""How well and how fast it went: forecast scores against persistence, time per tick, and the audit trail."""

from __future__ import annotations

import pandas as pd

from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Part, Trace, numbers
from gridloop.operate.report.clock import LocalClock
from gridloop.operate.report.info import RunInfo
from gridloop.operate.report.tables import CONTROLLED, RunTables
from gridloop.operate.report.words import count, escaped, number, split_unit

KINDS = ("load", "solar", "wind")
# Share of a tick by what it was spent on; the solver's time is inside the plan's.
STAGES = (
    ("forecast_s", "forecast", style.FORECAST),
    ("build_s", "plan: building the model", "#56b4e9"),
    ("solver_s", "plan: solver", style.CONTROLLED),
    ("check_s", "independent check", "#009e73"),
    ("site_s", "site", "#cc79a7"),
    ("store_s", "store", style.OTHER),
)


def scores(info: RunInfo) -> Part:
    """Error of the forecasts beside that of persistence."""
    heading = "Forecast scores"
    result = info.result.get("forecast") or {}
    kinds = [kind for kind in KINDS if _known(result.get(f"{kind}_nmae_pct"))]
    if not kinds:
        return Part("scores", heading, "The forecasts of this run were not scored.")
    ours = [float(result[f"{kind}_nmae_pct"]) for kind in kinds]
    theirs = [_persistence(result, kind) for kind in kinds]
    traces: list[Trace] = [
        {
            "type": "bar",
            "orientation": "h",
            "y": [kind.capitalize() for kind in kinds],
            "x": numbers(values, 2),
            "name": name,
            "marker": {"color": color},
            "text": [f"{number(value, 1)} %" for value in values],
            "textposition": "outside",
            "cliponaxis": False,
            "hovertemplate": f"%{{x:.2f}} %<extra>{name}</extra>",
        }
        for name, color, values in (("persistence", style.UNCONTROLLED, theirs), ("forecast", style.FORECAST, ours))
    ]
    top = max(value for value in [*ours, *theirs] if value == value)
    layout = style.base_layout(110 + 62 * len(kinds)) | {
        "barmode": "group",
        "bargap": 0.35,
        "hovermode": "closest",
        "xaxis": style.value_axis("normalised mean absolute error, %", range=[0, 1.12 * top or 1]),
        "yaxis": style.value_axis("", autorange="reversed", showgrid=False),
    }
    layout["legend"] = layout["legend"] | {"traceorder": "reversed"}
    layout["margin"] = layout["margin"] | {"t": 40}
    pairs = [(kind, our, their) for kind, our, their in zip(kinds, ours, theirs, strict=True) if their == their]
    says = _verdict(pairs) if pairs else "There is no persistence to compare with."
    chart = Chart("chart-scores", traces, layout, "Forecast error by kind, beside persistence")
    return Part("scores", heading, says, [chart])


def _verdict(pairs: list[tuple[str, float, float]]) -> str:
    """Which kinds were forecast better than by persistence on this day, and which not."""
    better = [kind for kind, our, their in pairs if our < their]
    worse = [kind for kind, our, their in pairs if our >= their]
    said = "Over all leads up to 24 h, "
    if better:
        said += f"{' and '.join(better)} had a smaller error than persistence"
    if worse:
        said += f"{', ' if better else ''}{' and '.join(worse)} {'a larger or equal one' if better else ''}"
        said += "" if better else "had no smaller error than persistence"
    return f"{said.rstrip()} on this day."


def _known(value: object) -> bool:
    return isinstance(value, int | float) and value == value


def _persistence(result: dict[str, float], kind: str) -> float:
    value = result.get(f"persistence_{kind}_nmae_pct")
    return float(value) if _known(value) and value is not None else float("nan")


def timing(tables: RunTables, info: RunInfo, clock: LocalClock) -> Part:
    """Seconds per tick by stage."""
    heading = "Computing time"
    rows, ticks = tables.timings, tables.ticks_of.get(CONTROLLED)
    if rows.empty or ticks is None:
        return Part("timing", heading, "No timing was stored.")
    rows = rows.drop_duplicates("tick", keep="last").set_index("tick").astype(float)
    rows = rows.assign(build_s=(rows["plan_s"] - rows["solver_s"].fillna(0)).clip(lower=0))
    moments = ticks.set_index("tick")["valid_at"].reindex(rows.index).dropna()
    rows = rows.loc[moments.index]
    width = float(ticks["hours"].iloc[0]) * 3_600_000
    traces: list[Trace] = [
        {
            "type": "bar",
            "x": clock.x(pd.DatetimeIndex(moments)),
            "y": numbers(rows[column]),
            "width": width,
            "offset": 0,
            "name": name,
            "marker": {"color": color, "line": {"width": 0}},
            "hovertemplate": f"%{{y:.2f}} s<extra>{name}</extra>",
        }
        for column, name, color in STAGES
        if rows[column].fillna(0).abs().any()
    ]
    layout = style.base_layout(330) | {
        "barmode": "stack",
        "bargap": 0,
        "xaxis": clock.axis(showspikes=False),
        "yaxis": style.value_axis("s per tick", rangemode="tozero"),
    }
    solver = info.result.get("solver") or {}
    p50 = solver.get("p50_s", rows["plan_s"].median())
    p99 = solver.get("p99_s", rows["plan_s"].quantile(0.99))
    says = f"A plan took {number(p50, 2)} s in the median and at most {number(p99, 2)} s in 99 of 100 ticks."
    if _known(info.result.get("wall_s")):
        says += f" The whole run took {number(info.result['wall_s'], 0)} s."
    chart = Chart("chart-timing", traces, layout, "Seconds per tick by stage")
    return Part("timing", heading, says, [chart])


def audit(tables: RunTables) -> Part:
    """What was sent, and whether the record of it is whole."""
    sent, events = tables.commands, tables.events
    chain = {
        True: "The hash chain of the events was verified: no entry is missing or altered.",
        False: '<b class="worse">The hash chain of the events does not hold: an entry is missing or altered.</b>',
        None: "The hash chain of the events was not verified for this page.",
    }[tables.chain_verified]
    says = f"{count(len(sent), 'command')} sent, {count(len(events), 'event')} recorded. {chain}"
    lists = []
    if len(sent):
        lists.append(_counts("Commands by quantity", sent["quantity"].map(lambda q: split_unit(str(q))[0])))
        signed = sent["signature"].fillna("").astype(str) != ""
        says += f" {number(int(signed.sum()), 0)} of the commands carry a signature."
    if len(events):
        lists.append(_counts("Events by kind", events["kind"]))
    if len(tables.forecasts):
        lists.append(
            _counts("Forecast points by model", tables.forecasts.drop_duplicates("point", keep="last")["model"])
        )
    return Part("audit", "Audit", says, html=f'<div class="columns">{"".join(lists)}</div>')


def _counts(title: str, values: pd.Series) -> str:
    rows = "".join(
        f'<tr><td>{escaped(name)}</td><td class="n">{number(n, 0)}</td></tr>'
        for name, n in values.value_counts().items()
    )
    return f"<div><h3>{escaped(title)}</h3><table><tbody>{rows}</tbody></table></div>"
