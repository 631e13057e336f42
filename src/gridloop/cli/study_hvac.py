"""`gridloop study hvac [SITE.toml]`: heating and cooling planned, beside thermostats and a rule without a plan."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from gridloop.cli.opf import check_page
from gridloop.cli.study_parts import AsJson, Plot, Stages, answer, money
from gridloop.operate.plots.study_hvac import build_hvac_page
from gridloop.operate.plots.study_page import Comparison
from gridloop.operate.studies.hvac import ALLOWED
from gridloop.operate.studies.hvac_house import HouseStudy
from gridloop.operate.studies.hvac_result import BASELINE, PLANNED, RULE, WAYS, HvacStudy
from gridloop.operate.studies.hvac_savings import KINDS, HvacSavings, hvac_savings
from gridloop.operate.studies.hvac_site import HvacCase, demonstration, read_site


def hvac(
    site: Annotated[Path | None, typer.Argument(help="SITE.toml; without one: a synthetic warehouse.")] = None,
    days: Annotated[int | None, typer.Option(min=1, help="Local days; those of the file, or 7.")] = None,
    first: Annotated[str | None, typer.Option(help="First local day, such as 2016-08-22; that of the file.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of all random numbers: the same seed, the same study.")] = 0,
    plot: Plot = None,
    as_json: AsJson = False,
) -> None:
    """Plan a building's heating and cooling again and again on forecast weather, beside thermostats with set-back.

    All run the same building, which differs from the plan's model of it, in the weather that came; so does the rule
    that keeps the band between two plans, without any plan. A recorded house is identified first and judged on days
    held back.
    """
    check_page(plot)
    console = Console(stderr=as_json, highlight=False)
    with Stages(console, lines=not as_json) as stage:
        case = demonstration(days or 7, seed=seed) if site is None else read_site(site, days=days, first=first)
        found = case.run(seed=seed, tell=lambda text: stage.further(text[:1].upper() + text[1:]))
    study = found.study if isinstance(found, HouseStudy) else found
    saved = hvac_savings(study, case.zone)
    figures, story = _figures(study, case.currency), _story(case, found, study, saved)
    title = f"{case.name}, {_many(case.days)}, {case.currency}"
    if plot is not None:
        day = f"heating and cooling, {_many(case.days)} from {case.first:%Y-%m-%d} {case.zone}"
        page = build_hvac_page(case.name, day, story, figures, found, saved, case.zone, case.currency)
        plot.write_text(page, encoding="utf-8")
    data: dict[str, Any] = {"site": case.name, "days": case.days, "currency": case.currency,
                            "synthetic": case.synthetic, **found.facts(), "savings": saved.facts()}  # fmt: skip
    answer(console, title, figures, story, plot, data if as_json else None)


def _start_is(study: HvacStudy) -> str:
    """How the thermostats' start was chosen."""
    if study.weeks[0].ways[BASELINE].violation_share <= ALLOWED:
        return "the cheapest start of these days that keeps the band"
    return "the start that leaves the band least: none of those tried keeps it"


def _many(days: int) -> str:
    return f"{days} day{'' if days == 1 else 's'}"


def _figures(study: HvacStudy, currency: str) -> Comparison:
    def each(what: str) -> tuple[float, ...]:
        return tuple(study.total(what, way) for way in WAYS)

    return Comparison(
        WAYS,
        (
            ("electricity, MWh", each("energy_mwh"), 3),
            (f"cost, {currency}", each("cost"), 2),
            *((("carbon, t", each("carbon_t"), 3),) if study.weeks[0].carbon_t_per_mwh is not None else ()),
            ("highest power, MW", tuple(max(week.peak_mw(way) for week in study.weeks) for way in WAYS), 4),
            ("occupied room-hours outside the band, %",
             tuple(100 * sum(w.ways[way].violation_share for w in study.weeks) / len(study.weeks) for way in WAYS), 2),
            ("outside the band, K·h", tuple(sum(w.ways[way].violation_kh for w in study.weeks) for way in WAYS), 2),
            ("heat left in the end beyond thermostats', MWh",
             tuple(sum(w.stored_more_mwh(way, BASELINE) for w in study.weeks) for way in WAYS), 3),
        ),
    )  # fmt: skip


