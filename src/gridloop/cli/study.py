"""`gridloop study battery|ev|dr|vpp`: what flexibility is worth on recorded data, beside a stated baseline."""

from __future__ import annotations

import typer

from gridloop.cli import study_battery, study_dr, study_ev, study_vpp

app = typer.Typer(
    help="What flexibility is worth on your data, beside a baseline of the same run.",
    add_completion=False,
    rich_markup_mode=None,
)
app.command("battery")(study_battery.battery)
app.command("ev")(study_ev.ev)
app.command("dr")(study_dr.dr)
app.command("vpp")(study_vpp.vpp)
