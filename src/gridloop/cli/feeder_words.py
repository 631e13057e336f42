"""What commands say of a feeder in the same words."""

from __future__ import annotations

import pandas as pd
from rich.console import Console

from gridloop.cli.output import say
from gridloop.diagnosis import Diagnosis
from gridloop.network.feeder.model import Feeder


def show_head(console: Console, file: str, feeder: Feeder, nodes: int, last: str, diagnosis: Diagnosis | None) -> None:
    """Its size, what was not read of it, and why there is no answer. last  what ends the line, "3 loads" """
    say(
        console,
        f"{file}: {len(feeder.bus)} buses, {nodes} nodes, {len(feeder.line)} lines, "
        f"{len(feeder.transformer)} transformers, {last}",
    )
    for lost in feeder.loss_report:
        say(console, f"Not read: {lost}")
    if diagnosis is not None:
        say(console, f"Diagnosis: {diagnosis}")


def extremes(values: pd.Series) -> tuple[str, str]:
    """The nodes "BUS.PHASE" of the smallest and the largest value, of those that are known."""
    names = [".".join(map(str, node)) for node in values.index]
    return names[int(values.argmin())], names[int(values.argmax())]


def show_voltages(console: Console, v: pd.Series) -> None:
    """From where to where they lie."""
    low, high = extremes(v)
    say(console, f"Voltage {v.min():.4f} pu (node {low}) to {v.max():.4f} pu (node {high}).")
