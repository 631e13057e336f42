"""Reliability: how often what came stayed below each quantile, and what a perfect forecaster shows by chance.

Errors of one day are alike, so chance is reckoned by days and not by intervals: the share of a quantile is a mean over
issues, its spread that of independent issues, and the consistency band is the nominal level plus and minus 1.645
spreads (90 %), the level at which a calibrated forecaster stays inside nine times out of ten.
Source: Bröcker and Smith (2007), Increasing the reliability of reliability diagrams; with days instead of intervals.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.forecast.value import QUANTILES

NINETY = 1.6448536269514722
"""Quantile 0.95 of the normal distribution."""

LEAST_ISSUES = 10
"""Fewer issues than this say nothing about chance."""


def judged(rows: pd.DataFrame) -> pd.DataFrame:
    """Rows with an actual, without those where the band had no width and what came was just that, as at night."""
    y, low, high = (rows[c].to_numpy(dtype=float) for c in ("actual", "p10", "p90"))
    return pd.DataFrame(rows[np.isfinite(y) & ~((low == high) & (y == low))])


def reliability(rows: pd.DataFrame, levels: dict[str, float] | None = None) -> pd.DataFrame:
    """Nominal and observed shares per quantile.

    rows    of a backtest: issued_at, actual, and a column per quantile; only those of `judged` count
    levels  column → probability; P10, P50, P90 unless told otherwise

    Index: the columns. Columns: nominal, observed, low, high (the band around nominal; NaN with fewer than
    `LEAST_ISSUES` issues), rows, issues.
    """
    wanted = QUANTILES if levels is None else levels
    known = judged(rows)
    issue = known["issued_at"]
    found = {}
    for name, level in wanted.items():
        below = (known["actual"] <= known[name]).astype(float)
        by_issue = below.groupby(issue).agg(["mean", "size"])
        share = float(below.mean()) if len(below) else float("nan")
        spread = float("nan")
        if len(by_issue) >= LEAST_ISSUES:
            off = (by_issue["mean"] - share) * by_issue["size"] / by_issue["size"].mean()
            spread = float(np.sqrt((off**2).sum() / (len(off) - 1) / len(off)))
        found[name] = {
            "nominal": level,
            "observed": share,
            "low": max(0.0, level - NINETY * spread) if np.isfinite(spread) else float("nan"),
            "high": min(1.0, level + NINETY * spread) if np.isfinite(spread) else float("nan"),
            "rows": float(len(below)),
            "issues": float(len(by_issue)),
        }
    return pd.DataFrame.from_dict(found, orient="index").rename_axis("quantile")


def bins(rows: pd.DataFrame) -> pd.Series:
    """Shares of what came below P10, from there to P50, to P90, and above; right are 0.1, 0.4, 0.4, 0.1."""
    known = judged(rows)
    edges = known[list(QUANTILES)].to_numpy(dtype=float)
    place = (known["actual"].to_numpy(dtype=float)[:, None] > edges).sum(axis=1)
    share = np.bincount(place, minlength=len(QUANTILES) + 1) / max(1, len(place))
    return pd.Series(share, index=["below P10", "P10 to P50", "P50 to P90", "above P90"])
