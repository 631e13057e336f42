"""The `gridloop` command that kills itself at a chosen write, perhaps with a store that forgets what it has written.

    python killed_run.py [--kill-at TABLE WRITE_ID] [--forgetful] -- run site.toml --out runs

`--kill-at plans tick-1` sends SIGKILL to itself just before that write becomes visible. `--forgetful` plants the fault
that the kill tests must find: the store ignores write ids, so that a resend adds its rows again.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

from gridloop.cli.main import main
from gridloop.telemetry.lake import LakeTable


def kill_at(table: str, write_id: str) -> None:
    """Kill this process instead of committing that write."""
    commit = LakeTable.commit

    def deadly(self: LakeTable, staged: Path, rows: int, which: str) -> None:
        if (self.folder.name, which) == (table, write_id):
            os.kill(os.getpid(), signal.SIGKILL)
        commit(self, staged, rows, which)

    LakeTable.commit = deadly  # type: ignore[method-assign]


def forget() -> None:
    """Make every store forget which writes it has."""
    LakeTable.has = lambda self, write_id: False  # type: ignore[method-assign]


if __name__ == "__main__":
    own, command = sys.argv[1 : sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1 :]
    if "--kill-at" in own:
        place = own.index("--kill-at")
        kill_at(own[place + 1], own[place + 2])
    if "--forgetful" in own:
        forget()
    sys.argv = ["gridloop", *command]
    main()
