"""A community of homes on the grid it really hangs on: what it plans on a copper plate, and what the wires allow.

The same day is planned three times: against prices alone (the copper plate), on the network without its limits (what
losses cost), and on the network (what its limits cost on top). A power flow of its own, phase by phase where the grid
is a feeder, then says of each plan which bands and ratings it breaks, hour by hour. Beside them stand the devices left
alone.

Loads and roofs are those of the homes' record. What `Equipment` adds (cars, heat pumps, loads that can wait or be
reduced) is synthetic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import BadInput, SolveFailed, listed
from gridloop.io.citylearn import Homes
from gridloop.network.feeder.model import Feeder
from gridloop.network.model import Network
from gridloop.optimize.before import left_alone
from gridloop.optimize.check.checked import Checked
from gridloop.optimize.check.plan import ScheduleCase
from gridloop.optimize.check.plan_flow import States
from gridloop.optimize.check.plan_grid import ROUNDING_PCT, ROUNDING_PU, states_of_plan
from gridloop.optimize.check.solution import check_solution
from gridloop.optimize.devices.kinds import Device
from gridloop.optimize.devices.renewable import Renewable
from gridloop.optimize.physics.ac_tangent import AcTangent
from gridloop.optimize.plan import Plan
from gridloop.optimize.problems.schedule import schedule
from gridloop.optimize.studies.home_equipment import Equipment
from gridloop.units import FloatArray

__all__ = ["CommunityGrid", "Equipment", "community_grid"]

# Bands and ratings so wide that nothing reaches them: what is left of the network is its losses.
_WIDE_PU, _WIDE_PCT = (0.0, 2.0), 1e6


@dataclass(frozen=True, eq=False)
class CommunityGrid:
    """A day of a community on its grid.

    plans    "copper plate", "losses alone" and "grid"
    hours    by hour and plan ("alone" too): v_min_pu, v_max_pu, worst_branch, loading_pct, nodes_outside, overloaded,
             losses_mw, of the checker's own flow
    homes    by home: bus, price (mean local worth, money per MWh), price_low and price_high, curtailed_copper_mwh
             and curtailed_grid_mwh (what the roof had less what the plan took)
    checked  what the independent check says of the plan on the grid
    limits   the limits that cost money on the grid, the dearest first
    places   home → bus, as devices name it
    devices, prices  what was planned against what
    """

    plans: Mapping[str, Plan]
    hours: pd.DataFrame
    homes: pd.DataFrame
    checked: Checked
    limits: pd.DataFrame
    places: Mapping[str, str]
    devices: Sequence[Device]
    prices: pd.DataFrame
    diagnosis: Diagnosis | None = None

    def facts(self) -> dict[str, float]:
        """Money of each plan, what losses and limits cost, and what each breaks."""
        copper, losses, grid = (self.plans[name] for name in ("copper plate", "losses alone", "grid"))
        found = {
            "copper_cost": copper.cost,
            "grid_cost": grid.cost,
            "losses_cost": losses.cost - copper.cost,
            "limits_cost": grid.cost - losses.cost,
            "losses_mwh": float(grid.check["losses_mw"].to_numpy() @ grid.horizon.hours),
            "gave_way": float(len(grid.gave_way)),
            "settled": float(grid.settled),
            "rounds": float(grid.rounds),
            "check_ok": float(self.checked.ok),
            "price_low": float(self.homes["price_low"].min()),
            "price_high": float(self.homes["price_high"].max()),
            "curtailed_copper_mwh": float(self.homes["curtailed_copper_mwh"].sum()),
            "curtailed_grid_mwh": float(self.homes["curtailed_grid_mwh"].sum()),
        }
        for name, table in self.hours.groupby("plan", sort=False):
            key = str(name).split()[0]
            found[f"{key}_hours_broken"] = float(((table["nodes_outside"] + table["overloaded"]) > 0).sum())
            found[f"{key}_v_max_pu"], found[f"{key}_v_min_pu"] = table["v_max_pu"].max(), table["v_min_pu"].min()
            found[f"{key}_loading_pct"] = float(table["loading_pct"].max())
        return found


def community_grid(
    homes: Homes,
    network: Network | Feeder,
    places: Mapping[str, str],
    *,
    others: Sequence[Device] = (),
    equipment: Equipment | None = None,
    outdoor_c: FloatArray | float = 15.0,
    export_share: float = 0.0,
    zone: str = "UTC",
) -> CommunityGrid:
    """Plan the hours of `homes` on a copper plate and on a grid, and let a power flow judge both.

    places        home → bus of the grid ("34.1" on phase 1 of a feeder)
    others        whoever else is on the grid, as devices
    outdoor_c     outdoor temperature for the heat pumps, one number or [hour]
    export_share  price of what the community gives back, as a share of the tariff; the tariff's own is nothing

    Raises `BadInput` for homes that are not in the record, `SolveFailed` where a plan has no solution.
    """
    unknown = [home for home in places if home not in homes.load_mw.columns]
    if unknown:
        raise BadInput(f"{len(unknown)} homes are not in the record: {listed(unknown)}.", homes=unknown)
    how = equipment or Equipment()
    starts = pd.DatetimeIndex(homes.load_mw.index)
    outdoor = np.broadcast_to(np.asarray(outdoor_c, dtype=float), (len(starts),))
    devices = [*how.devices(homes, places, outdoor, zone), *others]
    tariff = homes.import_eur_per_mwh
    prices = pd.DataFrame({"import_eur_per_mwh": tariff, "export_eur_per_mwh": export_share * tariff}, index=starts)
    plans = {
        "copper plate": schedule(devices, prices),
        "losses alone": schedule(devices, prices, physics=AcTangent(_wide(network), loading_limit_pct=_WIDE_PCT)),
        "grid": schedule(devices, prices, network=network),
    }
    for name, plan in plans.items():
        if not np.isfinite(plan.cost):
            raise SolveFailed(f"the plan on the {name} has no solution: {plan.diagnosis}", plan=name)
    alone = left_alone(devices, prices)
    judged = {"alone": alone.plan} if alone is not None else {}
    hours = pd.concat(
        [
            _judged(name, states_of_plan(plan, devices, network, prices), starts)
            for name, plan in {**judged, **plans}.items()
            if name != "losses alone"
        ]
    )
    checked = check_solution(ScheduleCase(devices, prices, network=network), plans["grid"])
    grid = plans["grid"]
    return CommunityGrid(
        plans,
        hours,
        _by_home(plans, places, devices),
        checked,
        grid.limits,
        dict(places),
        devices,
        prices,
        grid.diagnosis,
    )


def _wide(network: Network | Feeder) -> Network | Feeder:
    """The same wires without bands; ratings are left to the caller's limit."""
    low, high = _WIDE_PU
    table = network.bus.assign(v_min_pu=low, v_max_pu=high).reset_index()
    tables = {name: frame.reset_index() for name, frame in network.tables.items()} | {"bus": table}
    if isinstance(network, Feeder):
        return Feeder.from_tables(tables, name=network.name, frequency_hz=network.frequency_hz)
    return Network.from_tables(tables, name=network.name, owner="study")