def _story(case: HvacCase, found: HvacStudy | HouseStudy, study: HvacStudy, saved_by: HvacSavings) -> list[str]:
    low, high = study.interval("cost")
    saved = study.total("cost", BASELINE) - study.total("cost", PLANNED)
    energy = study.saving("energy_mwh")
    sure = "" if low != low else f" (90 % of drawn days: {low:.1%} … {high:.1%})"
    told = [
        f"Planned on forecast weather it costs {money(abs(saved), case.currency)} "
        f"{'less' if saved >= 0 else 'more'} than thermostats, {study.saving('cost'):.1%} saved{sure}, "
        f"with {abs(energy):.1%} {'less' if energy >= 0 else 'more'} electricity. "
        f"The band is left in {study.violation_share:.2%} of occupied room-hours.",
        _of_the_plan(case, study),
        _left(study),
        *_carbon(case, study),
        *_yearly(case, saved_by),
        f"Thermostats start {study.weeks[0].lead_h:g} h early, {_start_is(study)}; the rule alone "
        f"{study.weeks[0].rule_lead_h:g} h, chosen alike.",
        f"Mind: {case.synthetic}.",
    ]
    if isinstance(found, HouseStudy):
        low, high = found.ahead.interval()
        fitted = found.model.fitted
        assert fitted is not None
        white = fitted.whiteness
        told.append(
            f"The house is {found.model.structure.name}; 24 h ahead the model errs by {found.ahead.rmse_k:.2f} K "
            f"({low:.2f} … {high:.2f}) on the days held back. Its residuals are "
            f"{'white' if white.white else 'not white'} (Ljung-Box p = {white.p_value:.2g})."
        )
    for zone, row in study.weeks[0].ways[PLANNED].violations().head(3).iterrows():
        told.append(f"{zone} left its band by {row['kelvin_hours']:.2f} K·h: {row['reason']}.")
    return told


def _carbon(case: HvacCase, study: HvacStudy) -> list[str]:
    if case.carbon_t_per_mwh is None:
        return []
    share = study.saving("carbon_t")
    at = f"counted at {money(case.carbon_eur_per_t, case.currency)}/t in the plan, which knows that of the day before"
    planned = at if case.carbon_eur_per_t else "told only: carbon_eur_per_t would let the plan count it"
    return [f"Carbon: {abs(share):.1%} {'less' if share >= 0 else 'more'} than thermostats, {planned}."]


def _yearly(case: HvacCase, saved_by: HvacSavings) -> list[str]:
    """A year like these days, and what that takes for granted."""
    if not len(saved_by.saved.yearly):
        return list(saved_by.saved.assumptions[-1:])
    energy, cost, carbon = (saved_by.of(name, "saved", yearly=True) for name in KINDS)
    parts = [f"{energy:,.2f} MWh", money(cost, case.currency, 0), *([] if carbon != carbon else [f"{carbon:,.2f} t"])]
    return [f"Saved in a year like it: {', '.join(parts)}. {' '.join(saved_by.saved.assumptions[1:])}"]


def _of_the_plan(case: HvacCase, study: HvacStudy) -> str:
    """What of the saving is the plan's, and what is the rule's that carries it out."""
    low, high = study.interval("cost", against=RULE)
    adds = study.total("cost", RULE) - study.total("cost", PLANNED)
    alone = study.saving("cost", way=RULE)
    sure = "" if low != low else f" (90 %: {low:.1%} … {high:.1%})"
    return (
        f"Not all of that is the plan's: the rule alone, which modulates within the band where thermostats switch on "
        f"and off with a dead band, {'saves' if alone >= 0 else 'costs'} {abs(alone):.1%} "
        f"{'' if alone >= 0 else 'more '}without a plan. To it the plan adds "
        f"{study.saving('cost', against=RULE):.1%}{sure}, {money(adds, case.currency)}."
    )


def _left(study: HvacStudy) -> str:
    """What is stored at the end is in no saving."""
    more = study.stored_more_mwh()
    mean = sum(week.mwh_per_heat(BASELINE) for week in study.weeks) / len(study.weeks)
    worth = "" if mean != mean else f", about {abs(more) * mean:.3f} MWh of electricity at this span's mean"
    table = study.weeks[0].ways[PLANNED].table
    cooled = float(table["cold_mw"].sum()) > float(table["heat_mw"].sum())
    left = "bought and not used yet" if (more >= 0) != cooled else "used and still to be bought"
    return (
        f"In the end {abs(more):.3f} MWh {'more' if more >= 0 else 'less'} heat is left in the building than with "
        f"thermostats{worth}: {'cold' if cooled else 'heat'} that was {left}, and is in no saving."
    )
