"""Each finding is planted once in a sound network; validation finds it, names it, and finds nothing else."""

import math

import pandas as pd
import pytest
from hypothesis import given, settings

from gridloop.errors import InvalidNetwork
from gridloop.network.model import Network
from gridloop.network.validation import check, validate
from gridloop.testing import chain, networks, ring, two_bus, village

# code, table, column of the finding; the planted cells: table, id -> values; severity
PLANTED = {
    "owner missing": ("missing_value", "bus", "owner", "bus", {"mill": {"owner": ""}}),
    "nan required": ("missing_value", "line", "r_ohm_per_km", "line", {"L1": {"r_ohm_per_km": math.nan}}),
    "nan power": ("missing_value", "generator", "p_mw", "generator", {"farm roof": {"p_mw": math.nan}}),
    "infinite": ("infinite", "generator", "p_max_mw", "generator", {"farm mast": {"p_max_mw": math.inf}}),
    "negative length": ("out_of_range", "line", "length_km", "line", {"L2": {"length_km": -4.0}}),
    "no parallel circuit": ("out_of_range", "line", "parallel", "line", {"L2": {"parallel": 0}}),
    "word": ("unknown_word", "generator", "kind", "generator", {"farm mast": {"kind": "windy"}}),
    "dangling end": ("dangling_reference", "line", "head_bus", "line", {"L2": {"head_bus": "fram"}}),
    "dangling load": ("dangling_reference", "load", "bus", "load", {"farm load": {"bus": "nowhere"}}),
    "dangling switch": ("dangling_reference", "switch", "element", "switch", {"S1": {"element": "gone"}}),
    "p limits missing": ("missing_value", "bus", "v_min_pu", "bus", {"mill": {"v_min_pu": math.nan}}),
    "load of a planet": ("out_of_range", "load", "p_mw", "load", {"mill load": {"p_mw": 1e9}}),
    "V for kV": ("wrong_unit", "transformer", "v_tail_kv", "transformer", {"T1": {"v_tail_kv": 1900.0}}),
    "m for km": ("wrong_unit", "line", "length_km", "line", {"L1": {"length_km": 3000.0}}),
    "A for kA": ("wrong_unit", "line", "i_max_ka", "line", {"L2": {"i_max_ka": 95.0}}),
    "zero impedance": ("zero_impedance", "line", "", "line", {"L1": {"length_km": 0.0}}),
    "tiny impedance": (
        "tiny_impedance", "line", "", "line", {"L1": {"r_ohm_per_km": 1e-10, "x_ohm_per_km": 1e-10}}
    ),
    "huge impedance": ("huge_impedance", "line", "", "line", {"L1": {"r_ohm_per_km": 1e12}}),
    "huge transformer": ("huge_impedance", "transformer", "", "transformer", {"T1": {"x_pu": 1e12}}),
    "overflow": ("huge_impedance", "line", "", "line", {"L1": {"r_ohm_per_km": 1e308, "length_km": 40.0}}),
    "source at nothing": ("out_of_range", "source", "v_set_pu", "source", {"source": {"v_set_pu": 0.0}}),
    "machine at nothing": (
        "out_of_range", "generator", "v_set_pu", "generator",
        {"farm mast": {"v_set_pu": 0.1, "regulates_voltage": True}},
    ),
    "tap without a ratio": (
        "out_of_range", "transformer", "tap_pos", "transformer", {"T1": {"tap_pos": -5, "tap_step_pu": 0.2}}
    ),
    "zero transformer": ("zero_impedance", "transformer", "", "transformer", {"T1": {"r_pu": 0.0, "x_pu": 0.0}}),
    "zero rating": ("zero_impedance", "transformer", "s_rated_mva", "transformer", {"T1": {"s_rated_mva": 0.0}}),
    "band": ("min_above_max", "bus", "v_min_pu", "bus", {"farm": {"v_min_pu": 1.2}}),
    "battery": ("min_above_max", "storage", "min_soc", "storage", {"battery": {"min_soc": 0.9, "max_soc": 0.1}}),
    "taps": ("min_above_max", "transformer", "tap_min", "transformer", {"T1": {"tap_min": 3, "tap_max": -3}}),
    "p limits": ("min_above_max", "generator", "p_min_mw", "generator", {"farm mast": {"p_min_mw": 3.0}}),
    "q limits": (
        "min_above_max", "generator", "q_min_mvar", "generator", {"farm mast": {"q_min_mvar": 2.0, "q_max_mvar": 1.0}}
    ),
    "tap position": ("outside_limits", "transformer", "tap_pos", "transformer", {"T1": {"tap_pos": 10}}),
    "dead battery": (
        "out_of_range", "storage", "charge_efficiency", "storage", {"battery": {"charge_efficiency": 0.0}}
    ),
    "loop": ("self_loop", "line", "", "line", {"L1": {"tail_bus": "mill"}}),
    "voltage levels": ("voltage_levels", "switch", "", "bus", {"busbar 2": {"v_nom_kv": 10.0}}),
    "no source": ("no_source", "source", "", "source", {"source": {"in_service": False}}),
    "island": ("unsupplied", "bus", "", "line", {"L2": {"in_service": False}}),
    "soc": ("outside_limits", "storage", "soc", "storage", {"battery": {"max_soc": 0.4}}),
    "generator output": ("outside_limits", "generator", "p_mw", "generator", {"farm mast": {"p_mw": 2.5}}),
    "bus off": ("bus_out_of_service", "storage", "bus", "bus", {"busbar 2": {"in_service": False}}),
}  # fmt: skip
WARNINGS = {"soc", "generator output", "bus off"}
# A planted error that cannot stand alone: what else it must bring along.
COMPANY = {
    "V for kV": {"wrong_unit"},
    "loop": {"unsupplied"},
    "island": set(),
}


