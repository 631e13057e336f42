"""A network as the units, demand and losses of an economic dispatch."""

from __future__ import annotations

import numpy as np
import pandas as pd

from gridloop.diagnosis import Diagnosis
from gridloop.errors import BadInput, SolveFailed
from gridloop.network.model import Network
from gridloop.network.validation import validate
from gridloop.optimize.case import Moment
from gridloop.optimize.losses import Losses, NetworkLosses
from gridloop.optimize.physics.dc_model import consumption, grid_of
from gridloop.units import BASE_MVA

# Findings that say nothing about a dispatch: ratings, supply and what is out of service.
_FINE_HERE = ("unsupplied", "no_source", "wrong_unit")
_COST = ("cost_fixed_per_h", "cost_linear_per_mwh", "cost_quadratic_per_mw2h")


def network_system(
    system: Network | pd.DataFrame, demand_mw: float | pd.Series | None, losses: Losses | str | None
) -> tuple[pd.DataFrame, float | pd.Series | None, Losses | None, Diagnosis | None]:
    """Table of units, demand and losses, and why there is no answer where load has no supply; a table of units passes
    as it is.

    Raises `InvalidNetwork` where the network's tables are wrong, `BadInput` for losses that cannot be had.
    """
    if not isinstance(system, Network):
        if isinstance(losses, str):
            raise BadInput(f"losses {losses!r} need a network; for a table of units give BCoefficients, or None.")
        return system, demand_mw, losses, None
    refuse(system)
    moment = Moment.of(system)
    taken = consumption(moment)
    # A demand that is given does not ask the loads, but for their places.
    dark = in_the_dark(moment) if demand_mw is None or losses is not None else None
    if demand_mw is None:
        demand_mw = float(taken.sum() * BASE_MVA)
    if isinstance(losses, str):
        if losses != "network":
            raise BadInput(f"no losses {losses!r}; there are None, 'network' and BCoefficients.")
        islands = int(moment.island.max(initial=-1)) + 1
        if islands != 1:
            raise BadInput(
                f"losses of a network need one island, and this has {islands} islands with supply; dispatch each "
                "alone, or leave the losses out.",
                islands=islands,
            )
        try:
            losses = NetworkLosses(moment, grid_of(moment, "ratio"), taken)
        except SolveFailed as error:
            raise BadInput(f"losses of this network cannot be had: {error.args[0]}") from error
    return units_of(moment), demand_mw, losses, dark


def in_the_dark(moment: Moment) -> Diagnosis | None:
    """Why there is no dispatch where load stands in islands that nothing supplies; None where none does."""
    found = [f for f in moment.findings().errors if f.code == "stranded_load"]
    if not found:
        return None
    facts: dict[str, object] = {f.code: list(f.ids) for f in found}
    return Diagnosis("infeasible", [f.message for f in found], "Mend this first: no solver was asked.", facts)


def refuse(net: Network) -> None:
    """Raises `InvalidNetwork` where tables are wrong in what a dispatch reads."""
    from gridloop.network.validation import Findings

    off = set(net.generator.index[~net.generator["in_service"]])
    wrong = [f for f in validate(net).all if f.code not in _FINE_HERE]
    wrong = [f for f in wrong if not (f.code == "min_above_max" and set(f.ids) <= off)]
    Findings(tuple(wrong)).raise_errors(net.name)


def units_of(moment: Moment) -> pd.DataFrame:
    """The generators of a moment as a table of units."""
    m = moment
    of_table = m.gen_row >= 0
    own = m.net.generator.iloc[m.gen_row[of_table]]

    def column(name: str, none: object) -> np.ndarray:
        values = np.full(len(m.gen_id), none, dtype=object)
        if name in own.columns:
            values[of_table] = own[name].to_numpy(dtype=object)
        return values

    with np.errstate(invalid="ignore"):
        return pd.DataFrame(
            {
                "p_min_mw": np.where(np.isinf(m.p_min), np.nan, m.p_min * BASE_MVA),
                "p_max_mw": m.p_max * BASE_MVA,
                "cost_fixed_per_h": m.cost_fixed,
                "cost_linear_per_mwh": m.cost_linear,
                "cost_quadratic_per_mw2h": m.cost_quadratic,
                "cost_points": column("cost_points", ""),
                "kind": column("kind", "other"),
                "ramp_mw_per_h": column("ramp_mw_per_h", np.nan).astype(float),
                "emissions_t_per_mwh": m.emissions_t_per_mwh,
            },
            index=pd.Index(m.gen_id, name="unit"),
        )
