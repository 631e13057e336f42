"""How the report looks: one palette, one plain layout, shared by every chart.

The palette is a subset of Okabe and Ito's, which people with any colour blindness tell apart:
one accent for the controlled run, grey for the uncontrolled, vermilion for limits, amber for forecasts.
"""

from __future__ import annotations

from typing import Any

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"

INK = "#1f2933"
MUTED = "#5f6b78"
GRID = "#e8ebef"
CONTROLLED = "#0072b2"
UNCONTROLLED = "#8b929a"
LIMIT = "#d55e00"
FORECAST = "#c98500"
OTHER = "#c9ced4"

# Calm tones of the same hues, for areas; told apart by lightness as well, so that a grey print keeps them.
CATEGORIES = ("#4a8dbb", "#e3b24a", "#d07a43", "#5fae92", "#b98fb0", "#9cc4e0", "#8f7f5c")

RUN_COLOR = {"controlled": CONTROLLED, "baseline": UNCONTROLLED}
RUN_NAME = {"controlled": "controlled", "baseline": "uncontrolled"}


def tint(color: str, alpha: float) -> str:
    """The colour `#rrggbb` with an opacity, as CSS writes it."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def base_layout(height: int) -> dict[str, Any]:
    """A quiet chart: white ground, horizontal grid, legend above, one hover box per moment."""
    return {
        "height": height,
        "autosize": True,
        "paper_bgcolor": "#ffffff",
        "plot_bgcolor": "#ffffff",
        "font": {"family": FONT, "size": 13, "color": INK},
        "margin": {"l": 62, "r": 24, "t": 64, "b": 52},
        "hovermode": "x unified",
        "hoverlabel": {"font": {"family": FONT, "size": 12}, "bgcolor": "rgba(255,255,255,0.95)", "bordercolor": GRID},
        "legend": {"orientation": "h", "x": 0, "y": 1, "yref": "container", "yanchor": "top", "xanchor": "left"},
        "dragmode": "zoom",
    }


def value_axis(title: str, **more: Any) -> dict[str, Any]:
    """A vertical axis with its unit as title."""
    return {
        "title": {"text": title, "font": {"size": 12, "color": MUTED}, "standoff": 8},
        "gridcolor": GRID,
        "zeroline": False,
        "tickfont": {"size": 12, "color": MUTED},
        "automargin": True,
    } | more


def panel_title(text: str, y: float) -> dict[str, Any]:
    """The name of a panel, left-aligned above it; `y` is the top of the panel as a share of the plot."""
    return {
        "text": f"<b>{text}</b>",
        "x": 0,
        "y": y,
        "xref": "paper",
        "yref": "paper",
        "xanchor": "left",
        "yanchor": "bottom",
        "showarrow": False,
        "font": {"size": 13, "color": INK},
    }


def stacked(shares: list[float], gap: float) -> list[tuple[float, float]]:
    """Domains of panels from top to bottom: heights in proportion to `shares`, `gap` of the plot between them."""
    unit = (1 - gap * (len(shares) - 1)) / sum(shares)
    domains, top = [], 1.0
    for share in shares:
        bottom = max(0.0, top - share * unit)
        domains.append((round(bottom, 4), round(top, 4)))
        top = bottom - gap
    return domains
