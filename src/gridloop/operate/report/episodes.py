"""Episodes: set-points of one kind that follow each other for the same reason, gathered so that a day can be read."""

from __future__ import annotations

import pandas as pd

from gridloop.operate.report.tables import RunTables

# Reasons of `optimize.explain` that say: nothing to decide, the device is left as it is or has no choice.
QUIET = frozenset(
    {"away", "charged", "full", "empty", "wait_for_spread", "available", "hold_unity", "hold_tap", "serve"}
)
SAME = ["kind", "quantity", "reason", "binding"]


def decided(tables: RunTables) -> pd.DataFrame:
    """The set-points, in the order of time: the rows of the plans that carry a reason, as numbers and words."""
    rows = tables.plans[tables.plans["reason"].fillna("").astype(str) != ""]
    rows = rows.drop_duplicates(["tick", "device", "quantity"], keep="last")
    return rows.assign(
        value=rows["value"].astype(float),
        binding=rows["binding"].fillna("").astype(str),
        bus=rows["bus"].fillna("").astype(str),
        shadow_price=rows["shadow_price"].astype(float),
    ).sort_values(["tick", "device", "quantity"])


def loud(rows: pd.DataFrame) -> pd.DataFrame:
    """Those at which there was something to decide."""
    return rows[~rows["reason"].isin(QUIET)]


def episodes(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most `most` episodes, in the order of time; those at a limit are kept first, then the larger ones.

    An episode gathers the set-points of equal kind, quantity, reason and limit of ticks without a gap between them.

    kind, quantity, reason, binding   what they have in common
    first, last   tick of its first and last set-point; start, the moment the first was issued
    setpoints     how many; devices, their names in order of size
    device, bus, value, shadow_price   its largest set-point
    total         sum over the devices in the tick in which that is largest
    """
    if rows.empty:
        return pd.DataFrame(
            columns=[
                *SAME,
                "first",
                "last",
                "start",
                "setpoints",
                "devices",
                "device",
                "bus",
                "value",
                "shadow_price",
                "total",
            ]
        )
    keys = rows[[*SAME, "tick"]].drop_duplicates().sort_values([*SAME, "tick"])
    follows = keys["tick"].diff().eq(1) & (keys[SAME] == keys[SAME].shift()).all(axis=1)
    rows = rows.merge(keys.assign(episode=(~follows).cumsum()), on=[*SAME, "tick"])
    rows = rows.assign(size=rows["value"].abs()).sort_values(
        ["episode", "size"], ascending=[True, False], kind="stable"
    )
    by_episode = rows.groupby("episode", sort=True)
    found = by_episode[[*SAME, "device", "bus", "value", "shadow_price"]].first()
    per_tick = rows.groupby(["episode", "tick"])["value"].sum()
    largest = per_tick.abs().groupby("episode").idxmax()
    found = found.assign(
        first=by_episode["tick"].min(),
        last=by_episode["tick"].max(),
        start=by_episode["issued_at"].min(),
        setpoints=by_episode.size(),
        devices=by_episode["device"].unique(),
        total=per_tick.loc[list(largest)].to_numpy(),
    )
    # Shares of the largest value of the same quantity, so that a tap step and a megawatt compare.
    share = rows["size"] / rows.groupby("quantity")["size"].transform("max").replace(0.0, 1.0)
    found = found.assign(weight=share.groupby(rows["episode"]).sum(), bound=found["binding"] != "")
    kept = found.sort_values(["bound", "weight"], ascending=False, kind="stable").head(most)
    return kept.sort_values(["first", "kind", "quantity", "device"]).drop(columns=["weight", "bound"])
