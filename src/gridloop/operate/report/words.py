"""Numbers and names as a reader expects them: thin spaces, true minus signs, units, nothing that HTML misreads."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence

UNITS = {
    "eur_per_mwh": "EUR/MWh",
    "mwh": "MWh",
    "mw": "MW",
    "mvar": "Mvar",
    "eur": "EUR",
    "pu": "pu",
    "pct": "%",
    "pos": "",
    "soc": "",
    "deg": "°",
    "t": "t",
    "h": "h",
    "s": "s",
}


def number(value: float | None, digits: int = 1, sign: bool = False) -> str:
    """`−12 345.6`; an en dash where the value is missing."""
    if value is None or math.isnan(value):
        return "–"
    text = f"{value:+,.{digits}f}" if sign else f"{value:,.{digits}f}"
    if not any(c in "123456789" for c in text):
        text = text.lstrip("+-")
    return text.replace(",", "\u202f").replace("-", "\u2212")


def count(amount: int, one: str, many: str = "") -> str:
    """`1 bus`, `14 buses`."""
    return f"{number(amount, 0)} {one if amount == 1 else many or one + 's'}"


def escaped(text: object) -> str:
    """Safe inside HTML and inside plotly's texts, which read some HTML too."""
    return html.escape(str(text), quote=True)


QUANTITIES = {
    "p_mw": "power",
    "max_p_mw": "highest power",
    "q_mvar": "reactive power",
    "tap_pos": "tap position",
    "unserved_mw": "unserved load",
}


def split_unit(quantity: str) -> tuple[str, str]:
    """`import_mwh` → (`import`, `MWh`), `p_mw` → (`power`, `MW`); no unit where the name carries none."""
    for suffix, unit in UNITS.items():
        if quantity.endswith("_" + suffix) or quantity == suffix:
            return QUANTITIES.get(quantity, quantity.removesuffix("_" + suffix).replace("_", " ")), unit
    return quantity.replace("_", " "), ""


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, css: str = "", numeric: Iterable[int] = ()) -> str:
    """An HTML table; cells are finished HTML, `numeric` are the columns set flush right."""
    right = set(numeric)

    def cell(tag: str, i: int, text: str) -> str:
        return f'<{tag} class="n">{text}</{tag}>' if i in right else f"<{tag}>{text}</{tag}>"

    top = "".join(cell("th", i, text) for i, text in enumerate(head))
    body = "\n".join("<tr>" + "".join(cell("td", i, text) for i, text in enumerate(row)) + "</tr>" for row in rows)
    return f'<table class="{css}"><thead><tr>{top}</tr></thead><tbody>\n{body}\n</tbody></table>'
