"""Results of `gridloop simulate`: as tables, as one JSON object, as files in a folder, and for people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pandas as pd
import xarray as xr
from rich.console import Console
from rich.table import Table

from gridloop.cli.output import clean, records, say
from gridloop.errors import BadInput
from gridloop.powerflow.study.study import Study

SUMMARY = "summary.json"
_TABLES = ("voltage", "loading", "worst", "levels", "failures")
_FORMATS = ("csv", "parquet")
_KEYS = {"worst_lowest_v_pu": "lowest", "worst_highest_v_pu": "highest", "worst_highest_loading_pct": "loading"}


@dataclass(frozen=True)
class Results:
    """What came out, and what it came from.

    facts   plain values: the case, what varied, counts, shares
    took    what depends on the machine and the hour: seconds, rate, scenarios that a checkpoint brought
    tables  voltage [node], worst [scenario]; where there are any loading [branch], levels [level], failures
            [scenario], the first thousand of them
    """

    facts: Mapping[str, Any]
    took: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]

    @classmethod
    def of(
        cls,
        case: str,
        study: Study,
        seed: int,
        varied: float | str,
        limits: Mapping[str, float | None],
        controls: bool,
    ) -> Results:
        """Results of a study with the reducers of `gridloop simulate`."""
        broken, ended = _labelled(study, "violations"), _labelled(study, "converged")
        tables = {"voltage": _voltage(study), "worst": _worst(study)}
        facts: dict[str, Any] = {
            "case": case,
            "spread" if isinstance(varied, float) else "adoption": varied,
            "controls": controls,
            "seed": seed,
            **limits,
            "scenarios": study.n,
            "failed": study.failed,
            "status": {str(s): int(k) for s, k in zip(ended["status"].values, ended["count"].values, strict=True) if k},
            "violating": int(broken["violating"]),
            "violating_share": float(broken["share"]),
            "limited_nodes": int(_limited(study, limits)),
        }
        if "range_loading_pct" in study.results:
            over = broken["over"].to_series().rename("over")
            tables["loading"] = _table(study, "range_loading_pct")[["min", "mean", "max"]].join(over)
        if "hosting_capacity" in study.results:
            hosted = _labelled(study, "hosting_capacity")
            tables["levels"] = _levels(hosted)
            names = ("pv_share", "ev_share")
            facts["hosting_capacity"] = {
                **{key: hosted.attrs[key] for key in ("risk", "hours_allowed")},
                **{name: float(hosted[f"capacity_{name}"]) for name in names},
            }
        if study.failed:
            tables["failures"] = ended["failed_status"].to_series().rename("status").rename_axis("scenario").to_frame()
        took = {"seconds": study.seconds, "rate_per_s": study.rate_per_s, "resumed": study.resumed}
        return cls(facts, took, tables)

    def as_json(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {**self.facts, "took": dict(self.took), **{name: records(t) for name, t in self.tables.items()}}


def _table(study: Study, name: str) -> pd.DataFrame:
    return cast(pd.DataFrame, study[name])


def _labelled(study: Study, name: str) -> xr.Dataset:
    return cast(xr.Dataset, study[name])


def _voltage(study: Study) -> pd.DataFrame:
    """Per node: min, mean and max, quantiles, and in how many scenarios it was outside its limits."""
    quantiles, broken = _labelled(study, "quantiles_v_pu"), _labelled(study, "violations")
    shares = {
        f"p{round(100 * float(p)):02d}": quantiles["value"].sel(share=p).to_series() for p in quantiles["share"].values
    }
    outside = {name: broken[name].to_series() for name in ("below", "above")}
    return _table(study, "range_v_pu").drop(columns="count").assign(**shares, **outside)


def _limited(study: Study, limits: Mapping[str, float | None]) -> int:
    """Nodes that have any limit of their voltage."""
    grid = study.job.solver.grid
    if limits["low_pu"] is not None or limits["high_pu"] is not None:
        return len(grid.nodes)
    return int((~(pd.isna(grid.v_min_pu) & pd.isna(grid.v_max_pu))).sum())


def _worst(study: Study) -> pd.DataFrame:
    """The worst scenarios of every kind, the worst first."""
    parts = [_table(study, key).reset_index().assign(by=by) for key, by in _KEYS.items() if key in study.results]
    return pd.concat(parts)[["by", "scenario", "value", "at"]].set_index("by")


def _levels(hosted: xr.Dataset) -> pd.DataFrame:
    names = ("cases", "violating", "violating_low", "violating_high", "violating_scenarios")
    table: pd.DataFrame = hosted[list(names)].to_dataframe()
    return table[["pv_share", "ev_share", *names]]


# ----- files ---------------------------------------------------------------------------------------------------------


def check_folder(folder: Path, checkpoint: Path | None) -> None:
    """Make the folder of results, before anything is solved. Raises `BadInput` where it is not ours to write to.

    checkpoint  folder of the study's own, which may lie within
    """
    kept = None if checkpoint is None else checkpoint.resolve()
    if kept == folder.resolve():
        raise BadInput(f"--out and --checkpoint are both {str(folder)!r}; each needs a folder of its own.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = [f.name for f in folder.iterdir() if f.resolve() != kept]
        if others and not (folder / SUMMARY).exists():
            raise BadInput(
                f"--out {str(folder)!r} holds other files, such as {sorted(others)[0]!r}, and no {SUMMARY}: name a "
                "folder that is empty, new, or holds results."
            )
        probe = folder / f".{SUMMARY}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise BadInput(f"--out {str(folder)!r} cannot be written to ({error.strerror}).") from error


def write(results: Results, folder: Path, ending: str) -> None:
    """Write summary.json and a file per table; tables of earlier results that this one does not have are removed.

    The same study writes the same bytes, whenever and wherever it ran: what it took is not written.
    """
    for name in _TABLES:
        for other in _FORMATS:
            (folder / f"{name}.{other}").unlink(missing_ok=True)
    for name, table in results.tables.items():
        file = folder / f"{name}.{ending}"
        if ending == "csv":
            table.to_csv(file)
        else:
            table.to_parquet(file)
    text = json.dumps(clean(dict(results.facts)), indent=1, ensure_ascii=False)
    (folder / SUMMARY).write_text(text + "\n", encoding="utf-8")


# ----- for people ----------------------------------------------------------------------------------------------------


def show(console: Console, results: Results, most: int) -> None:
    """The summary, with tables of at most so many rows but for the levels."""
    f, took = results.facts, results.took
    resumed = f" {took['resumed']:,} of them had been kept." if took["resumed"] else ""
    rate = f" in {took['seconds']:.1f} s ({took['rate_per_s']:,.0f} per second)" if took["rate_per_s"] else ""
    say(console, f"{f['scenarios']:,} scenarios{rate}.{resumed}")
    if f["failed"]:
        kinds = ", ".join(f"{count:,} {status}" for status, count in f["status"].items() if status != "converged")
        first = ", ".join(str(i) for i in results.tables["failures"].index[:5])
        say(console, f"{f['failed']:,} failed ({_share(f['failed'] / f['scenarios'])}): {kinds}. The first: {first}.")
    if f["failed"] == f["scenarios"]:
        say(console, "No scenario has a solution; `gridloop flow` says why for one.")
        return
    if not f["limited_nodes"]:
        say(console, "No node has a band, so none was left; name one with --v-min-pu and --v-max-pu.")
    elif not f["violating"]:
        say(console, "All limits hold in every scenario that converged.")
    else:
        share = _share(f["violating_share"])
        say(console, f"{share} of the scenarios that converged break a limit ({f['violating']:,}).")
    _show_voltages(console, results.tables["voltage"], most)
    if "loading" in results.tables:
        rated = results.tables["loading"].dropna()
        if rated.empty:
            say(console, "No branch has a rating, so --loading-pct found none above it.")
        else:
            loading = rated.sort_values("max", ascending=False, kind="stable").head(most)
            _show(console, f"Highest loadings of {len(rated)} branches with a rating, in %", loading, 1)
    worst = results.tables["worst"]
    for by, unit in (("lowest", " pu"), ("highest", " pu"), ("loading", " %")):
        if by in worst.index:
            w = worst.loc[[by]].iloc[0]
            say(console, f"{by.capitalize()}: {w['value']:.4f}{unit} at {w['at']} in scenario {w['scenario']}.")
    if "levels" in results.tables:
        _show_levels(console, results)


def _show_voltages(console: Console, voltage: pd.DataFrame, most: int) -> None:
    """The nodes most often outside their limits, then those furthest from 1 pu."""
    often = voltage["below"] + voltage["above"]
    far = (voltage[["min", "max"]] - 1.0).abs().max(axis=1)
    order = voltage.assign(often=often, far=far).sort_values(["often", "far"], ascending=False, kind="stable")
    columns = ["min", "p01", "p50", "p99", "max", "below", "above"]
    _show(console, f"Worst voltages of {len(voltage)} nodes, in pu", order[columns].dropna(how="all").head(most), 4)


def _show(console: Console, title: str, rows: pd.DataFrame, digits: int) -> None:
    table = Table(title=title)
    table.add_column(str(rows.index.name))
    for column in rows.columns:
        table.add_column(str(column), justify="right")
    for name, row in zip(rows.index, rows.itertuples(index=False), strict=True):
        table.add_row(str(name), *(f"{v:,}" if isinstance(v, int) else f"{v:.{digits}f}" for v in row))
    console.print(table)


def _show_levels(console: Console, results: Results) -> None:
    levels, found = results.tables["levels"], results.facts["hosting_capacity"]
    table = Table(title="Adoption, level by level")
    for column in ("roofs", "cars", "cases", "with violations", "95 % interval", "hours with violations"):
        table.add_column(column, justify="right")
    for row in levels.to_dict("records"):
        table.add_row(
            _share(row["pv_share"]),
            _share(row["ev_share"]),
            f"{row['cases']:,}",
            _share(row["violating"]),
            f"{_share(row['violating_low'])} … {_share(row['violating_high'])}",
            _share(row["violating_scenarios"]),
        )
    console.print(table)
    risk = f"With violations in at most {_share(found['risk'])} of the cases"
    pv, ev = (_share(found[name]) for name in ("pv_share", "ev_share"))
    if pd.isna(found["pv_share"]):
        say(console, f"{risk} the grid hosts not even the first level.")
    else:
        say(console, f"{risk} the grid hosts roofs at {pv} and cars at {ev} of the loads.")


def _share(share: float) -> str:
    """A share in percent, NaN as a dash."""
    return "–" if pd.isna(share) else f"{100 * share:.3g} %"
