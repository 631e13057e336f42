"""Flows: what many scenarios of one network came to, labelled by scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import xarray as xr

from gridloop.diagnosis import Diagnosis
from gridloop.errors import BadInput
from gridloop.network.arrays import NetworkArrays
from gridloop.network.model import Network
from gridloop.network.topology import NO_NODE
from gridloop.powerflow.batch_lanes import Lanes
from gridloop.powerflow.batch_layout import Layout
from gridloop.powerflow.batch_limits import at_limit
from gridloop.powerflow.batch_machines import Machines
from gridloop.powerflow.batch_outcome import STATUS as STATUS
from gridloop.powerflow.batch_outcome import Outcome
from gridloop.powerflow.batch_shares import Shares
from gridloop.powerflow.diagnosis.groups import Causes, group_causes
from gridloop.powerflow.flow import power_flow
from gridloop.powerflow.scenario_changes import BranchChanges
from gridloop.powerflow.scenarios import Scenarios, edited
from gridloop.powerflow.solve import UNKNOWN, branch_currents
from gridloop.powerflow.violations import find_violations_of_many
from gridloop.units import BASE_MVA, BoolArray, ComplexArray, IntArray

# Roundings: less than this share of what was taken away is nothing.
_NOTHING = 1e-12


@dataclass(frozen=True, eq=False)
class Flows:
    """Solved (or failed) scenarios of a network, each on its own.

    Of every scenario there is `status`, `iterations`, `mismatch_mva` and `summary`; voltages and what follows from them
    only where the call kept them. Made by `gridloop.powerflow.batch.power_flows`.
    """

    network: Network
    arrays: NetworkArrays
    cases: Scenarios
    changes: BranchChanges
    layout: Layout
    shares: Shares | None
    outcome: Outcome
    kept: ComplexArray | None

    # ----- how each ended -------------------------------------------------------------------------------------------

    @property
    def index(self) -> pd.Index:
        """Names of the scenarios."""
        return self.cases.index

    @cached_property
    def status(self) -> pd.Series:
        """converged, not_converged, diverged, or bad_values where a value is NaN or infinite. [scenario]"""
        names = pd.array([STATUS[k] for k in sorted(STATUS)], dtype="string")
        return pd.Series(names.take(self.outcome.status), index=self.index, name="status")

    @property
    def converged(self) -> BoolArray:
        """True where a scenario converged. [scenario]"""
        return np.asarray(self.outcome.status == 0)

    @cached_property
    def iterations(self) -> pd.Series:
        """Steps taken, of all attempts. [scenario]"""
        return pd.Series(self.outcome.iterations, index=self.index, name="iterations")

    @cached_property
    def mismatch_mva(self) -> pd.Series:
        """Largest mismatch of active or reactive power left at a node. [scenario]"""
        return pd.Series(self.outcome.mismatch * BASE_MVA, index=self.index, name="mismatch_mva")

    @cached_property
    def unsupplied(self) -> Mapping[object, list[str]]:
        """Scenario → buses that its outages cut off."""
        node_of, bus = self.arrays.topology.node_of, self.network.bus.index
        return {self.index[k]: [str(b) for b in bus[np.isin(node_of, dark)]] for k, dark in self.changes.dark.items()}

    @cached_property
    def summary(self) -> pd.DataFrame:
        """One row per scenario: status, iterations, mismatch_mva, v_min_pu and v_min_bus, v_max_pu and v_max_bus,
        losses_mw."""
        o = self.outcome
        return pd.concat([self.status, self.iterations, self.mismatch_mva], axis=1).assign(
            v_min_pu=o.low,
            v_min_bus=self._bus_at(o.low_node),
            v_max_pu=o.high,
            v_max_bus=self._bus_at(o.high_node),
            losses_mw=self.losses_mw,
        )

    def _bus_at(self, node: IntArray) -> pd.Categorical:
        """The first bus of every node; missing where there is none."""
        return pd.Categorical.from_codes(node, self.network.bus.index[self.arrays.topology.first_bus])

    def network_at(self, scenario: int) -> Network:
        """The network as one scenario, given by its number, has it: `power_flow` of it is that scenario alone."""
        tables = edited(self.network, self.cases, scenario)
        return Network.from_tables(tables, name=f"{self.network.name}, scenario {self.index[scenario]}")

    def diagnose(self, examples: bool = True) -> Causes:
        """Why scenarios failed, in groups of the same status around the same bus.

        examples  solve the first of every group again, alone, for its load margin and what else stands out
        """
        return group_causes(
            self.network,
            self.status.to_numpy(dtype=object),
            self.outcome.worst_node,
            self.outcome.mismatch,
            diagnose=self._diagnosis if examples else None,
            arrays=self.arrays,
        )

    def _diagnosis(self, scenario: int) -> Diagnosis | None:
        if not self.cases.between(scenario, scenario + 1).missing().any():
            return power_flow(self.network_at(scenario), reactive_limits=self.outcome.state is not None).diagnosis
        return None

    # ----- voltages and branches ------------------------------------------------------------------------------------

    @property
    def v_node(self) -> ComplexArray:
        """Complex voltages, per unit; NaN where not supplied or not converged. [node, scenario]

        Raises `BadInput` where they were not kept.
        """
        if self.kept is None:
            raise BadInput("Voltages were not kept: call power_flows with keep='v', or read `summary`.")
        return self.kept

    @cached_property
    def v(self) -> xr.DataArray:
        """Complex voltage of every bus, per unit. [bus, scenario]"""
        node = self.arrays.topology.node_of
        values = np.where((node == NO_NODE)[:, None], UNKNOWN, self.v_node[node])
        return self._table(values, "bus", self.network.bus.index, "v_pu")

    @property
    def v_pu(self) -> xr.DataArray:
        """Voltage magnitude. [bus, scenario]"""
        return self.v.copy(data=np.abs(self.v.values))

    @property
    def angle_deg(self) -> xr.DataArray:
        """Voltage angle. [bus, scenario]"""
        return self.v.copy(data=np.rad2deg(np.angle(self.v.values))).rename("angle_deg")

    @cached_property
    def loading_pct(self) -> xr.DataArray:
        """Loading of lines and transformers, the worse of both ends; NaN where they have no rating. [branch, scenario]

        A branch that a scenario has out of service carries nothing.
        """
        b = self.arrays.branches
        tail, head = self._currents
        with np.errstate(invalid="ignore"):
            loading = np.fmax(np.abs(tail) / b.rating_pu[:, :1], np.abs(head) / b.rating_pu[:, 1:])
        return self._table(100 * loading, "branch", b.ids, "loading_pct")

    @cached_property
    def losses_mw(self) -> pd.Series:
        """Active losses of all branches and shunts. [scenario]"""
        if self.kept is None:
            return pd.Series(self.outcome.losses * BASE_MVA, index=self.index, name="losses_mw")
        b, v = self.arrays.branches, self.v_node
        tail, head = self._currents
        # An open end has no current, whatever voltage the last node has that its index stands for.
        power = np.nansum((v[b.tail] * np.conj(tail)).real + (v[b.head] * np.conj(head)).real, axis=0)
        power += np.nansum(self.arrays.shunt.real[:, None] * np.abs(v) ** 2, axis=0)
        lost = np.where(self.converged, power * BASE_MVA, np.nan)
        return pd.Series(lost, index=self.index, name="losses_mw")

    def violations(self) -> pd.DataFrame:
        """Every limit that does not hold, in every scenario; the worst first.

        Columns scenario, then those of `gridloop.powerflow.violations`. Empty where all limits hold.
        """
        return find_violations_of_many(self.network, self.v_pu, self.loading_pct)

    # ----- machines -------------------------------------------------------------------------------------------------

    @property
    def generator_p_mw(self) -> xr.DataArray:
        """Active power of every generator, with its share of the balance; NaN where it is off. [generator, scenario]"""
        return self._table(self._generators.real, "generator", self.network.generator.index, "p_mw")

    @property
    def generator_q_mvar(self) -> xr.DataArray:
        """Reactive power of every generator; NaN where it is off. [generator, scenario]"""
        return self._table(self._generators.imag, "generator", self.network.generator.index, "q_mvar")

    @property
    def source_p_mw(self) -> xr.DataArray:
        """Active power of every source. [source, scenario]"""
        return self._table(self._sources.real, "source", self.network.source.index, "p_mw")

    @property
    def source_q_mvar(self) -> xr.DataArray:
        """Reactive power of every source. [source, scenario]"""
        return self._table(self._sources.imag, "source", self.network.source.index, "q_mvar")

    @property
    def balance_mw(self) -> pd.Series:
        """What those who share the balance give beyond their plan, together; zero without shares. [scenario]"""
        return pd.Series(self.outcome.balance * BASE_MVA, index=self.index, name="balance_mw")

    @cached_property
    def at_limit(self) -> xr.DataArray:
        """−1 where a generator stands at its lowest reactive power, 1 at its highest, 0 elsewhere. [generator,
        scenario]

        Raises `BadInput` where no reactive limits were asked for.
        """
        if self.outcome.state is None:
            raise BadInput("No reactive limits were asked for: call power_flows with reactive_limits=True.")
        on = self.layout.machines_on(self.cases, np.arange(len(self.network.generator)))
        found = at_limit(self.layout, self.outcome.state, on)
        return self._table(found, "generator", self.network.generator.index, "at_limit")

    @cached_property
    def _machines(self) -> Machines:
        lanes = Lanes.of(self.cases, self.changes, self.layout.released(self.cases))
        return Machines(self.layout, lanes, self.shares, self.v_node, self.outcome.balance)

    @cached_property
    def _generators(self) -> ComplexArray:
        return self._machines.generators()

    @cached_property
    def _sources(self) -> ComplexArray:
        return self._machines.sources()

    # ----- beneath --------------------------------------------------------------------------------------------------

    def _table(self, values: np.ndarray, name: str, ids: pd.Index, quantity: str) -> xr.DataArray:
        return xr.DataArray(values, [(name, ids), ("scenario", self.index)], name=quantity)

    @cached_property
    def _currents(self) -> tuple[ComplexArray, ComplexArray]:
        """Currents that enter every branch at tail and head, with the scenario's own taps and outages; per unit."""
        b, change = self.arrays.branches, self.changes
        tail, head = branch_currents(b, self.v_node)
        row, k = change.branch, change.scenario
        v_tail, v_head = self.v_node[b.tail[row], k], self.v_node[b.head[row], k]
        y = change.y + np.stack([b.y_tt, b.y_th, b.y_ht, b.y_hh], axis=1)[row]
        y[np.abs(y) < _NOTHING * np.abs(change.y)] = 0  # taken out: what is left of y − y is zero
        with np.errstate(invalid="ignore"):
            tail[row, k] = np.where(y[:, 0] == 0, 0, y[:, 0] * v_tail) + np.where(y[:, 1] == 0, 0, y[:, 1] * v_head)
            head[row, k] = np.where(y[:, 2] == 0, 0, y[:, 2] * v_tail) + np.where(y[:, 3] == 0, 0, y[:, 3] * v_head)
        return tail, head