def _judged(name: str, states: States, starts: pd.DatetimeIndex) -> pd.DataFrame:
    """What a plan makes of the grid, hour by hour."""
    v = states.v
    outside = (v > states.high[:, None] + ROUNDING_PU) | (v < states.low[:, None] - ROUNDING_PU)
    loading = np.where(np.isnan(states.loading), -1.0, states.loading)
    worst = loading.argmax(axis=0)
    # Of the extremes only nodes with a band count: a source has its own.
    banded = np.isfinite(states.low) | np.isfinite(states.high)
    inner = v[banded] if banded.any() else v
    return pd.DataFrame(
        {
            "plan": name,
            "v_min_pu": np.nanmin(inner, axis=0),
            "v_max_pu": np.nanmax(inner, axis=0),
            "loading_pct": loading.max(axis=0),
            "worst_branch": np.array(states.branches, dtype=object)[worst],
            "nodes_outside": outside.sum(axis=0),
            "overloaded": (loading > 100.0 + ROUNDING_PCT).sum(axis=0),
            "losses_mw": states.losses,
        },
        index=starts,
    )


def _by_home(plans: Mapping[str, Plan], places: Mapping[str, str], devices: Sequence[Device]) -> pd.DataFrame:
    grid, copper = plans["grid"], plans["copper plate"]
    price = grid.local_price[list(places.values())]
    hours = np.asarray(grid.horizon.hours, dtype=float)

    sun = {device.id: device.available_mw for device in devices if isinstance(device, Renewable)}

    def curtailed(plan: Plan, home: str) -> float:
        roof = f"{home} roof"
        return float((sun[roof] - plan.of(roof, "p_mw").to_numpy()) @ hours)

    return pd.DataFrame(
        {
            "bus": list(places.values()),
            "price": price.to_numpy().mean(axis=0),
            "price_low": price.to_numpy().min(axis=0),
            "price_high": price.to_numpy().max(axis=0),
            "curtailed_copper_mwh": [curtailed(copper, home) for home in places],
            "curtailed_grid_mwh": [curtailed(grid, home) for home in places],
        },
        index=pd.Index(places, name="home"),
    )
