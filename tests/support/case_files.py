"""MATPOWER case files through other tools, read without our readers: pandapower and lightsim2grid."""

from __future__ import annotations

import logging
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np

# Columns of the format.
PD, QD, GS, BS, BASE_KV = 2, 3, 4, 5, 9
F_BUS, T_BUS, BR_B, TAP, SHIFT, STATUS = 0, 1, 4, 8, 9, 10


def read_matrices(path: Path) -> dict[str, Any]:
    """bus, gen and branch of a case file, as numbers."""
    text = re.sub(r"%.*", "", path.read_text("utf-8"))
    case: dict[str, Any] = {"version": "2", "baseMVA": float(re.findall(r"mpc\.baseMVA\s*=\s*([\d.e+]+)", text)[0])}
    for name in ("bus", "gen", "branch"):
        rows = re.findall(rf"mpc\.{name}\s*=\s*\[(.*?)\]", text, re.DOTALL)[0]
        case[name] = np.array([[float(x) for x in row.split()] for row in re.split(r"[;\n]", rows) if row.strip()])
    return case


def restated(case: dict[str, Any]) -> dict[str, Any]:
    """The same case in per unit, in words that pandapower's converter understands.

    That converter (3.5) reads a tap of 0 as a ratio, exchanges the ends of transformers that step up but not their
    taps, makes impedances of others, which lightsim2grid refuses, and gives the charging of transformers the sign of
    an iron core. So: one voltage level, taps of 1, and the charging of transformers as shunts at their ends.
    """
    bus, branch = case["bus"], case["branch"]
    bus[:, BASE_KV] = 100.0
    branch[branch[:, TAP] == 0, TAP] = 1.0
    row = {int(number): k for k, number in enumerate(bus[:, 0])}
    tail, head = ([row[int(number)] for number in branch[:, column]] for column in (F_BUS, T_BUS))
    charging = branch[:, BR_B] * case["baseMVA"] / 2 * ((branch[:, TAP] != 1) | (branch[:, SHIFT] != 0))
    np.add.at(bus[:, BS], tail, charging * branch[:, STATUS] / branch[:, TAP] ** 2)
    np.add.at(bus[:, BS], head, charging * branch[:, STATUS])
    branch[charging != 0, BR_B] = 0.0
    return case


def pandapower_net(path: Path, **options: Any) -> Any:
    """The case as a pandapower net, solved as tightly as it can; bus numbers are the index."""
    import pandapower
    from pandapower.converter.pypower import from_ppc

    logging.getLogger("pandapower").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandapower's own making
        net = from_ppc(restated(read_matrices(path)), f_hz=50, validate_conversion=False)
        pandapower.runpp(
            net, init="dc", calculate_voltage_angles=True, tolerance_mva=1e-9, max_iteration=30, numba=False, **options
        )
    return net


def voltages(net: Any) -> np.ndarray:
    """Complex voltages of a solved pandapower net, in the order of its buses."""
    return np.asarray(net.res_bus["vm_pu"] * np.exp(1j * np.deg2rad(net.res_bus["va_degree"])))


def lightsim_voltages(net: Any) -> np.ndarray:
    """Complex voltages of a pandapower net as lightsim2grid solves it, in the order of its buses."""
    from lightsim2grid.network import init_from_pandapower

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = init_from_pandapower(net)
        start = model.dc_pf(np.ones(len(net.bus), dtype=complex), 1, 1e-8)
        # It keeps the angle that the slack has in the start values.
        start = start * np.exp(1j * np.deg2rad(net.ext_grid["va_degree"].iloc[0]))
        # Its tolerance is in MVA: less than 1e-8 is below the rounding of the larger cases.
        solved = model.ac_pf(start, 30, 1e-8)
    assert solved.size == len(net.bus), "lightsim2grid did not converge"
    return np.asarray(solved)
