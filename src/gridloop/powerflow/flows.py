"""Flows: what many scenarios of one network came to, labelled by scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import xarray as xr

from gridloop.kernel.newton import CONVERGED, DIVERGED, SLOW
from gridloop.network.arrays import NetworkArrays
from gridloop.network.model import Network
from gridloop.network.topology import NO_NODE
from gridloop.powerflow.scenario_changes import BranchChanges
from gridloop.powerflow.scenarios import Scenarios
from gridloop.powerflow.solve import UNKNOWN, branch_currents
from gridloop.units import BASE_MVA, BoolArray, ComplexArray, FloatArray, IntArray

# Roundings: less than this share of what was taken away is nothing.
_NOTHING = 1e-12
# What the kernel's status, and bad input, are called.
BAD_VALUES = 3
STATUS = {CONVERGED: "converged", SLOW: "not_converged", DIVERGED: "diverged", BAD_VALUES: "bad_values"}


@dataclass(frozen=True, eq=False)
class Flows:
    """Solved (or failed) scenarios of a network, each on its own.

    index         names of the scenarios
    v_node        [node, scenario]  complex voltages, per unit; NaN where not supplied or not converged
    status        [scenario]        converged, not_converged, diverged, or bad_values where the scenario holds NaN
    iterations    [scenario]
    mismatch_mva  [scenario]        largest mismatch of active or reactive power left at a node
    unsupplied    scenario → buses that its outages cut off
    """

    network: Network
    arrays: NetworkArrays
    index: pd.Index
    v_node: ComplexArray
    status: pd.Series
    iterations: pd.Series
    mismatch_mva: pd.Series
    unsupplied: Mapping[object, list[str]]
    changes: BranchChanges

    @classmethod
    def of(
        cls,
        net: Network,
        arrays: NetworkArrays,
        cases: Scenarios,
        v: ComplexArray,
        status: IntArray,
        iterations: IntArray,
        mismatch: FloatArray,
        changes: BranchChanges,
    ) -> Flows:
        """From what the kernels returned; per unit and by node."""
        code = status.astype(np.int64)
        for part in cases.parts.values():
            failed = np.flatnonzero(code != CONVERGED)
            if failed.size:
                code[failed[~np.isfinite(part.values[:, failed]).all(axis=0)]] = BAD_VALUES
        names = pd.Series([STATUS[k] for k in sorted(STATUS)], dtype="string")
        buses = {
            cases.index[k]: [str(b) for b in net.bus.index[np.isin(arrays.topology.node_of, nodes)]]
            for k, nodes in changes.dark.items()
        }
        return cls(
            net,
            arrays,
            cases.index,
            v,
            pd.Series(names.to_numpy()[code], index=cases.index, name="status"),
            pd.Series(iterations, index=cases.index, name="iterations"),
            pd.Series(mismatch * BASE_MVA, index=cases.index, name="mismatch_mva"),
            buses,
            changes,
        )

    @property
    def converged(self) -> BoolArray:
        """True where a scenario converged. [scenario]"""
        return np.asarray(self.status.to_numpy() == "converged")

    @cached_property
    def v(self) -> xr.DataArray:
        """Complex voltage of every bus, per unit. [bus, scenario]"""
        node = self.arrays.topology.node_of
        values = np.where((node == NO_NODE)[:, None], UNKNOWN, self.v_node[node])
        return xr.DataArray(values, [("bus", self.network.bus.index), ("scenario", self.index)], name="v_pu")

    @property
    def v_pu(self) -> xr.DataArray:
        """Voltage magnitude. [bus, scenario]"""
        return xr.DataArray(np.abs(self.v.values), self.v.coords, name="v_pu")

    @property
    def angle_deg(self) -> xr.DataArray:
        """Voltage angle. [bus, scenario]"""
        return xr.DataArray(np.rad2deg(np.angle(self.v.values)), self.v.coords, name="angle_deg")

    @cached_property
    def loading_pct(self) -> xr.DataArray:
        """Loading of lines and transformers, the worse of both ends; NaN where they have no rating. [branch, scenario]

        A branch that a scenario has out of service carries nothing.
        """
        b = self.arrays.branches
        tail, head = self._currents
        with np.errstate(invalid="ignore"):
            loading = np.fmax(np.abs(tail) / b.rating_pu[:, :1], np.abs(head) / b.rating_pu[:, 1:])
        return xr.DataArray(100 * loading, [("branch", b.ids), ("scenario", self.index)], name="loading_pct")

    @cached_property
    def losses_mw(self) -> pd.Series:
        """Active losses of all branches and shunts. [scenario]"""
        b, v = self.arrays.branches, self.v_node
        tail, head = self._currents
        # An open end has no current, whatever voltage the last node has that its index stands for.
        power = np.nansum((v[b.tail] * np.conj(tail)).real + (v[b.head] * np.conj(head)).real, axis=0)
        power += np.nansum(self.arrays.shunt.real[:, None] * np.abs(v) ** 2, axis=0)
        lost = np.where(self.converged, power * BASE_MVA, np.nan)
        return pd.Series(lost, index=self.index, name="losses_mw")

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

    @property
    def summary(self) -> pd.DataFrame:
        """One row per scenario: status, iterations, mismatch_mva, v_min_pu, v_max_pu."""
        v = np.abs(self.v_node)
        v = np.where(np.isnan(v), np.nan, v)
        known = ~np.isnan(v).all(axis=0)
        low, high = np.full(v.shape[1], np.nan), np.full(v.shape[1], np.nan)
        low[known], high[known] = np.nanmin(v[:, known], axis=0), np.nanmax(v[:, known], axis=0)
        return pd.concat([self.status, self.iterations, self.mismatch_mva], axis=1).assign(v_min_pu=low, v_max_pu=high)
