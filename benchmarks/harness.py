"""How things are measured: the tools take turns, the medians count, and progress is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import peers
from benchmarks.peers import Answer, PeerFailed

# A turn measures once and returns flows per second.
Turn = Callable[[], float]


@dataclass
class Bench:
    """One benchmark under way: its settings, whom to tell, and what the peers' versions were.

    quick   a third of the scenarios, and answers compared on no more than those that are timed
    cases   only these, where any are named
    sets, physics, buses  the same for benchmarks that have such a choice; 0 for their own largest number of buses
    journal  file of finished cases, where a benchmark can go on from one
    line    prints a line that stays; `say` tells what is under way
    """

    runs: int = 5
    threads: int = 2
    quick: bool = False
    with_peers: bool = True
    cases: tuple[str, ...] = ()
    fraction: float = 0.01
    answers: int = 10_000
    seed: int = 0
    data: str | None = None
    sets: tuple[str, ...] = ()
    physics: tuple[str, ...] = ()
    buses: int = 0
    journal: Path | None = None
    say: Callable[[str], None] = lambda text: None
    line: Callable[[str], None] = lambda text: None
    versions: dict[str, str] = field(default_factory=dict)

    def asks_for(self, case: str) -> bool:
        """True where this case is to be measured."""
        return not self.cases or case in self.cases

    @property
    def data_folder(self) -> Path:
        """Where the recorded data would be: `data`, else GRIDLOOP_DATA, else beside the checkout."""
        return Path(self.data or os.environ.get("GRIDLOOP_DATA") or peers.ROOT.parent / "shared" / "data")

    def peer(self, script: str, facts: Mapping[str, Any], arrays: Mapping[str, Any] | None = None) -> Answer:
        """Run a peer's script and remember its versions."""
        answer = peers.run_peer(script, {"threads": self.threads, **facts}, arrays)
        self.versions.update(answer.facts.get("versions", {}))
        return answer


def warmed(turn: Turn) -> Turn:
    """A turn whose first measurement is thrown away: the peers, in processes of their own, warm up too.

    Between two turns a minute may pass, in which a virtual machine gives away the memory that nobody touches.
    """

    def second() -> float:
        turn()
        return turn()

    return second


def alternate(
    turns: Mapping[str, Turn], runs: int, say: Callable[[str], None] = lambda text: None
) -> dict[str, list[float]]:
    """Rates of every contestant, who take turns: what else the machine does then hits all alike.

    A contestant whose run fails is out, and the reason is told; the others go on.
    """
    rates: dict[str, list[float]] = {name: [] for name in turns}
    out: set[str] = set()
    for run in range(runs):
        for name, turn in turns.items():
            if name in out:
                continue
            say(f"run {run + 1} of {runs}: {name}")
            try:
                rates[name].append(turn())
            except PeerFailed as error:
                say(str(error))
                out.add(name)
    return {name: values for name, values in rates.items() if name not in out}
