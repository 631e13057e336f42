"""PGLib's table of optimal power flows, case by case: objective, violation, status and seconds, AC and DC.

Each case goes once from its file to the checked answer. Cost and violations count as recomputed from the matrices of
the file (`opf_check`). Objectives may differ from BASELINE.md by 0.01 % and, because it prints five digits, half a unit
of its last one; a case that it calls infeasible has to be named infeasible, with its conflict. Where a DC objective
is not there, the case is solved again as the table's own tool changed it (`opf_turned`): what matches then is explained
and counted apart.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness import Bench
from benchmarks.opf_cases import PHYSICS, SETS, Published, matrices, published
from benchmarks.opf_check import cost_and_violation
from benchmarks.opf_turned import turned_apart
from benchmarks.result import Row
from gridloop.errors import BadInput

NAME = "opf-table"
SAME_COST, ALLOWED_PU = 1e-4, 1e-6
# What is promised, and what runs where nothing else is asked for: buses at most, by set.
MOST_BUSES = {"typical": 10_480, "api": 3_000, "sad": 3_000}
QUICK_BUSES = 300
# The answer's own sum of costs may differ from that of the file's matrices by rounding of a thousand terms.
SAME_SUM = 1e-9
# Ends the words for an objective that is another.
ELSE = "% from PGLib's table"
# Of a kept record, what `wrong` and the sums read; all else is told as it stands.
TEXTS = ("case", "set", "physics", "status")
NUMBERS = ("published", "objective", "seconds", "allowed", "violation_pu", "apart", "conflict")
# How every line of a journal begins.
FIRST = '{"case": '
Record = dict[str, Any]


def run(bench: Bench) -> list[Row]:
    """A row per case and physics, the small ones first, then one that sums up each set and physics."""
    asked = [(case, physics) for physics in PHYSICS if physics in (bench.physics or PHYSICS) for case in chosen(bench)]
    done = {(r["case"], r["physics"]): r for r in _kept(bench.journal)}
    records: list[Record] = []
    warm = False
    if done:
        bench.line(f"{len(done)} answers from {bench.journal}.")
    for k, (case, physics) in enumerate(asked):
        record = done.get((case.name, physics))
        if record is None:
            if not warm:  # compiles, or reads what was compiled
                for known in PHYSICS:
                    solve(published()[0], known)
                warm = True
            bench.say(f"{k + 1} of {len(asked)}: {case.name} {physics}")
            record = solve(case, physics)
            if bench.journal is not None:
                with bench.journal.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(record) + "\n")
            bench.line(words(record))
        records.append(record)
    rows = [_row(record) for record in records]
    return rows + summary(records)


def chosen(bench: Bench) -> list[Published]:
    """The cases that are asked for."""
    if bench.cases:
        return [case for case in published() if case.name in bench.cases]
    sets = bench.sets or SETS
    most = {kind: bench.buses or (QUICK_BUSES if bench.quick else MOST_BUSES[kind]) for kind in SETS}
    return [case for case in published() if case.kind in sets and case.buses <= most[case.kind]]


def solve(case: Published, physics: str) -> Record:
    """One case, from its file to the checked answer, and what it is worth by the matrices of the file."""
    import gridloop as gl

    began = time.perf_counter()
    net = gl.read_network(case.path)
    read = time.perf_counter() - began
    flow = gl.optimal_power_flow(net, physics=physics)
    took = time.perf_counter() - began
    expected = case.objective[physics]
    record: Record = {
        "case": case.name, "set": case.kind, "buses": case.buses, "physics": physics, "published": expected,
        "status": flow.status, "objective": flow.cost, "seconds": took, "read_s": read, "build_s": flow.build_s,
        "solve_s": flow.solve_s, "iterations": flow.iterations, "own_violation_pu": flow.violations_max_pu,
        "allowed": SAME_COST + case.apart[physics], "violation_pu": math.nan, "apart": math.nan,
        "diagnosis": "" if flow.diagnosis is None else str(flow.diagnosis),
    }  # fmt: skip
    if flow.solved:
        cost, violation = cost_and_violation(dict(matrices(case.path)), physics, flow.bus, flow.generator)
        record.update(
            violation_pu=violation, apart=cost / expected - 1, same_sum=bool(np.isclose(cost, flow.cost, SAME_SUM, 0))
        )
    record["conflict"] = 0 if flow.diagnosis is None else _members(flow.diagnosis.facts)
    record["turned"] = turned_apart(case) if physics == "dc" and wrong(record).endswith(ELSE) else None
    record["why_wrong"] = wrong(record)
    return record


def _members(facts: dict[str, Any]) -> int:
    """How many rules the conflict names."""
    return max((len(v) for k, v in facts.items() if "conflict" in k and isinstance(v, (list, tuple, dict))), default=0)


def wrong(record: Record) -> str:
    """Why an answer cannot stand; empty where it can."""
    if math.isinf(record["published"]):
        if record["status"] != "infeasible":
            return f"{record['status']}, where PGLib's table has no solution"
        return "" if record["conflict"] else "infeasible, without a conflict that says why"
    if record["status"] != "optimal":
        return f"{record['status']}, where PGLib's table has {record['published']:.5g}"
    if not record["same_sum"]:
        return "its cost is not the sum of its generators' costs"
    if not record["violation_pu"] <= ALLOWED_PU:
        return f"breaks a balance or limit by {record['violation_pu']:.1e} pu"
    turned = record.get("turned")
    explained = turned is not None and abs(turned) <= record["allowed"]
    return "" if explained or abs(record["apart"]) <= record["allowed"] else f"{100 * record['apart']:+.4f} {ELSE}"


def words(record: Record) -> str:
    """One line."""
    if record["status"] == "optimal":
        what = f"{record['objective']:.6g}, {100 * record['apart']:+.4f} %, violation {record['violation_pu']:.1e} pu"
    else:
        what = f"{record['status']}, conflict of {record['conflict']}"
    told = f" WRONG: {record['why_wrong']}." if record["why_wrong"] else ""
    if record.get("turned") is not None:
        told += f" With its transformers turned as the table's tool does, {100 * record['turned']:+.4f} %."
    return f"{record['case']} {record['physics']}: {what}, {record['seconds']:.2f} s.{told}"


def _kept(journal: Path | None) -> list[Record]:
    """The records of a journal, judged by today's rules; half a line at its end is cut off.

    Raises `BadInput` where it cannot be written, or holds anything else.
    """
    if journal is None:
        return []
    try:
        with journal.open("a+b") as file:  # what cannot be written shows now, and not after the first case
            file.seek(0)
            lines = file.read().splitlines(keepends=True)
            torn = lines.pop() if lines and _is_torn(lines[-1]) else b""
            kept = [_read(journal, k, line) for k, line in enumerate(lines, start=1) if line.strip()]
            if torn:
                file.truncate(sum(map(len, lines)))
            if lines and not lines[-1].endswith(b"\n"):
                file.write(b"\n")
    except OSError as error:
        raise BadInput(
            f"the journal {journal} cannot be opened for writing ({error.strerror}). Name a file in a folder that "
            "exists and is yours."
        ) from error
    return [{**record, "why_wrong": wrong(record)} for record in kept]


def _is_torn(line: bytes) -> bool:
    """True for the beginning of a record whose end was never written."""
    if line.endswith(b"\n"):
        return False
    try:
        json.loads(line)
    except ValueError:
        return line[: len(FIRST)] == FIRST.encode()[: len(line)]
    return False


def _read(journal: Path, number: int, line: bytes) -> Record:
    try:
        record = json.loads(line)
        lacks = [key for key in TEXTS if not isinstance(record[key], str)]
        lacks += [key for key in NUMBERS if not isinstance(record[key], (int, float))]
        if record["status"] == "optimal" and not isinstance(record["same_sum"], bool):
            lacks.append("same_sum")
        why = f"no value for {', '.join(lacks)}" if lacks else ""
    except (ValueError, KeyError, TypeError) as error:
        record, why = {}, f"no {error}" if isinstance(error, KeyError) else "no JSON object"
    if why:
        raise BadInput(
            f"line {number} of {journal} is no record of {NAME}: {why}. Give --resume a file that {NAME} wrote, or "
            "the name of a new one.",
            line=number,
        )
    return dict(record)


def _row(record: Record) -> Row:
    """A table of answers: seconds of one run are facts, and no rate that counts."""
    broken = np.inf if record["why_wrong"] else record["violation_pu"]
    return Row(
        NAME, f"{record['case']} {record['physics']}", 1, mismatch_pu=None if math.isnan(broken) else broken,
        allowed_mismatch_pu=ALLOWED_PU, scenarios=1, facts={**record, "case": f"{record['case']} {record['physics']}"},
        notes=(words(record),) if record["why_wrong"] or record.get("turned") is not None else (),
    )  # fmt: skip


def summary(records: Sequence[Record]) -> list[Row]:
    """For each set and physics: how many stand, the worst difference and violation, and the seconds."""
    rows = []
    for kind in SETS:
        for physics in PHYSICS:
            some = [r for r in records if r["set"] == kind and r["physics"] == physics]
            if not some:
                continue
            solved = [r for r in some if r["status"] == "optimal" and math.isfinite(r["published"])]
            facts: dict[str, Any] = {
                "cases": len(some),
                "right": sum(not r["why_wrong"] for r in some),
                "explained": sum(r.get("turned") is not None and not r["why_wrong"] for r in some),
                "within_0.01_percent": sum(abs(r["apart"]) <= SAME_COST for r in solved),
                "solved": len(solved),
                "infeasible_with_conflict": sum(math.isinf(r["published"]) and not r["why_wrong"] for r in some),
                "worst_apart": max((abs(r["apart"]) for r in solved), default=math.nan),
                "worst_violation_pu": max((r["violation_pu"] for r in solved), default=math.nan),
                "seconds": sum(r["seconds"] for r in some),
                "slowest_s": max(r["seconds"] for r in some),
            }
            worst = (
                f", of which {facts['within_0.01_percent']} within 0.01 % of the digits printed (worst "
                f"{100 * facts['worst_apart']:.4f} %, violation {facts['worst_violation_pu']:.1e} pu)"
            )
            note = (
                f"{facts['right']} of {facts['cases']} right: {facts['solved']} with a solution{worst * bool(solved)}, "
                f"{facts['infeasible_with_conflict']} infeasible with their conflict; {facts['seconds']:.0f} s in all, "
                f"the slowest {facts['slowest_s']:.1f} s."
                + (f" {facts['explained']} by the table's own reading of the file." if facts["explained"] else "")
            )
            rows.append(Row(NAME, f"all of {kind} {physics}", 1, facts=facts, notes=(note,)))
    return rows
