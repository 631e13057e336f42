"""What `gridloop schedule` says of a site with several futures: what is sent now, and what each future then costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from gridloop.cli.output import print_rows, records, say
from gridloop.cli.schedule_file import Site
from gridloop.errors import BadInput
from gridloop.operate.plots.schedule_futures import futures_story
from gridloop.operate.plots.schedule_page import setpoint_rows
from gridloop.operate.plots.schedule_words import in_words
from gridloop.operate.report.words import count, number
from gridloop.optimize.explain import sentence
from gridloop.optimize.robust.plan import RobustPlan
from gridloop.optimize.robust.schedule import schedule_robust


def plan_futures(file: Path, site: Site, time_limit_s: float) -> RobustPlan:
    """The plan for all futures of a site. Raises as `schedule_robust`, with the file."""
    assert site.futures is not None
    try:
        return schedule_robust(
            site.futures.scenarios, connection=site.connection, horizon=site.horizon, network=site.network,
            time_limit_s=time_limit_s, **site.futures.how,
        )  # fmt: skip
    except BadInput as error:
        raise type(error)(f"{file.name}: {error.args[0]}", **error.facts) from error


def futures_table(plan: RobustPlan) -> pd.DataFrame:
    """Rows of all scenarios' plans, with the scenario first: for --out."""
    named = [each.table.assign(scenario=name) for name, each in plan.plans.items()]
    found = pd.concat(named, ignore_index=True) if named else plan.table.assign(scenario="")
    return found[["scenario", *(name for name in found.columns if name != "scenario")]]


def futures_data(file: Path, site: Site, plan: RobustPlan) -> dict[str, Any]:
    """For --json."""
    return {
        "file": str(file),
        "site": site.name,
        "status": plan.status,
        **plan.facts(),
        "gave_way": dict(plan.gave_way),
        "solver_s": plan.solver_s,
        "diagnosis": None if plan.diagnosis is None else str(plan.diagnosis),
        "scenarios": records(plan.scenarios) if len(plan.scenarios) else [],
        "setpoints": [
            {**row, "why": sentence(row["reason"], row["binding"], row["shadow_price"])}
            for row in records(plan.setpoints().reset_index(drop=True))
        ],
        "starts": [t.isoformat() for t in plan.horizon.starts],
        "hours": [float(h) for h in plan.horizon.hours],
        "profile": {name: _profile(each.table) for name, each in plan.plans.items()},
    }


def _profile(table: pd.DataFrame) -> dict[str, dict[str, list[float]]]:
    found: dict[str, dict[str, list[float]]] = {}
    for (device, quantity), rows in table.groupby(["device", "quantity"], sort=False):
        found.setdefault(str(device), {})[str(quantity)] = [float(value) for value in rows["value"]]
    return found


def show_futures(console: Console, site: Site, plan: RobustPlan, top: int) -> None:
    """For people: the story, the futures side by side, and what is sent now."""
    first, last = (t.tz_convert(site.zone) for t in (plan.horizon.starts[0], plan.horizon.ends[-1]))
    many = f"{count(len(site.devices), 'device')}, {count(len(plan.horizon), 'interval')}"
    say(console, f"{site.name}: {many} from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} {site.zone}")
    if plan.diagnosis is not None:
        say(console, f"Diagnosis: {plan.diagnosis}")
    for text in futures_story(plan):
        say(console, text)
    if plan.status != "optimal":
        return
    heads = ("future", "weight", "cost", "had it been known", "highest import")
    rows = [
        (str(name), number(100 * row["weight"], 1) + " %", number(row["cost"], 2), number(row["cost_knowing"], 2),
         in_words(float(plan.plans[str(name)].wide("import_mw").to_numpy().max())))
        for name, row in plan.scenarios.iterrows()
    ]  # fmt: skip
    print_rows(console, "Futures", heads, rows, heads[1:], top)
    now = setpoint_rows(plan, on_network=site.network is not None)
    title = f"Set-points for {first:%Y-%m-%d %H:%M}, one for all futures"
    print_rows(console, title, ("device", "quantity", "value", "why"), now, ["value"], top)
