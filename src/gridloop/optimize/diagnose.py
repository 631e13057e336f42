"""Why there is no plan, or not the one that was wished for: conflicts, lost power flows and limits, all by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import SolveFailed, listed
from gridloop.optimize.explain import limit_in_words
from gridloop.optimize.horizon import Horizon
from gridloop.optimize.labelled_model import LabelledModel, MembersByName
from gridloop.optimize.solve import Conflict, Outcome


def conflicting(model: LabelledModel, conflict: Conflict, devices: Mapping[str, str]) -> Diagnosis:
    """A minimal set of bounds and constraints that contradict each other, by the names of their devices.

    devices  id → kind, of all devices of the problem
    """
    variables = [_name(model.variables, label) for label in conflict.variables]
    constraints = [_name(model.constraints, label) for label in conflict.constraints]
    parts = [*(f"the bounds of {v}" for v in variables), *constraints, *conflict.rows]
    if not parts:
        return Diagnosis(
            "infeasible",
            ["The plan is infeasible, and the solver finds no smaller set that explains it."],
            "Shared limits are elastic, so that devices' own limits must contradict each other: check their numbers.",
            {"devices": [], "conflict": []},
        )
    named = sorted({device for device in devices for part in parts if f"[{device}" in part})
    who = ", ".join(f"{devices[device]} {device}" for device in named) or "no single device"
    return Diagnosis(
        "infeasible",
        [f"{len(parts)} of the plan's rules cannot hold together: {'; '.join(parts)}.", f"Named in them: {who}."],
        "Change one of these numbers; without any one of these rules the others can be met.",
        {"devices": named, "conflict": parts},
    )


def _name(among: MembersByName, label: int) -> str:
    """`battery_energy[home, 3]` from the name of its block and its coordinates."""
    name, coords = among.get_label_position(int(label))
    return f"{name}[{', '.join(str(value) for value in coords.values())}]"


def no_solution(outcome: Outcome) -> Diagnosis:
    """The solver stopped for a reason of its own."""
    advice = {
        "time_limit": "Raise `time_limit_s`, or plan fewer devices or a shorter horizon.",
        "unbounded": "Some device earns without end: look for prices or costs of the wrong sign.",
    }
    return Diagnosis(
        outcome.status,
        [f"The solver ended with {outcome.status!r} after {outcome.iterations} iterations."],
        advice.get(outcome.status, "Look for numbers of very different size in prices and devices."),
        {"status": outcome.status},
    )


def not_proven(outcome: Outcome) -> Diagnosis | None:
    """Why whole decisions are not known to be the best; None where they are."""
    if outcome.status != "incumbent":
        return None
    known = np.isfinite(outcome.gap)
    said = (
        f"no plan costs less than {outcome.bound:,.2f}, so that this one, {outcome.objective:,.2f}, is at most "
        f"{100 * outcome.gap:.2g} % dearer than need be"
        if known
        else "how far it is from the best is not known"
    )
    why, advice = (
        (
            "Time was up before the whole decisions were proven to be the best",
            "Raise `time_limit_s` for a better one or a proof, or `mip_gap` for an earlier end.",
        )
        if outcome.time_up
        else (
            "What a linear plan leaves open (one direction at a time, cheap pieces first, whole taps) was held after a "
            "first solve, and the whole decisions are the best with that held, not proven to be the best of all",
            "More time does not change it.",
        )
    )
    return Diagnosis(
        "incumbent",
        [f"{why}: {said}."],
        f"The plan keeps all rules. {advice}",
        {"gap": outcome.gap, "bound": outcome.bound, "time_up": outcome.time_up},
    )


def no_ac_solution(error: SolveFailed, horizon: Horizon) -> Diagnosis:
    """The AC power flow of some intervals has no solution: which, and where the network is weakest."""
    times = [horizon.starts[step] for step in error.facts["steps"]]
    causes = [
        f"The AC power flow has no solution in {len(times)} of {len(horizon)} intervals "
        f"({listed([f'{time:%Y-%m-%d %H:%M} UTC' for time in times])})."
    ]
    for time, buses, scale in zip(times, error.facts["buses"], error.facts["load_scale"], strict=False):
        causes.append(
            f"At {time:%H:%M} all injections scaled by {scale:.3f} still solve; "
            f"the weakest buses there are {listed(buses)}."
        )
    return Diagnosis(
        "no_ac_solution",
        causes,
        "Lower or move the load near these buses, or check the units of what is connected there.",
        {"intervals": times, "buses": error.facts["buses"], "load_scale": error.facts["load_scale"]},
    )


def what_gave_way(gave_way: Mapping[str, float]) -> Diagnosis | None:
    """Limits that no measure could keep, the worst first; None where all were kept."""
    if not gave_way:
        return None
    excess: dict[str, list[float]] = {}
    for name, amount in gave_way.items():
        excess.setdefault(name.rpartition(" at ")[0] or name, []).append(amount)
    said = [
        f"{limit_in_words(limit)} ({_intervals(limit, amounts)}by up to {max(amounts):.3g} {_unit(limit)})"
        for limit, amounts in sorted(excess.items(), key=lambda item: -max(item[1]))
    ]
    return Diagnosis(
        "limit_gave_way",
        [f"{len(said)} limit{'s' * (len(said) > 1)} could not be kept with every measure used: {listed(said)}."],
        "Add flexibility behind these limits, or widen them knowingly.",
        {"limits": dict(gave_way)},
    )


def _intervals(limit: str, amounts: Sequence[float]) -> str:
    return "" if _unit(limit) == "MW" else f"in {len(amounts)} intervals, "


def _unit(limit: str) -> str:
    return "MW" if limit.startswith(("import_limit", "export_limit")) else "%"


def not_settled(check: pd.DataFrame, rounds: int) -> Diagnosis:
    """The physics and the plan still differ after the last round."""
    counts = check.reindex(columns=["voltage_violations", "overloads"], fill_value=0).sum(axis=1)
    broken = [f"{time:%Y-%m-%d %H:%M} UTC" for time in counts.index[counts > 0]]
    told = f"AC still breaks limits in {len(broken)} intervals ({listed(broken)})" if broken else "losses still differ"
    return Diagnosis(
        "not_settled",
        [f"After {rounds} rounds the plan and its AC flow still differ: {told}."],
        "The plan is usable where `check` shows no violation; widen the gap allowed for losses, or keep more room.",
        {"intervals": broken},
    )


def regulators_that_hunt(check: pd.DataFrame) -> Diagnosis | None:
    """Regulators that follow their own control and never came to rest; None where all do, or where there are none."""
    if "hunting" not in check or not (check["hunting"] != "").any():
        return None
    named = check["hunting"][check["hunting"] != ""]
    intervals = [f"{time:%Y-%m-%d %H:%M} UTC" for time in named.index]
    who = sorted({name for text in named for name in str(text).split(", ")})
    return Diagnosis(
        "controls_not_settled",
        [f"In {len(intervals)} intervals ({listed(intervals)}) these regulators never come to rest: {listed(who)}."],
        "Voltages and losses of these intervals are those of one of their positions. Give regulators that answer the "
        "same voltage different delays, widen their bands, or let the plan move them as a `TapChanger`.",
        {"ids": who, "intervals": intervals},
    )
