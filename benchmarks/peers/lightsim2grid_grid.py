"""lightsim2grid's model of a case, straight from MATPOWER's matrices, and its algorithms."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from lightsim2grid.lightsim2grid_cpp import RefactorPolicyType
from lightsim2grid.network import init_from_matpower

MAX_ITERATIONS = 30
# AC families that reach a tight tolerance; Gauss-Seidel does not within any sensible count of iterations.
FAMILIES = ("NR", "FDPF")
POLICIES = {
    "a Jacobian per iteration": (RefactorPolicyType.AlwaysRefactor, 1),
    "a Jacobian per two iterations": (RefactorPolicyType.EveryN, 2),
    "one Jacobian per scenario": (RefactorPolicyType.Chord, 1),
}
NEWTON = "NRSing_KLU, a Jacobian per iteration"


def grid_of(arrays: dict[str, np.ndarray], base_mva: float) -> Any:
    """The grid; its buses stand in the order of the matrix."""
    case = {name: arrays[name].copy() for name in ("bus", "gen", "branch")}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        grid = init_from_matpower({**case, "baseMVA": base_mva, "version": "2"})
    # Their coefficients are made when such an algorithm is chosen on the grid, and kept.
    current = grid.get_algo_type()
    grid.change_algorithm("FDPF_XB_KLU")
    grid.change_algorithm(current)
    return grid


def branch_rows(branch: np.ndarray) -> np.ndarray:
    """Row in the matrix of each of its branches: lines first, then what has a tap or a shift."""
    transformer = (branch[:, 8] != 0) | (branch[:, 9] != 0)
    return np.concatenate([np.flatnonzero(~transformer), np.flatnonzero(transformer)])


def methods(batch: Any) -> list[str]:
    """Every algorithm that this build has, with every way of refreshing its Jacobian."""
    names = [name for name in batch.available_algorithm_names() if name.startswith(FAMILIES)]
    newton = [f"{name}, {policy}" for name in names if name.startswith("NR") for policy in POLICIES]
    return newton + [name for name in names if name.startswith("FDPF")]


def choose(batch: Any, method: str) -> None:
    """Set a batch to a method of `methods`."""
    algorithm, _, policy = method.partition(", ")
    batch.change_algorithm(algorithm)
    if policy:
        kind, every = POLICIES[policy]
        config = batch.get_algo_config()
        numbers = list(config.int_params)
        numbers[1], numbers[3] = int(kind.value), every
        config.int_params = numbers
        batch.set_algo_config(config)


def tuned(rates: dict[str, float]) -> dict[str, Any]:
    """Facts of a tuning: the fastest method first."""
    ranking = dict(sorted(rates.items(), key=lambda item: -item[1]))
    return {"per_s": max(rates.values()), "method": next(iter(ranking)), "ranking": ranking}
