"""Delivery: what was promised against what meters say, interval by interval and device by device.

Within a tolerance an interval is kept. Beyond it the whole deviation from the tolerance on is paid, less than promised
and more than promised each at a price of its own. A meter without a value makes its interval unknown, not short. Of
what was past when a promise was split anew, nothing is held against the plant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, OutOfRange, listed
from gridloop.optimize.vpp.split import Split

STATES = ("kept", "short", "long", "unknown", "past")
JUDGED = ("kept", "short", "long")


@dataclass(frozen=True)
class Delivery:
    """What came of a promise.

    table     by interval: hours, promised_mw, delivered_mw, deviation_mw (delivered − promised; NaN where unknown or
              past), allowed_mw, state (one of `STATES`), penalty (money; NaN where unknown, zero for the past)
    devices   by device, of what is not past: planned_mwh, delivered_mwh, deviation_mwh, intervals_off (beyond the
              tolerance of its own set-point), missing (values its meter does not have); energies over the intervals
              that are known
    """

    table: pd.DataFrame
    devices: pd.DataFrame

    @property
    def penalty(self) -> float:
        """Money for the intervals that are known."""
        return float(self.table["penalty"].sum())

    @property
    def unknown(self) -> int:
        """Intervals of which a meter says nothing."""
        return int((self.table["state"] == "unknown").sum())

    @property
    def kept_share(self) -> float:
        """Share of the intervals known, and not past, that were kept; NaN where there is none."""
        judged = self.table["state"].isin(JUDGED)
        return float((self.table["state"][judged] == "kept").mean()) if judged.any() else float("nan")

    def sentences(self) -> list[str]:
        """The worst first: which intervals were missed, by how much, and whose deviation weighs most."""
        off = self.table[self.table["state"].isin(("short", "long"))]
        said = []
        worst_first = off["deviation_mw"].abs().sort_values(ascending=False, kind="stable").index
        for time in pd.DatetimeIndex(worst_first):
            row = off.loc[time]
            word = "too little" if row["state"] == "short" else "too much"
            said.append(
                f"{time:%Y-%m-%d %H:%M} UTC: {abs(row['deviation_mw']):.4g} MW {word} "
                f"(promised {row['promised_mw']:.4g}, penalty {row['penalty']:.2f})."
            )
        if said:
            off_mwh = self.devices["deviation_mwh"]
            worst = str(off_mwh.abs().idxmax())
            said.append(f"Most of it is {worst}: {off_mwh[worst]:+.4g} MWh against its plan.")
        if self.unknown:
            said.append(f"{self.unknown} intervals are unknown: meters have gaps there.")
        return said


def track_delivery(
    split: Split,
    measured_mw: pd.DataFrame,
    *,
    tolerance_share: float = 0.05,
    tolerance_mw: float = 0.0,
    short_price: float = 100.0,
    long_price: float = 0.0,
) -> Delivery:
    """Compare what was measured with what was promised.

    measured_mw      injection of every device of the split, consumption negative; interval × device, NaN for a gap. Of
                     intervals that are not in it yet nothing is said
    tolerance_share, tolerance_mw   what an interval may deviate: this share of the promise plus this power
    short_price, long_price         money per MWh beyond the tolerance, below and above the promise

    The losses that the split expects are taken off what is measured. Before the split's `first` nothing is judged, and
    who dropped out needs no column.
    Raises `BadInput` for a split without a plan and for devices that are missing or unknown, `OutOfRange` for times
    outside the split and for negative tolerances or prices.
    """
    _check(split, measured_mw, (tolerance_share, tolerance_mw, short_price, long_price))
    times = pd.DatetimeIndex(measured_mw.index)
    planned = split.injection_mw.loc[times]
    measured = measured_mw[planned.columns].astype(float)
    hours = pd.Series(split.plan.horizon.hours, index=split.promised_mw.index)[times]
    promised = split.promised_mw[times]
    delivered = measured.sum(axis=1, skipna=False) - split.losses_mw[times]
    past = times < split.promised_mw.index[split.first]
    deviation = (delivered - promised).mask(past)
    allowed = tolerance_share * promised.abs() + tolerance_mw
    # The sum of a promise is kept to 1e-9; a deviation of that size is no deviation.
    short, long = deviation < -allowed - 1e-9, deviation > allowed + 1e-9
    state = np.select([past, deviation.isna(), short, long], ["past", "unknown", "short", "long"], default="kept")
    beyond = (deviation.abs() - allowed).clip(lower=0.0).mask(past, 0.0) * hours
    penalty = beyond * np.where(short, short_price, np.where(long, long_price, 0.0))
    table = pd.DataFrame(
        {
            "hours": hours, "promised_mw": promised, "delivered_mw": delivered, "deviation_mw": deviation,
            "allowed_mw": allowed, "state": state, "penalty": penalty,
        }
    )  # fmt: skip
    return Delivery(table, _by_device(planned[~past], measured[~past], hours[~past], tolerance_share, tolerance_mw))


def _by_device(
    planned: pd.DataFrame, measured: pd.DataFrame, hours: pd.Series, share: float, power: float
) -> pd.DataFrame:
    known = measured.notna()
    off = (measured - planned).where(known, 0.0)
    weighed = {
        "planned_mwh": planned.where(known, 0.0).mul(hours, axis=0).sum(),
        "delivered_mwh": measured.where(known, 0.0).mul(hours, axis=0).sum(),
        "deviation_mwh": off.mul(hours, axis=0).sum(),
        "intervals_off": (off.abs() > share * planned.abs() + power + 1e-9).sum(),
        "missing": (~known).sum(),
    }
    return pd.DataFrame(weighed)


def _check(split: Split, measured: pd.DataFrame, numbers: tuple[float, ...]) -> None:
    if not all(number >= 0 for number in numbers):
        raise OutOfRange(f"Tolerances and prices of a delivery must not be negative; they are {numbers}.")
    if not split.plan.solved:
        raise BadInput(
            f"The split of {split.plant} has no plan to compare with: the solver says {split.plan.status!r}. "
            "See its `plan.diagnosis`, and split the promise again.",
            status=split.plan.status,
        )
    wanted, given = set(split.injection_mw.columns), set(measured.columns)
    if wanted - given:
        missing = sorted(wanted - given)
        raise BadInput(f"{len(missing)} devices are not measured: {listed(missing)}. Give NaN for a gap.", ids=missing)
    if given - wanted:
        unknown = sorted(given - wanted)
        raise BadInput(f"{len(unknown)} columns are no devices of the split: {listed(unknown)}.", ids=unknown)
    strange = pd.DatetimeIndex(measured.index).difference(pd.DatetimeIndex(split.promised_mw.index))
    if len(strange) or measured.index.has_duplicates:
        raise OutOfRange(f"{len(strange)} measured intervals are not in the split, or one is there twice.")
