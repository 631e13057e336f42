"""The door of the `gridloop` command: whatever happens behind it, a user sees at most one line of error."""

from __future__ import annotations

import os
import sys

BAD_INPUT, FAILED, INTERRUPTED = 2, 1, 130


def main() -> None:
    """Entry point of the command; set GRIDLOOP_DEBUG=1 to see the traceback of an unexpected error."""
    try:
        # Imported behind the door: an interrupt during the second that this takes is one line too.
        from gridloop.cli.app import call

        code = call(sys.argv[1:])
    except KeyboardInterrupt as stop:
        _say(str(stop) or "Interrupted.")
        code = INTERRUPTED
    except Exception as error:
        from gridloop.errors import BadInput, GridloopError

        if not isinstance(error, GridloopError) and os.environ.get("GRIDLOOP_DEBUG"):
            raise
        ours = isinstance(error, GridloopError)
        _say(
            str(error)
            if ours
            else f"{type(error).__name__}: {error} (an error of gridloop; GRIDLOOP_DEBUG=1 shows where)"
        )
        code = BAD_INPUT if isinstance(error, BadInput) else FAILED
    sys.exit(code)


def _say(text: str) -> None:
    sys.stderr.write(" ".join(text.split()) + "\n")
