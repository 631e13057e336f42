"""Solutions to check that no optimization made: converged power flows, dressed as optimal flows."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import gridloop as gl
from gridloop.network.model import Network
from gridloop.testing import moment


@pytest.fixture(scope="session")
def as_solution() -> Callable[[Network], tuple[Network, SimpleNamespace]]:
    """`as_solution(net)`: the network with limits just around its AC power flow, and that flow as a solution."""

    def dressed(net: Network) -> tuple[Network, SimpleNamespace]:
        flow = gl.power_flow(net)
        assert flow.converged
        generator = flow.generator[["p_mw", "q_mvar"]].copy()
        sources = flow.source[["p_mw", "q_mvar"]].copy()
        for name, source in net.source.iterrows():
            if source["p_max_mw"] == 0.0:  # a mere reference: what it balances is given by the machine there
                machine = net.generator.index[(net.generator["bus"] == source["bus"]) & net.generator["in_service"]][0]
                generator.loc[machine, ["p_mw", "q_mvar"]] += sources.loc[name]
                sources = sources.drop(index=[name])
        box = pd.DataFrame(
            {
                "p_min_mw": generator["p_mw"] - 1.0, "p_max_mw": generator["p_mw"] + 1.0,
                "q_min_mvar": generator["q_mvar"] - 1.0, "q_max_mvar": generator["q_mvar"] + 1.0,
                "cost_linear_per_mwh": 20.0, "cost_quadratic_per_mw2h": 0.1, "cost_fixed_per_h": 5.0,
            },
            index=net.generator.index,
        )  # fmt: skip
        edit = {"author": "test", "time": moment(), "reason": ""}
        if len(box):
            net = net.edit("generator", box, **edit)
        around = pd.DataFrame({"v_min_pu": flow.bus["v_pu"] - 0.01, "v_max_pu": flow.bus["v_pu"] + 0.01})
        net = net.edit("bus", around, **edit)
        p = generator["p_mw"].to_numpy()
        generator["cost_per_h"] = np.where(net.generator["in_service"], 5.0 + 20.0 * p + 0.1 * p**2, np.nan)
        sources.index = pd.Index([f"source:{name}" for name in sources.index])
        sources["cost_per_h"] = 0.0
        branch = ["p_tail_mw", "q_tail_mvar", "p_head_mw", "q_head_mvar"]
        solution = SimpleNamespace(
            status="optimal",
            physics="ac",
            cost=float(generator["cost_per_h"].sum()),
            generator=pd.concat([generator, sources]),
            bus=flow.bus[["v_pu", "angle_deg"]].copy(),
            line=flow.line[branch].copy(),
            transformer=flow.transformer[branch].copy(),
        )
        return net, solution

    return dressed
