"""OpenDSS beside us: compile a case, pin its taps, and hand back voltages, taps and losses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import opendssdirect as dss
from scipy.sparse import csc_array


def command(text: str) -> None:
    dss.Text.Command(text)
    problem = dss.Error.Description()
    if problem:
        raise RuntimeError(f"{text}: {problem}")


def compile_case(file: Path, *, controls: bool = False, taps: dict[str, int] | None = None) -> None:
    """Load a case with capacitor controls off and taps of its regulators at `taps`, neutral where none is named."""
    dss.Basic.AllowChangeDir(False)
    command("clear")
    command(f'compile "{file}"')
    if dss.CapControls.Count():
        command("batchedit capcontrol..* enabled=no")
    # Its own limit stops earlier than a comparison of 1e-6 needs.
    for option in ("maxcontroliter=200", "tolerance=1e-10", "maxiterations=500"):
        command(f"set {option}")
    command(f"set controlmode={'static' if controls else 'off'}")
    for name in dss.RegControls.AllNames() if dss.RegControls.Count() else []:
        dss.RegControls.Name(name)
        winding = dss.RegControls.TapWinding()
        dss.Transformers.Name(dss.RegControls.Transformer())
        dss.Transformers.Wdg(winding)
        dss.Transformers.Tap(1.0 + 0.00625 * (taps or {}).get(name, 0))


def solve() -> None:
    command("solve mode=snap")
    if not dss.Solution.Converged():
        raise RuntimeError("OpenDSS did not converge")


def voltages() -> dict[str, complex]:
    """Node "bus.phase" -> voltage to ground. [V]"""
    v = np.array(dss.Circuit.YNodeVArray())
    return {n.lower(): complex(x) for n, x in zip(dss.Circuit.YNodeOrder(), v[0::2] + 1j * v[1::2], strict=True)}


def taps() -> dict[str, int]:
    found = {}
    for name in dss.RegControls.AllNames() if dss.RegControls.Count() else []:
        dss.RegControls.Name(name)
        found[name] = int(dss.RegControls.TapNumber())
    return found


def losses_mw() -> float:
    return float(dss.Circuit.Losses()[0]) / 1e6


def admittance() -> tuple[list[str], csc_array]:
    """Names of the nodes, and the matrix OpenDSS solves with, in siemens."""
    data, rows, starts = dss.YMatrix.getYsparse(factor=False)
    names = [n.lower() for n in dss.Circuit.YNodeOrder()]
    return names, csc_array((data, rows, starts), shape=(len(names), len(names)))
