"""Properties that a case writes and no row of the feeder stands for: named, so that nothing is lost in silence."""

from __future__ import annotations

from typing import Any

from gridloop.io.opendss_parts import Case

# What the readers use, and what has no bearing on a feeder's state at one moment.
_ANYWHERE = {"enabled", "units", "basefreq", "like", "spectrum", "faultrate", "pctperm", "repair", "emergamps"}
_OF = {
    "lines": {"normamps", "linecode", "phases", "season", "ratings"},
    "line_codes": {"normamps", "season", "ratings"},
    "switches": {"r1", "x1", "r0", "x0", "c1", "c0", "b1", "b0", "length", "normamps", "switch", "phases"},
    "transformers": {
        "%loadloss", "bank", "bmopf_subtype", "maxtap", "mintap", "ppm_antifloat", "ppm", "sub", "subname", "xfmrcode",
        "%imag", "%noloadloss", "numtaps", "leadlag", "normhkva", "emerghkva", "thermal", "n", "m", "flrise", "hsrise",
        "wdg", "core",
    },
    "loads": {
        "conn", "kv", "pf", "phases", "status", "model", "vminpu", "vmaxpu", "vlowpu", "zipv", "yearly", "daily",
        "duty", "cvrwatts", "cvrvars", "class", "numcust", "growth", "vminnorm", "vminemerg", "kw", "kvar",
        "kva", "xfkva", "allocationfactor", "kwh", "kwhdays", "cfactor",
    },
    "generators": {
        "kv", "phases", "pf", "conn", "vminpu", "vmaxpu", "yearly", "daily", "duty", "kva", "mva", "xdp", "xdpp", "h",
        "xd", "kw", "kvar", "maxkvar", "minkvar", "dispmode", "dispvalue", "status", "class", "xrdp", "d",
    },
    "shunts": {"kv", "kvar", "phases", "conn", "numsteps"},
    "voltage_sources": {
        "angle", "basekv", "pu", "isc1", "isc3", "mvasc1", "mvasc3", "r1", "x1", "r0", "x0", "x1r1", "x0r0", "phases",
        "frequency", "scantype", "sequence", "basemva",
    },
}  # fmt: skip


def report_unread(case: Case) -> None:
    """Add to `case.losses` which properties of which elements are not used, by class and property."""
    found: dict[tuple[str, str], list[str]] = {}

    def note(kind: str, key: str, element: dict[str, Any]) -> None:
        found.setdefault((kind, key), []).append(str(element["name"]))

    for kind, known in _OF.items():
        for element in getattr(case.value, kind):
            for key in set(element["extras"]) - known - _ANYWHERE:
                note(kind, key, element)
            if kind == "transformers" and any("r_neutral" in w or "x_neutral" in w for w in element["windings"]):
                note(kind, "rneut, xneut", element)
            if kind == "generators" and str(element["extras"].get("model", "1")) != "1":
                note(kind, "model", element)
    for (kind, key), names in sorted(found.items()):
        some = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
        case.losses.append(f"property {key} of {len(names)} {kind.replace('_', ' ')} is not used: {some}")