def planted(table: str, cells: dict[str, dict[str, object]]) -> Network:
    tables = dict(village().tables)
    frame = tables[table].astype(object)
    for identity, row in cells.items():
        for column, value in row.items():
            frame.loc[identity, column] = value
    return Network.from_tables({**tables, table: frame}, name="village")


@pytest.mark.parametrize("case", PLANTED)
def test_planted(case):
    code, table, column, where, cells = PLANTED[case]
    found = validate(planted(where, cells))
    (first,) = [f for f in found if (f.code, f.table, f.column) == (code, table, column)]
    assert first.severity == ("warning" if case in WARNINGS else "error")
    others = {f.code for f in found} - {code}
    assert others <= COMPANY.get(case, set())
    if first.ids:
        assert first.message.startswith(f"{len(first.ids)} ") and first.ids[0] in first.message


def test_sound_networks_have_no_findings():
    for net in (two_bus(), chain(), ring(), ring(closed=False), village()):
        assert list(validate(net)) == []
        assert not validate(net)


def test_volts_for_kilovolts():
    net = planted("bus", {"mill": {"v_nom_kv": 20000.0}})
    (found,) = [f for f in validate(net) if f.code == "wrong_unit"]
    assert str(found) == (
        "error: bus.v_nom_kv: 1 bus has v_nom_kv = 20000 kV, more than any grid; this looks like V (ids mill). "
        "Divide by 1000."
    )


def test_kilowatts_for_megawatts():
    low = village().bus.assign(v_nom_kv=lambda b: b["v_nom_kv"].where(b["v_nom_kv"] != 20.0, 0.4))
    load = village().load.assign(p_mw=[200.0, 0.05])
    net = Network.from_tables({**village().tables, "bus": low, "load": load})
    (found,) = [f for f in validate(net) if (f.table, f.code) == ("load", "wrong_unit")]
    assert found.ids == ("mill load",) and "kW" in found.message


def test_duplicate_ids_are_found_and_stop_no_other_check():
    net = village()
    bus = pd.concat([net.bus, net.bus.loc[["mill"]]])
    load = net.load.assign(p_mw=[math.nan, 0.5])
    found = validate(Network.from_tables({**net.tables, "bus": bus, "load": load}))
    assert [(f.code, f.table, f.ids) for f in found] == [
        ("duplicate_id", "bus", ("mill",)),
        ("missing_value", "load", ("mill load",)),
    ]


def test_a_line_between_voltage_levels():
    line = village().line.assign(head_bus=["mill", "grid"])
    found = validate(Network.from_tables({**village().tables, "line": line}))
    assert {f.code for f in found} == {"voltage_levels", "unsupplied"}


def test_a_switch_away_from_its_branch():
    switch = {"id": "S2", "owner": "o", "bus": "farm", "element_kind": "line", "element": "L1"}
    switches = [*village().switch.reset_index().to_dict("records"), switch]
    (found,) = validate(Network.from_tables({**village().tables, "switch": switches}))
    assert (found.code, found.ids) == ("stray_switch", ("S2",))


