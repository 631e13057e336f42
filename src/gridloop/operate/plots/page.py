"""The page of one state: what it is, what exceeds its limit by name, the profile and the map."""

from __future__ import annotations

from gridloop.operate.plots import grid_map, profile
from gridloop.operate.plots.picture import Picture
from gridloop.operate.report.chart import Part
from gridloop.operate.report.page import document
from gridloop.operate.report.words import count, escaped, number, table

MOST_ROWS = 200
WORDS = {"v_pu": ("voltage", "pu", 4), "loading_pct": ("loading", "%", 1)}


def build_page(picture: Picture) -> str:
    """One HTML file with everything inside; it asks no network for anything."""
    parts = [profile.part(picture), grid_map.part(picture), _problems(picture)]
    return document(picture.name or "grid", _head(picture), parts)


def _head(picture: Picture) -> str:
    size = (
        f"{count(len(picture.bus), 'bus', 'buses')}, {count(len(picture.line), 'line')} and "
        f"{count(len(picture.transformer), 'transformer')} in service"
    )
    trouble = "".join(f"<p>{escaped(said)}</p>" for said in picture.trouble)
    box = f'<div class="trouble">{trouble}</div>' if trouble else ""
    return (
        f"<header><h1>{escaped(picture.name or 'Grid')}</h1><p class='day'>one state, AC power flow</p>"
        f"<p class='story'>{escaped(picture.says)}</p>{box}<p class='meta'>{size}</p></header>"
    )


def _problems(picture: Picture) -> Part:
    found, heading = picture.violations, "Limits that do not hold"
    if found.empty:
        return Part("problems", heading, "None." if picture.solved else "Unknown without a solution.")
    rows = []
    for row in found.head(MOST_ROWS).to_dict("records"):
        word, unit, digits = WORDS.get(str(row["quantity"]), (str(row["quantity"]), "", 4))
        values = [f"{number(float(row[c]), digits)} {unit}" for c in ("value", "limit", "excess")]
        rows.append([escaped(row["kind"]), f"<b>{escaped(row['id'])}</b>", word, *values])
    head = ["kind", "name", "quantity", "value", "limit", "beyond it"]
    html = f'<div class="scroll">{table(head, rows, numeric=(3, 4, 5))}</div>'
    note = f"The worst {MOST_ROWS} of {len(found)}." if len(found) > MOST_ROWS else ""
    return Part("problems", heading, f"{count(len(found), 'limit')}, the worst first.", html=html, note=note)
