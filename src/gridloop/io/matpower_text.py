"""The text of a MATPOWER `.m` file, made plain: what MATLAB would compute there, as far as it is only arithmetic.

The format is a MATLAB function. Most files hold numbers alone; some write `50/3` or `135/sqrt(3)` for one, and some
end in statements that change the numbers above. The usual ones (ohm to per unit, kW to MW) are evaluated by powerio;
a block under `if` with a flag that the file sets to 0 never runs, and is left out here.
"""

from __future__ import annotations

import math
import re

_NUMBER = r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?"
_QUOTIENT = re.compile(rf"(?<![\w.\])])({_NUMBER})\s*/\s*(sqrt\(\s*({_NUMBER})\s*\)|{_NUMBER})(?![\w.(])")
_FLAG = re.compile(r"^[ \t]*(\w+)\s*=\s*0\s*;", re.MULTILINE)
_STRINGS = re.compile(r"'[^'\n]*'")


def plain(text: str) -> str:
    """The same case with quotients as numbers and without blocks that never run; comments stay."""
    return "".join(map(_plain_line, _without_dead_blocks(text).splitlines(keepends=True)))


def _plain_line(line: str) -> str:
    code, percent, comment = line.partition("%")
    if "/" not in code or _STRINGS.search(code):
        return line
    return _QUOTIENT.sub(_quotient, code) + percent + comment


def _quotient(found: re.Match[str]) -> str:
    """`135/sqrt(3)` as its value, written so that every bit comes back; a division by zero stays as it is."""
    below = math.sqrt(float(found[3])) if found[3] else float(found[2])
    return repr(float(found[1]) / below) if below else found[0]


def _without_dead_blocks(text: str) -> str:
    for flag in _FLAG.findall(text):
        block = rf"^[ \t]*if\s+{flag}\b[^\n]*\n(?:(?!^[ \t]*(?:if|for|while|else|elseif)\b).*\n)*?^[ \t]*end\b[^\n]*$"
        text = re.sub(block, "", text, flags=re.MULTILINE)
    return text
