"""Process plants of a schedule: when each batch begins, on what, and by when it had to be done."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from gridloop.operate.plots.schedule_words import in_words
from gridloop.operate.report import style
from gridloop.operate.report.chart import Chart, Part, Trace, extended, line
from gridloop.operate.report.words import count, escaped, table
from gridloop.optimize.before import Before
from gridloop.optimize.devices.power_profile import HOUR
from gridloop.optimize.devices.process import Process, Task
from gridloop.optimize.plan import Plan

ROW_PX, PRICE_PX = 34, 110
LATE_H = 1e-6


def facts(plan: Plan, process: Process) -> dict[str, Any]:
    """Energy; of every task its begin and end (UTC, none where it is left for later) and by how many hours late."""
    begins = begins_of(plan, process)
    tasks = {}
    for task in process.tasks:
        at = begins.get(task.id)
        end = None if at is None else at + task.hours * HOUR
        late = 0.0 if end is None or task.due is None else max(0.0, (end - task.due) / HOUR)
        tasks[task.id] = {
            "begin": None if at is None else at.isoformat(), "end": None if end is None else end.isoformat(),
            "late_h": late if late > LATE_H else 0.0, "energy_mwh": task.energy_mwh,
        }  # fmt: skip
    power = plan.of(process.id, "p_mw").to_numpy(dtype=float)
    return {"energy_mwh": float(power @ plan.horizon.hours), "tasks": tasks}


def begins_of(plan: Plan, process: Process) -> dict[str, pd.Timestamp]:
    """When tasks begin, of those that do; one that was under way before says it itself."""
    found = {task.id: task.started.tz_convert("UTC") for task in process.tasks if task.started is not None}
    for task in process.tasks:
        if task.id not in found:
            marks = plan.of(f"{process.id}/{task.id}", "begins")
            at = pd.DatetimeIndex(marks.index[marks.to_numpy(dtype=float) > 0.5])
            if len(at):
                found[task.id] = at[0]
    return found


def says(process: Process, found: dict[str, Any]) -> list[str]:
    """What a plant comes to, in sentences."""
    tasks = found["tasks"]
    later = [name for name, task in tasks.items() if task["begin"] is None]
    late = {name: task["late_h"] for name, task in tasks.items() if task["late_h"] > 0}
    many = count(len(tasks) - len(later), "batch", "batches")
    said = [
        f"{process.id} takes {in_words(found['energy_mwh'], 'MWh')} for {many}; "
        + ("none is late." if not late else f"{len(late)} late: "
           + ", ".join(f"{name} by {hours:g} h" for name, hours in late.items()) + ".")
    ]  # fmt: skip
    return [*said, *([f"Left for after the plan: {', '.join(later)}."] if later else [])]


def rows(plan: Plan, process: Process, zone: str) -> list[list[str]]:
    """Batch, begin, end, due: for tables."""
    begins = begins_of(plan, process)

    def clock(at: pd.Timestamp | None) -> str:
        return "–" if at is None else f"{at.tz_convert(zone):%m-%d %H:%M}"

    order = sorted(process.tasks, key=lambda task: (begins.get(task.id, plan.horizon.ends[-1]), task.id))
    found = []
    for task in order:
        at = begins.get(task.id)
        end = None if at is None else at + task.hours * HOUR
        found.append(
            [
                task.id,
                " + ".join(task.holds),
                "after the plan" if at is None else clock(at),
                clock(end),
                clock(task.due),
            ]
        )
    return found


def part(plan: Plan, processes: Sequence[Process], prices: pd.DataFrame, before: Before | None, zone: str) -> Part:
    """Batches over time by what they hold, above the price, and as a table."""
    said = " ".join(text for process in processes for text in says(process, facts(plan, process)))
    legend = "Blue: planned. " + ("Grey: left alone, each as early as it can. " if before is not None else "")
    heads = ["batch", "holds", "begins", "ends", "due"]
    cells = [[escaped(cell) for cell in row] for process in processes for row in rows(plan, process, zone)]
    return Part(
        "batches", "Batches",
        f"{escaped(said)} {legend}An orange mark is the time by which a batch is due. Times are {escaped(zone)}.",
        [_gantt(plan, processes, prices, before, zone)],
        html=f'<div class="scroll">{table(heads, cells)}</div>',
    )  # fmt: skip


def _gantt(plan: Plan, processes: Sequence[Process], prices: pd.DataFrame, before: Before | None, zone: str) -> Chart:
    lanes = _order([plan, *([before.plan] if before is not None else [])], processes)
    traces: list[Trace] = []
    sides = [("planned", plan, style.CONTROLLED), *([("left alone", before.plan, style.OTHER)] if before else [])]
    for name, source, color in sides:
        x: list[float] = []
        base, y, texts, hovers = [], [], [], []
        for process in processes:
            begins = begins_of(source, process)
            for task, lane, _ in _lanes(process, begins, several=len(processes) > 1):
                at = begins[task.id]
                base.append(_clock(at, zone))
                x.append(3.6e6 * task.hours)
                y.append(lane)
                texts.append(escaped(task.id) if name == "planned" else "")
                clock = "–".join(_clock(t, zone, "%H:%M") for t in (at, at + task.hours * HOUR))
                hovers.append(f"{escaped(task.id)}: {clock}, {in_words(task.energy_mwh, 'MWh')}")
        traces.append(
            {"type": "bar", "orientation": "h", "name": name, "base": base, "x": x, "y": y, "text": texts,
             "textposition": "inside", "insidetextanchor": "middle", "hovertext": hovers,
             "hovertemplate": "%{hovertext}<extra></extra>", "constraintext": "none",
             "textfont": {"size": 11, "color": "#ffffff"}, "cliponaxis": True,
             "marker": {"color": color, "line": {"color": "#ffffff", "width": 1}}, "offsetgroup": name}
        )  # fmt: skip
    dues = [(_clock(task.due, zone), lane) for process in processes
            for task, lane, _ in _lanes(process, begins_of(plan, process), several=len(processes) > 1)
            if task.due is not None and task.due <= plan.horizon.ends[-1]]  # fmt: skip
    traces.append(
        {"type": "scatter", "mode": "markers", "name": "due", "x": [at for at, _ in dues], "y": [y for _, y in dues],
         "marker": {"symbol": "line-ns", "size": 18, "line": {"width": 2, "color": style.LIMIT}},
         "hovertemplate": "due %{x}<extra></extra>"}
    )  # fmt: skip
    ends = [*plan.horizon.starts, plan.horizon.ends[-1]]
    price = line([_clock(at, zone) for at in ends], extended(prices["import_eur_per_mwh"]), name="price", yaxis="y2",
                 showlegend=False, hovertemplate="%{y:.1f} per MWh<extra>price to import</extra>")  # fmt: skip
    rows_px = ROW_PX * len(sides) * max(1, len(lanes)) * 0.75
    top, below = style.stacked([rows_px, PRICE_PX], 0.12)
    layout: dict[str, Any] = style.base_layout(round(170 + rows_px + PRICE_PX)) | {
        "hovermode": "closest",
        "barmode": "group",
        "bargap": 0.25,
        "modebar": {"orientation": "v"},
        "xaxis": {"type": "date", "anchor": "y2", "range": [_clock(ends[0], zone), _clock(ends[-1], zone)],
                  "tickfont": {"size": 12, "color": style.MUTED}},
        "yaxis": {"domain": list(top), "type": "category", "categoryorder": "array",
                  "categoryarray": list(reversed(lanes)), "showgrid": False, "automargin": True,
                  "tickfont": {"size": 12, "color": style.MUTED}},
        "yaxis2": style.value_axis("per MWh", domain=list(below)),
        "annotations": [style.panel_title("Batches", top[1]), style.panel_title("Price to import", below[1])],
    }  # fmt: skip
    return Chart("chart-batches", [*traces, price], layout, "Batches by what they hold, over the price")


def _order(sources: Sequence[Plan], processes: Sequence[Process]) -> list[str]:
    """All lanes, from top to bottom: plants as they come, resources as their plant names them."""
    found: dict[str, tuple[int, int, int]] = {}
    for k, process in enumerate(processes):
        rank = {name: place for place, name in enumerate([process.id, *process.resources])}
        for source in sources:
            for task, lane, place in _lanes(process, begins_of(source, process), several=len(processes) > 1):
                found[lane] = (k, rank[_holds(process, task)], place)
    return sorted(found, key=lambda lane: found[lane])


def _lanes(process: Process, begins: dict[str, pd.Timestamp], *, several: bool) -> list[tuple[Task, str, int]]:
    """Tasks that begin, each with its lane and place: the resource it holds first, once more where two run at once."""
    free: dict[str, list[pd.Timestamp]] = {}
    found = []
    for task in sorted((t for t in process.tasks if t.id in begins), key=lambda t: (begins[t.id], t.id)):
        first = _holds(process, task)
        lanes = free.setdefault(first, [])
        at = begins[task.id]
        place = next((k for k, until in enumerate(lanes) if until <= at), len(lanes))
        lanes[place : place + 1] = [at + task.hours * HOUR]
        name = first if not several else f"{process.id}: {first}"
        found.append((task, escaped(name if place == 0 else f"{name} ({place + 1})"), place))
    return found


def _holds(process: Process, task: Task) -> str:
    """The resource in whose lane a task is drawn."""
    return next(iter(task.holds), process.id)


def _clock(at: pd.Timestamp, zone: str, form: str = "%Y-%m-%dT%H:%M:%S") -> str:
    return at.tz_convert(zone).strftime(form)