def test_two_sources_on_one_node():
    """busbar and busbar 2 are one node through the closed switch S1; two sources there must agree."""
    sources = [{"id": "a", "bus": "busbar", "v_set_pu": 1.0}, {"id": "b", "bus": "busbar 2", "v_set_pu": 1.01}]
    (found,) = validate(Network.from_tables({**village().tables, "source": sources}, owner="o"))
    assert (found.code, found.severity, found.ids) == ("conflicting_set_points", "error", ("a", "b"))
    sources[1]["v_set_pu"] = 1.0
    assert not validate(Network.from_tables({**village().tables, "source": sources}, owner="o"))


def test_two_generators_that_hold_one_node_differently():
    generator = village().generator.assign(regulates_voltage=True, v_set_pu=[1.0, 1.02])
    (found,) = validate(Network.from_tables({**village().tables, "generator": generator}))
    assert (found.code, found.severity) == ("conflicting_set_points", "warning")


def test_a_set_point_that_nobody_holds_does_not_count():
    assert not validate(planted("generator", {"farm mast": {"v_set_pu": 0.1}}))


def test_no_lowest_injection_is_no_limit():
    assert not validate(planted("generator", {"farm mast": {"p_min_mw": math.nan}}))


def test_kilovoltamperes():
    """One machine of 20 GVA among others stands for a grid; most of them are in kVA."""
    net = village()
    few = pd.concat([net.generator, net.generator.add_suffix(" 2", axis=0)]).assign(s_rated_mva=[2e4, 2.0, 2.0, 2.0])
    (found,) = validate(Network.from_tables({**net.tables, "generator": few}))
    assert (found.code, found.severity, found.ids) == ("wrong_unit", "warning", ("farm roof",))
    (found,) = validate(Network.from_tables({**net.tables, "generator": few.assign(s_rated_mva=2e4)}))
    assert (found.code, found.severity, len(found.ids)) == ("wrong_unit", "error", 4)


def test_an_unnamed_bus_stops_the_questions_that_follow_references():
    found = validate(planted("load", {"mill load": {"bus": ""}}))
    assert [(f.code, f.place) for f in found] == [("missing_value", "load.bus")]


@pytest.mark.parametrize("x_ohm", [-0.05, -12.0])
def test_a_series_capacitor_is_sound(x_ohm):
    assert not validate(planted("line", {"L1": {"x_ohm_per_km": x_ohm}}))


def test_transformer_rated_for_another_voltage():
    found = validate(planted("transformer", {"T1": {"v_head_kv": 0.4}}))
    assert [(f.code, f.column) for f in found] == [("wrong_unit", "v_head_kv")]
    found = validate(planted("transformer", {"T1": {"v_head_kv": 10.0}}))
    assert [(f.code, f.severity) for f in found] == [("odd_ratio", "warning")]


def test_an_unsupplied_bus_without_load_is_a_warning():
    net = chain(3)
    tables = {**net.tables, "line": net.line.assign(in_service=[True, False]), "load": net.load.iloc[:1]}
    (found,) = validate(Network.from_tables(tables))
    assert (found.code, found.severity, found.ids) == ("unsupplied", "warning", ("2",))


def test_an_id_in_two_tables_is_a_warning():
    net = village()
    found = validate(Network.from_tables({**net.tables, "load": net.load.rename(index={"farm load": "farm roof"})}))
    assert [(f.code, f.severity, f.ids) for f in found] == [("shared_id", "warning", ("farm roof",))]


def test_an_empty_network():
    assert [f.code for f in validate(Network.from_tables({}))] == ["empty"]


def test_check_raises_all_errors_at_once():
    check(village())
    tables = dict(village().tables)
    tables["line"] = tables["line"].assign(length_km=[-3.0, 0.0])
    with pytest.raises(InvalidNetwork, match="network 'v' has 2 errors: ") as caught:
        check(Network.from_tables(tables, name="v"))
    findings = caught.value.facts["findings"]
    assert {f.code for f in findings} == {"out_of_range", "zero_impedance"}
    assert findings.frame().columns.tolist() == ["severity", "code", "table", "column", "ids", "message"]
    assert len(findings.errors) == 2 and not findings.warnings


@settings(deadline=None, max_examples=40)
@given(networks())
def test_validation_never_stumbles(net):
    """Whatever the tables hold, validation answers with findings and no exception."""
    for found in validate(net):
        assert found.severity in ("error", "warning") and found.message.endswith(".")
