"""`gridloop study NAME`: what flexibility is worth on recorded data, beside a stated baseline."""

from __future__ import annotations

from gridloop.cli.later import commands

COMMANDS = {
    "battery": "gridloop.cli.study_battery:battery",
    "ev": "gridloop.cli.study_ev:ev",
    "dr": "gridloop.cli.study_dr:dr",
    "vpp": "gridloop.cli.study_vpp:vpp",
    "compressors": "gridloop.cli.study_compressors:compressors",
    "process": "gridloop.cli.study_process:process",
    "hvac": "gridloop.cli.study_hvac:hvac",
    "microgrid": "gridloop.cli.study_microgrid:microgrid",
}

app = commands("What flexibility is worth on your data, beside a baseline of the same run.", COMMANDS)
