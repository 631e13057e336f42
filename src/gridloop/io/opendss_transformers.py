"""Rows of transformers, their windings and their regulator controls from what powerio read of an OpenDSS case.

powerio passes over transformer codes (`xfmrcode`): it hands on OpenDSS's defaults instead of the code's values, and
only the name of the code. A value that differs from its default was written at the transformer and counts before the
code.
"""

from __future__ import annotations

from typing import Any

from gridloop.io.opendss_parts import Case, Rows, dotted, enabled
from gridloop.io.opendss_values import given, number, truth

NAN = float("nan")
_DEFAULT = {"kv": 12.47, "kva": 1000.0, "r": 0.2, "xhl": 7.0, "xht": 35.0, "xlt": 30.0}


def transformer_rows(case: Case, rows: Rows) -> None:
    """Transformers and windings."""
    codes = case.untyped.get("xfmrcode", {})
    for t in case.value.transformers:
        e = t["extras"]
        name = str(t["name"]).lower()
        code = codes.get(str(e.get("xfmrcode", "")).lower(), {})
        if "xfmrcode" in e and not code:
            case.losses.append(f"transformer {name}: its code {e['xfmrcode']} is not there")
        both = {**code, **e}
        phases = int(number(code["phases"])) if "phases" in code and t["phases"] == 3 else int(t["phases"])
        windings = [_winding(case, name, k, w, phases, both, code) for k, w in enumerate(t["windings"])]
        rows["winding"] += windings
        x = _reactances(t, code)
        rows["transformer"].append(
            {
                "id": name,
                "n_phases": phases,
                "x_12_pct": x[0],
                "x_13_pct": x[1] if len(windings) > 2 else NAN,
                "x_23_pct": x[2] if len(windings) > 2 else NAN,
                "no_load_loss_pct": given(both, "%noloadloss", 0.0),
                "magnetising_pct": given(both, "%imag", 0.0),
                "antifloat_ppm": given(both, "ppm_antifloat", given(both, "ppm", 1.0)),
                "shift": "high_lags" if str(both.get("leadlag", "lag")).lower() in ("lead", "euro") else "high_leads",
                "in_service": enabled(t),
            }
        )


def _winding(
    case: Case, name: str, k: int, w: dict[str, Any], phases: int, both: dict[str, Any], code: dict[str, str]
) -> dict[str, Any]:
    bus = str(w["bus"]).lower()
    ends = case.ends(bus, w["terminal_map"])
    delta = str(_coded(code, "conns", k, w["conn"], "wye")).lower().startswith(("d", "l"))
    if phases == 1:
        # With the phases of the code unknown to it, powerio fills a bus with one terminal up to three: the second is
        # then no neighbour but the neutral.
        filled = len(ends) > 2 and not delta and ends[0] and ends[1]
        ends = [ends[0], 0] if filled else ends[:2]
    else:
        ends = ends[:phases] if delta else ends[: phases + 1]
    return {
        "id": f"{name}:{k + 1}",
        "transformer": name,
        "number": k + 1,
        "bus": bus,
        "phases": dotted(ends),
        "connection": "delta" if delta else "wye",
        "v_rated_kv": number(_coded(code, "kvs", k, w["v_ref"] / 1000.0, _DEFAULT["kv"])),
        "s_rated_mva": number(_coded(code, "kvas", k, w["s_rating"] / 1000.0, _DEFAULT["kva"])) / 1000.0,
        "r_pct": number(_coded(code, "%rs", k, w["r_pct"], _DEFAULT["r"])),
        "tap_pu": float(w["tap"]),
        "tap_min_pu": given(both, "mintap", 0.9),
        "tap_max_pu": given(both, "maxtap", 1.1),
        "tap_steps": int(given(both, "numtaps", 32)),
    }


def _coded(code: dict[str, str], name: str, k: int, value: Any, default: Any) -> Any:
    """The value of winding k: the code's, unless another than the default was written at the transformer."""
    if name not in code or (value != default and not _close(value, default)):
        return value
    words = code[name].strip(" ()[]").replace(",", " ").split()
    return words[k] if k < len(words) else value


def _close(value: Any, default: Any) -> bool:
    return isinstance(value, float) and isinstance(default, float) and abs(value - default) <= 1e-9 * abs(default)


def _reactances(t: dict[str, Any], code: dict[str, str]) -> list[float]:
    """Reactances 1-2, 1-3 and 2-3. [%]"""
    written = [float(x) for x in t["xsc_pct"]] + [NAN, NAN]
    if code:
        return [given(code, key, written[i]) for i, key in enumerate(("xhl", "xht", "xlt"))]
    return written[:3]


def regulator_rows(case: Case, rows: Rows) -> None:
    """Regulator controls, with OpenDSS's defaults where nothing is written."""
    steps = {str(w["id"]): w for w in rows["winding"]}
    for name, p in case.untyped.get("regcontrol", {}).items():
        transformer = p.get("transformer", "").lower()
        winding = int(given(p, "winding", 1))
        if f"{transformer}:{winding}" not in steps:
            case.losses.append(f"regcontrol {name}: no winding {winding} of transformer {transformer!r}")
            continue
        if int(given(p, "tapwinding", winding)) != winding:
            case.losses.append(f"regcontrol {name}: it moves the winding that it measures, not tapwinding")
        unread = sorted({"reversible", "vlimit", "inversetime", "ldc_z", "remoteptratio"} & set(p))
        if unread:
            case.losses.append(f"regcontrol {name}: {', '.join(unread)} are not modelled")
        phase = p.get("ptphase", "1")
        rows["regulator"].append(
            {
                "id": name,
                "transformer": transformer,
                "winding": winding,
                "v_set_v": given(p, "vreg", 120.0),
                "band_v": given(p, "band", 3.0),
                "pt_ratio": given(p, "ptratio", 60.0),
                "ct_primary_a": given(p, "ctprim", 300.0),
                "r_v": given(p, "r", 0.0),
                "x_v": given(p, "x", 0.0),
                "delay_s": given(p, "delay", 15.0),
                "max_tap_change": int(given(p, "maxtapchange", 16)),
                "monitored_phase": int(phase) if phase.isdigit() else 1,
                "monitored_bus": p.get("bus", "").lower().split(".")[0],
                "in_service": truth(p.get("enabled", "yes")),
            }
        )
