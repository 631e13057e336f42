"""The study behind the field's headline: 15,000 adoptions of solar and vehicles × 8,760 hours on IEEE 123.

131.4 million unbalanced flows, or a fraction of them; run twice, and the second must repeat the first exactly. OpenDSS
solves a few thousand scenarios of the same feeder beside it, which says how long it would take for all.
"""

from __future__ import annotations

import resource
import time

from benchmarks import feeder, ours
from benchmarks.harness import Bench
from benchmarks.promises import PROMISES
from benchmarks.result import Rates, Row

NAME, CASE = "131m", "ieee123"
FLOWS = 15_000 * 8_760
MEMORY_GIB = 2.0


def run(bench: Bench) -> list[Row]:
    """One row; its facts hold the time, the memory, the digest of the result and what OpenDSS would need."""
    path = feeder.master(bench)
    peers: dict[str, Rates] = {}
    notes: list[str] = []
    if bench.with_peers:
        bench.say(f"{feeder.OPENDSS}: its rate on this feeder")
        method, turns = feeder.opendss_turns(bench, path, False, feeder.SCENARIOS // 4, notes)
        peers[feeder.OPENDSS] = Rates(tuple(turns[feeder.OPENDSS]() for _ in range(bench.runs)), method)
        notes.append(f"{feeder.OPENDSS} would take {FLOWS / peers[feeder.OPENDSS].median / 60:.0f} minutes.")
    rates: list[float] = []
    digests: list[str] = []
    try:
        for again in range(2):
            bench.say(f"study, {bench.fraction:.2%} of 131.4 million flows, {'again' if again else 'once'}")
            start = time.perf_counter()
            flows, digest = ours.study(
                path, bench.fraction, threads=bench.threads, progress=lambda share: bench.say(f"study: {share:.1%}")
            )
            rates.append(flows / (time.perf_counter() - start))
            digests.append(digest)
    except ours.NotYet as missing:
        notes.append(str(missing))
    facts: dict[str, object] = {"fraction": bench.fraction, "flows": round(FLOWS * bench.fraction)}
    if rates:
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        same = len(set(digests)) == 1
        facts |= {"wall_s_for_all": FLOWS / min(rates), "memory_gib": memory, "digest": digests[0], "repeats": same}
        notes.append(
            f"All of it at this rate: {FLOWS / min(rates):.0f} s, promised {PROMISES[NAME, CASE].wall_s:.0f} s. "
            f"Memory {memory:.2f} GiB, promised {MEMORY_GIB:.0f} GiB. "
            + ("The second run repeats the first exactly." if same else "WRONG: the second run differs from the first.")
        )
    timed = Rates(tuple(rates), "gridloop.simulate") if rates else None
    return [Row(NAME, CASE, bench.threads, timed, peers, scenarios=FLOWS, facts=facts, notes=tuple(notes))]
