"""A bar while a model learns or a backtest goes on; on a console that is no terminal a line now and then."""

from __future__ import annotations

import time

from rich.console import Console, ConsoleOptions, RenderResult
from rich.progress_bar import ProgressBar
from rich.table import Table

from gridloop.cli.live_line import LiveLine

WIDTH = 28


class Bar(LiveLine):
    """What is under way, how much of it is done, and for how long."""

    def __init__(self, console: Console, *, lines: bool) -> None:
        super().__init__(console, lines=lines)
        self._what, self._share = "", float("nan")
        self._began_s = time.monotonic()

    def show(self, what: str, share: float = float("nan")) -> None:
        """share: of the work, 0 … 1; NaN where nobody knows"""
        if what != self._what:
            self._began_s = time.monotonic()
        self._what, self._share = what, share
        if self.console.is_terminal:
            self.live.update(self)
        else:
            self.tell(what if share != share else f"{what}, {100 * share:.0f} %")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        known = self._share == self._share
        row = Table.grid(padding=(0, 2))
        row.add_column(no_wrap=True)
        spent = f"{time.monotonic() - self._began_s:.0f} s"
        row.add_row(
            self._what,
            ProgressBar(total=1.0, completed=self._share if known else 0.0, width=WIDTH, pulse=not known),
            f"{100 * self._share:3.0f} %" if known else "",
            spent,
        )
        yield row
