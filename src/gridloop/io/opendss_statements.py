"""Commands of an OpenDSS case that powerio passes over without a word: what opens, disables or scales elements."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from gridloop.errors import BadInput
from gridloop.io.opendss_parts import Rows
from gridloop.io.opendss_values import number

# Where open and closed are: the table and column of a class of elements.
_OPENED = {
    "line": ("line", "closed"),
    "capacitor": ("capacitor", "closed"),
    "transformer": ("transformer", "in_service"),
    "load": ("load", "in_service"),
    "generator": ("generator", "in_service"),
    "vsource": ("source", "in_service"),
    "regcontrol": ("regulator", "in_service"),
}
# Objects that no row of a feeder stands for.
_ASIDE = ("loadshape", "monitor", "energymeter", "spectrum", "tcc_curve", "growthshape", "fuse", "recloser", "relay")
_DEEPEST = 20


def apply_statements(file: Path, rows: Rows, losses: list[str]) -> None:
    """Open, close, enable, disable and `set loadmult`, in the order of the case; the rest that counts is named."""
    for statement in _statements(file, 0):
        verb, *words = statement.split()
        act = _ACTS.get(verb.lower())
        if act is not None:
            act(words, rows, losses)
    for row in rows["load"]:
        scale = row.pop("scale", 1.0)
        row["p_mw"], row["q_mvar"] = scale * row["p_mw"], scale * row["q_mvar"]


def _statements(file: Path, depth: int) -> Iterator[str]:
    """Lines without comments, files that are redirected to in their place."""
    if depth > _DEEPEST or not file.is_file():
        return
    text = re.sub(r"/\*.*?\*/", "", file.read_text(encoding="utf-8", errors="replace"), flags=re.DOTALL)
    for line in text.splitlines():
        statement = re.split(r"!|//", line, maxsplit=1)[0].strip()
        if not statement:
            continue
        verb, _, rest = statement.partition(" ")
        if verb.lower() in ("redirect", "compile"):
            yield from _statements(_beside(file, rest.strip(" ()[]{}\"'")), depth + 1)
        else:
            yield statement


def _beside(file: Path, name: str) -> Path:
    """The file of that name in the folder of another, whatever the case of its letters."""
    found = file.parent / name.replace("\\", "/")
    if not found.is_file() and found.parent.is_dir():
        same = [p for p in found.parent.iterdir() if p.name.lower() == found.name.lower()]
        return same[0] if same else found
    return found


def _switch(column: str | None, value: bool) -> Callable[[list[str], Rows, list[str]], None]:
    """An act that sets a state; a column of None means the one that opens the class."""

    def act(words: list[str], rows: Rows, losses: list[str]) -> None:
        target = re.sub(r"^(object|element)=", "", words[0].strip("\"'").lower()) if words else ""
        kind, _, name = target.partition(".")
        if kind in _ASIDE:
            return
        table, opens = _OPENED.get(kind, ("", ""))
        row = next((r for r in rows.get(table, []) if r["id"] == name), None)
        conductor = re.sub(r"^\w+=", "", words[2]) if column is None and len(words) > 2 else "0"
        if row is None or conductor not in ("0", ""):
            losses.append(f"the command on {target!r} ({' '.join(words)}) is not carried out")
        else:
            row[column or opens] = value
            if kind == "line" and column is None and not value:
                losses.append(
                    f"opened {target} is open at both ends here; OpenDSS opens one, and charges it from the other"
                )

    return act


def _set(words: list[str], rows: Rows, losses: list[str]) -> None:
    """`set loadmult=…` scales the loads; other options belong to OpenDSS's solution."""
    joined = re.sub(r"\s*=\s*", "=", " ".join(words))
    found = re.search(r"\bloadmult=(\S+)", joined, flags=re.IGNORECASE)
    if not found:
        return
    try:
        factor = number(found.group(1))
    except BadInput:
        losses.append(f"the option {found.group(0)!r} is not carried out")
        return
    # The last one counts, so that each starts from what the loads were given.
    for row in rows["load"]:
        row["scale"] = factor


def _named(verb: str) -> Callable[[list[str], Rows, list[str]], None]:
    """An act that is only reported."""

    def act(words: list[str], rows: Rows, losses: list[str]) -> None:
        if not (words and words[0].lower().split(".")[0] in _ASIDE):
            losses.append(f"the command {verb} {' '.join(words)}".strip() + " is not carried out")

    return act


_ACTS = {
    "open": _switch(None, False),
    "close": _switch(None, True),
    "disable": _switch("in_service", False),
    "enable": _switch("in_service", True),
    "set": _set,
    "batchedit": _named("batchedit"),
    "allocateloads": _named("allocateloads"),
    "estimate": _named("estimate"),
    "reconductor": _named("reconductor"),
}
