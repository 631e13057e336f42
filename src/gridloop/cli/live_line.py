"""One live line while a solver runs; on a console that is no terminal a plain line every few seconds."""

from __future__ import annotations

import time
from typing import Any, Self

from rich.console import Console
from rich.live import Live

from gridloop.cli.output import say

# Between plain lines where the console is no terminal.
_LINE_S = 5.0


class LiveLine:
    """A context whose line says the last text. lines: whether plain ones are wanted at all"""

    def __init__(self, console: Console, *, lines: bool) -> None:
        self.console = console
        self.lines = lines and not console.is_terminal
        self.live = Live(console=console, refresh_per_second=8, transient=True)
        self.said_s = time.monotonic()

    def __enter__(self) -> Self:
        self.live.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.live.stop()

    def tell(self, text: str) -> None:
        """Say how things stand."""
        if self.console.is_terminal:
            self.live.update(text)
        elif self.lines and time.monotonic() - self.said_s >= _LINE_S:
            self.said_s = time.monotonic()
            say(self.console, text)
