"""`gridloop compile`: every kernel ahead of its first call, such as for an image that many machines start from."""

from __future__ import annotations

import multiprocessing
import os
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Annotated

import typer
from numba.core import event
from rich.console import Console

from gridloop.cli.compile_parts import PARTS
from gridloop.cli.output import print_json, say
from gridloop.errors import BadInput


def compile_(
    part: Annotated[list[str] | None, typer.Option(help=f"Only this: {', '.join(PARTS)}; may be repeated.")] = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Processes; otherwise one per processor.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Compile all kernels for this machine now, side by side, so that no first call waits for it.

    What is compiled is kept beside the library, or in NUMBA_CACHE_DIR where that is set, until the library changes.
    """
    unknown = [name for name in part or () if name not in PARTS]
    if unknown:
        raise BadInput(f"No part {unknown[0]!r}. Parts are {', '.join(PARTS)}.", part=unknown[0])
    names = [name for name in PARTS if name in (part or PARTS)]
    console = Console(highlight=False)
    began = time.perf_counter()
    done = {}
    processes = min(jobs or os.cpu_count() or 1, len(names))
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        running = {pool.submit(compile_part, name): name for name in names}
        for ended in as_completed(running):
            name = running[ended]
            try:
                count, seconds = ended.result()
            except BrokenProcessPool as error:
                raise BadInput(
                    f"{name}: the process that compiled it was ended from outside, mostly for lack of memory. "
                    "Use --jobs 1.",
                    part=name,
                ) from error
            done[name] = {"kernels": count, "seconds": seconds}
            if not as_json:
                said = f"{count} kernels compiled in {seconds:.1f} s" if count else "kept from before"
                say(console, f"{len(done)} of {len(names)}  {name}: {said}")
    if as_json:
        print_json({"parts": done, "seconds": time.perf_counter() - began})


def compile_part(name: str) -> tuple[int, float]:
    """Use a part once; how many kernels that compiled, and the seconds it took."""
    counter = _Counter()
    began = time.perf_counter()
    with event.install_listener("numba:compile", counter):
        PARTS[name]()
    return counter.compiled, time.perf_counter() - began


class _Counter(event.Listener):
    """Counts what numba compiles."""

    def __init__(self) -> None:
        self.compiled = 0

    def on_start(self, event: event.Event) -> None:
        """See numba."""
        self.compiled += 1

    def on_end(self, event: event.Event) -> None:
        """See numba."""
