"""A virtual power plant: devices that bid, promise and answer for each other as one.

Four questions, one model: what can it sell (`offer`, `blocks`, `envelope`), who does what for a promise (`split`), who
stands in for a device that drops out (`replace`), and what was delivered (`gridloop.optimize.vpp.delivery`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from gridloop.errors import BadInput, GapInSeries, OutOfRange, listed
from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.optimize.devices.ev import EVFleet
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.physics.ac_tangent import AcTangent
from gridloop.optimize.vpp import offer as offers
from gridloop.optimize.vpp.model import Past, PlantModel
from gridloop.optimize.vpp.offer import Bids
from gridloop.optimize.vpp.split import Split, read_split
from gridloop.units import FloatArray

# Limits of prices in the coupled day-ahead markets of Europe, EUR/MWh (harmonised minimum and maximum clearing price).
PRICE_FLOOR, PRICE_CAP = -500.0, 4000.0


@dataclass(frozen=True)
class VirtualPowerPlant:
    """Devices of any kinds behind one bid.

    devices          whatever `gl.schedule` plans: batteries, fleets, renewables, loads, …
    imbalance_price  money per MWh by which a promise is missed; below the value of lost load and of lost charge, so
                     that nobody sits in the dark for a bid
    network          the grid of the devices' buses: a split then keeps its limits and pays its losses, and what is
                     promised is what leaves the grid at its source. Offers look at the devices alone
    """

    devices: Sequence[Device]
    imbalance_price: float = PRICE_CAP
    network: Network | Feeder | None = None
    id: str = "plant"

    def __post_init__(self) -> None:
        object.__setattr__(self, "devices", tuple(self.devices))
        if not self.devices:
            raise BadInput(f"Plant {self.id} has no devices; give it one at least.")
        if not 0 < self.imbalance_price < float("inf"):
            raise OutOfRange(f"Plant {self.id}: imbalance_price is {self.imbalance_price}; it must be positive.")

    # ----- what it can sell ---------------------------------------------------------------------

    def offer(
        self,
        prices: pd.Series,
        *,
        intervals: Sequence[pd.Timestamp] | pd.DatetimeIndex | None = None,
        low: float = PRICE_FLOOR,
        high: float = PRICE_CAP,
    ) -> Bids:
        """Quantity by price in every interval, exactly: a staircase between the prices `low` and `high`.

        prices     expected ones, money per MWh; the curve of one interval holds the others at these
        intervals  those to bid in; all by default

        Exact where the devices' rules are linear; where whole decisions are settled (a battery at negative prices runs
        one way at a time) every step is a plan that was found and can be kept.
        Raises `SolveFailed` where the solver finds no plan (the devices' own rules contradict each other), `OutOfRange`
        for prices that are not finite, and what `gl.schedule` raises.
        """
        model, expected = self._market(prices)
        return offers.stairs(model, expected, _steps(model, intervals), low, high)

    def blocks(self, scenarios: pd.DataFrame) -> pd.DataFrame:
        """The best profile for each course of prices (interval × scenario): an exclusive group of whole-day blocks.

        Any one of them can be kept to the letter. Columns block, valid_at, hours, injection_mw, cost (what the devices
        cost without the trade): at prices p the block earns Σ p · hours · injection_mw − cost.
        """
        model, _ = self._market(scenarios.iloc[:, 0])
        return offers.blocks(model, scenarios)

    def envelope(self, prices: pd.Series, *, low: float = PRICE_FLOOR, high: float = PRICE_CAP) -> pd.DataFrame:
        """Least and most power by interval, and energy from the start, where energy is worth `low` or `high`."""
        model, expected = self._market(prices)
        return offers.envelope(model, expected, low, high)

    # ----- what it has promised -----------------------------------------------------------------

    def split(self, promised: pd.Series, prices: pd.DataFrame | pd.Series) -> Split:
        """Who does what for a promised injection [interval, MW], at least cost; what cannot be kept is named.

        The devices' injections add up to the promise, less what is missing, to 1e-9 MW; with a network to that and the
        losses. Raises `SolveFailed` where the network has no AC solution.
        """
        model = self._model(prices)
        wanted = _profile(promised, model)
        model.promise(wanted)
        return read_split(model, wanted, self.id)

    def replace(self, split: Split, lost: Sequence[str], at: pd.Timestamp, prices: pd.DataFrame | pd.Series) -> Split:
        """The promise split anew from the interval of `at` on, among the devices that are left.

        split  what was to be done; before `at` it was done, and stays as it is
        lost   ids of the devices that drop out; of a fleet single sessions may

        Who dropped out of the split before stays out. Returns a split of the devices left. What nobody can stand in
        for is in `missing_mw`, and the diagnosis names it and who is gone. Before `at` nothing is held against the
        plant.
        Raises `BadInput` for ids that are not of this plant, `OutOfRange` for a time outside the split.
        """
        starts = pd.DatetimeIndex(split.promised_mw.index)
        if not starts[0] <= at < split.plan.horizon.ends[-1]:
            raise OutOfRange(f"{at} is not in the split: it lasts from {starts[0]} to {split.plan.horizon.ends[-1]}.")
        first = int(starts.searchsorted(at, side="right")) - 1
        left = self._without(lost, gone_before=split.lost)
        rest = VirtualPowerPlant(left, self.imbalance_price, self.network, self.id)
        model = rest._model(prices)
        wanted = _profile(split.promised_mw, model)
        model.hold_past(Past(first, split.moves))
        model.promise(wanted, first)
        gone = {**dict.fromkeys(lost, at), **split.lost}
        return read_split(model, wanted, self.id, first, gone)

    def without(self, lost: Sequence[str]) -> VirtualPowerPlant:
        """The plant without some of its devices or sessions. Raises `BadInput` for ids it does not have."""
        return VirtualPowerPlant(self._without(lost), self.imbalance_price, self.network, self.id)

    # ----- inside -------------------------------------------------------------------------------

    def _without(self, lost: Sequence[str], gone_before: Collection[str] = ()) -> list[Device]:
        """The devices left. Who is gone before may be there or not."""
        gone, seen = {*lost, *gone_before}, set(gone_before)
        left: list[Device] = []
        for device in self.devices:
            if isinstance(device, EVFleet) and device.id not in gone:
                mine = [str(i) in gone for i in device.sessions.index]
                seen |= {str(i) for i in device.sessions.index[mine]}
                left.append(replace(device, sessions=device.sessions[~np.array(mine)]) if any(mine) else device)
            elif device.id in gone:
                seen.add(device.id)
            else:
                left.append(device)
        unknown = sorted(gone - seen)
        if unknown:
            raise BadInput(f"{len(unknown)} ids are no devices of plant {self.id}: {listed(unknown)}.", ids=unknown)
        return left

    def _model(self, prices: pd.DataFrame | pd.Series) -> PlantModel:
        physics = None if self.network is None else AcTangent(self.network)
        return PlantModel(self.devices, prices, name=self.id, imbalance_price=self.imbalance_price, physics=physics)

    def _market(self, prices: pd.Series) -> tuple[PlantModel, FloatArray]:
        model = PlantModel(self.devices, prices, name=self.id, imbalance_price=self.imbalance_price)
        return model, prices.to_numpy(dtype=float)


def _steps(model: PlantModel, intervals: Sequence[pd.Timestamp] | pd.DatetimeIndex | None) -> list[int]:
    """Rows of the intervals asked for."""
    if intervals is None:
        return list(range(len(model.horizon)))
    asked = pd.DatetimeIndex(list(intervals))
    rows = model.horizon.starts.get_indexer(asked)
    if (rows < 0).any():
        unknown = [str(time) for time in asked[rows < 0]]
        raise OutOfRange(f"{len(unknown)} intervals to bid in are not in the prices: {listed(unknown)}.")
    return [int(row) for row in rows]


def _profile(promised: pd.Series, model: PlantModel) -> FloatArray:
    """The promise by interval. [step], MW"""
    starts = model.horizon.starts
    if not pd.DatetimeIndex(promised.index).equals(starts):
        raise OutOfRange(
            f"The promise has {len(promised)} intervals from {promised.index[0]}, the prices {len(starts)} from "
            f"{starts[0]}; they must be the same."
        )
    missing = int(promised.isna().sum())
    if missing:
        raise GapInSeries(f"{missing} of {len(promised)} values of the promise are missing; a promise has no gaps.")
    return promised.to_numpy(dtype=float)
