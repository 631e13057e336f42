"""OpenDSS cases: what the tables hold of them, and what the loss report names."""

import math

import pytest
from pytest import approx

from gridloop.errors import BadInput, UnknownFormat
from gridloop.io.opendss import read_opendss
from gridloop.io.read import read_network
from gridloop.network.feeder.check import check_feeder
from gridloop.network.feeder.model import Feeder

CIRCUIT = "clear\nnew circuit.small basekv=12.47 bus1=S pu=1.02 r1=0.1 x1=0.2 r0=0.3 x0=0.4\n"
SIZES = {
    # buses, lines, transformers, regulators, loads, capacitors: as the documents of the feeders and OpenDSS count them
    "13Bus/IEEE13Nodeckt.dss": (16, 12, 5, 3, 15, 2),
    "34Bus/ieee34Mod1.dss": (37, 32, 8, 6, 68, 2),
    "34Bus/ieee34Mod2.dss": (56, 51, 8, 6, 38, 2),
    "37Bus/ieee37.dss": (39, 36, 4, 2, 30, 0),
    "123Bus/IEEE123Master.dss": (132, 126, 8, 7, 91, 4),
    "8500-Node/Master.dss": (4876, 3704, 1190, 12, 1177, 10),
    "8500-Node/Master-unbal.dss": (4876, 3704, 1190, 12, 2354, 10),
    "LVTestCase/Master.dss": (907, 905, 1, 0, 55, 0),
}


@pytest.fixture
def read(tmp_path):
    def reader(text: str) -> Feeder:
        file = tmp_path / "small.dss"
        file.write_text(CIRCUIT + text)
        return read_opendss(file)

    return reader


@pytest.mark.data
@pytest.mark.parametrize("case", SIZES)
def test_every_feeder_reads(case, data_dir):
    feeder = read_network(data_dir / "feeders" / case)
    assert isinstance(feeder, Feeder)
    tables = (feeder.bus, feeder.line, feeder.transformer, feeder.regulator, feeder.load, feeder.capacitor)
    assert tuple(len(table) for table in tables) == SIZES[case]
    assert not check_feeder(feeder).all
    assert feeder.bus["v_nom_kv"].between(0.2, 250).all()


@pytest.mark.data
def test_the_reports_name_what_is_lost(data_dir):
    report = "\n".join(read_opendss(data_dir / "feeders" / "8500-Node" / "Master.dss").loss_report)
    assert "9 capcontrol objects are not modelled: capbank2a_ctrl" in report
    report = "\n".join(read_opendss(data_dir / "feeders" / "LVTestCase" / "Master.dss").loss_report)
    assert "55 loadshape objects do not belong to a feeder's state" in report
    assert read_opendss(data_dir / "feeders" / "123Bus" / "IEEE123Master.dss").loss_report == ()


@pytest.mark.data
def test_coordinates_and_frequency(data_dir):
    feeder = read_opendss(data_dir / "feeders" / "LVTestCase" / "Master.dss")
    assert feeder.frequency_hz == 50.0
    assert feeder.bus.loc["3", ["x", "y"]].tolist() == [390871.481, 392887.643]


def test_a_source_and_its_base(read):
    feeder = read("new line.a bus1=s bus2=B length=1 units=km\n")
    assert feeder.source.loc["source", ["v_rated_kv", "v_set_pu", "x1_ohm", "r0_ohm"]].tolist() == [
        12.47,
        1.02,
        0.2,
        0.3,
    ]
    assert feeder.bus["v_nom_kv"].to_dict() == {"s": 12.47, "b": 12.47}  # names in lower case


def test_matrices_per_kilometre(read):
    feeder = read(
        "new linecode.k nphases=2 rmatrix=[0.3 | 0.1 0.35] xmatrix=[0.8 | 0.3 0.75] cmatrix=[9 | -2 10] units=km\n"
        "new line.a phases=2 bus1=s.1.3 bus2=b.1.3 linecode=k length=500 units=m normamps=250\n"
    )
    a = feeder.line.loc["a"]
    assert (a["tail_phases"], a["head_phases"], a["length_km"], a["i_max_ka"]) == ("1.3", "1.3", 0.5, 0.25)
    entries = feeder.line_code.set_index(["row", "column"])
    assert entries.loc[(2, 1), ["r_ohm_per_km", "x_ohm_per_km"]].tolist() == approx([0.1, 0.3])
    omega = 2 * math.pi * 60
    assert entries["b_us_per_km"].tolist() == approx([9e-3 * omega, -2e-3 * omega, 10e-3 * omega])


def test_lines_without_unit_are_named(read):
    feeder = read("new line.a bus1=s bus2=b r1=0.1 x1=0.2 r0=0.1 x0=0.2 c1=0 c0=0 length=2\n")
    assert feeder.line.loc["a", "length_km"] * feeder.line_code["r_ohm_per_km"].iloc[0] == approx(0.2)
    assert feeder.loss_report[0].startswith("1 lines have no unit of length")


def test_switches_have_their_written_impedance(read):
    feeder = read(
        "new line.plain bus1=s bus2=b switch=y\n"
        "new line.own bus1=s bus2=c switch=y r1=1e-3 r0=1e-3 x1=0 x0=0 length=0.001\n"
        "new line.single phases=1 bus1=s.2 bus2=d.2 switch=y\n"
    )
    z = feeder.line_code.set_index(["code", "row", "column"])["r_ohm_per_km"]
    assert [z[feeder.line.loc[name, "code"], 1, 1] for name in ("plain", "own", "single")] == approx([1e-3, 1e-6, 1e-3])
    assert feeder.line["kind"].tolist() == ["switch"] * 3
    assert feeder.line.loc["single", "tail_phases"] == "2"


def test_a_regulator_and_its_defaults(read):
    feeder = read(
        "new transformer.t phases=1 windings=2 buses=[s.1 b.1] kvs=[7.2 7.2] kvas=[500 500] xhl=1 wdg=2 maxtap=1.05\n"
        "new regcontrol.a transformer=T winding=2 vreg=123\n"
        "new transformer.u like=t buses=[s.2 b.2]\n"
        "new regcontrol.b like=a transformer=u band=1 reversible=yes\n"
    )
    a, b = feeder.regulator.loc["a"], feeder.regulator.loc["b"]
    assert (a["transformer"], a["winding"], a["v_set_v"], a["band_v"]) == ("t", 2, 123.0, 3.0)
    assert (a["pt_ratio"], a["ct_primary_a"], a["delay_s"], a["max_tap_change"]) == (60.0, 300.0, 15.0, 16)
    assert (b["transformer"], b["v_set_v"], b["band_v"]) == ("u", 123.0, 1.0)
    assert feeder.winding.loc["t:2", ["tap_min_pu", "tap_max_pu", "tap_steps"]].tolist() == [0.9, 1.05, 32]
    assert "regcontrol b: reversible are not modelled" in feeder.loss_report


def test_a_transformer_code_is_applied(read):
    """powerio leaves OpenDSS's defaults in its place: three phases, 12.47 kV, 1 MVA."""
    feeder = read(
        "new xfmrcode.ct phases=1 windings=3 kvs=[7.2 0.12 0.12] kvas=[25 25 25] %rs=[0.6 1.2 1.2] %imag=0.5\n"
        "~ %noloadloss=0.2 xhl=2.04 xht=2.04 xlt=1.36\n"
        "new transformer.t xfmrcode=ct wdg=1 bus=s.2 wdg=2 bus=x.1.0 wdg=3 bus=x.0.2\n"
        "new transformer.lost xfmrcode=nowhere buses=[s b]\n"
    )
    t = feeder.transformer.loc["t"]
    assert (t["n_phases"], t["no_load_loss_pct"], t["magnetising_pct"]) == (1, 0.2, 0.5)
    assert t[["x_12_pct", "x_13_pct", "x_23_pct"]].tolist() == [2.04, 2.04, 1.36]
    own = feeder.winding[feeder.winding["transformer"] == "t"]
    assert own["phases"].tolist() == ["2.0", "1.0", "0.2"]
    assert own["v_rated_kv"].tolist() == [7.2, 0.12, 0.12] and own["s_rated_mva"].tolist() == [0.025] * 3
    assert feeder.bus.loc["x", ["phases", "v_nom_kv"]].tolist() == ["1.2", approx(12.47 * 0.12 / 7.2)]
    assert "transformer lost: its code nowhere is not there" in feeder.loss_report


@pytest.mark.parametrize(
    ("model", "p", "q", "outside"),
    [
        (1, (0, 0, 1), (0, 0, 1), False),
        (2, (1, 0, 0), (1, 0, 0), False),
        (3, (0, 0, 1), (1, 0, 0), True),
        (4, (0, 1, 0), (1, 0, 0), True),
        (5, (0, 1, 0), (0, 1, 0), False),
        ("8 zipv=[0.1 0.2 0.7 0.3 0.3 0.4 0]", (0.1, 0.2, 0.7), (0.3, 0.3, 0.4), False),
    ],
)
def test_load_models_are_shares(read, model, p, q, outside):
    feeder = read(f"new load.d bus1=s.2 phases=1 kv=7.2 kw=100 pf=0.8 model={model} vminpu=0.85\n")
    d = feeder.load.loc["d"]
    assert d[["p_impedance", "p_current", "p_power"]].tolist() == list(p)
    assert d[["q_impedance", "q_current", "q_power"]].tolist() == list(q)
    assert (d["p_mw"], d["q_mvar"], d["constant_power_outside"]) == (0.1, approx(0.075), outside)
    assert d["v_low_pu"] == (0.0 if model == 2 else 0.85)  # an impedance has no range to leave


@pytest.mark.parametrize(
    ("text", "phases", "connection"),
    [
        ("bus1=s phases=3", "1.2.3.0", "wye"),
        ("bus1=s phases=3 conn=delta", "1.2.3", "delta"),
        ("bus1=s.3 phases=1", "3.0", "delta"),  # one branch between two terminals, ground being one
        ("bus1=s.3.1 phases=1 conn=delta", "3.1", "delta"),
        ("bus1=s.1.2 phases=2", "1.2.0", "wye"),
    ],
)
def test_connections_of_loads(read, text, phases, connection):
    d = read(f"new load.d {text} kv=12.47 kw=100\n").load.loc["d"]
    assert (d["phases"], d["connection"]) == (phases, connection)


def test_commands_that_powerio_passes_over(read):
    feeder = read(
        "new line.a bus1=s bus2=b units=km\nnew line.b bus1=s bus2=b units=km\nnew line.c bus1=s bus2=b units=km\n"
        "new load.d bus1=b kv=12.47 kw=100\nnew load.e bus1=b kv=12.47 kw=100\n"
        "new load.f bus1=b kv=12.47 kw=10 enabled=no\n"
        "! open line.c 1\n// open line.c 1\n/* open line.c 1\n*/\n"
        "open line.a 1\nopen object=line.b term=2\nclose line.b 2\ndisable load.e\n"
        "set loadmult = 1.5\nset loadmult=1.2\n"
        "batchedit load..* kw=5\nbatchedit loadshape..* useactual=no\nallocateloads\nopen line.c 1 2\nopen line.zzz 1\n"
    )
    assert feeder.line["closed"].to_dict() == {"a": False, "b": True, "c": True}
    assert feeder.load["in_service"].to_dict() == {"d": True, "e": False, "f": False}
    assert feeder.load["p_mw"].tolist() == approx([0.12, 0.12, 0.012])
    told = "\n".join(feeder.loss_report)
    for lost in ("batchedit load..* kw=5", "allocateloads", "line.c 1 2", "line.zzz", "opened line.a"):
        assert lost in told
    assert "loadshape" not in told


def test_series_reactors_are_lines(read):
    feeder = read("new reactor.r bus1=s bus2=b r=0.5 x=(1 3 *)\n")
    assert feeder.line.loc["reactor r", ["kind", "tail_bus", "head_bus"]].tolist() == ["reactor", "s", "b"]
    diagonal = feeder.line_code[feeder.line_code["row"] == feeder.line_code["column"]]
    assert diagonal[["r_ohm_per_km", "x_ohm_per_km"]].to_numpy().tolist() == [[0.5, 3.0]] * 3


def test_generators_and_photovoltaics(read):
    feeder = read(
        "new generator.g bus1=s kv=12.47 kw=100 kvar=20\n"
        "new pvsystem.p bus1=s kv=12.47 kva=100 pmpp=90 irradiance=0.8\n"
        "new storage.st bus1=s kv=12.47 kwrated=50\nnew capacitor.c bus1=s kv=12.47 kvar=300 conn=delta\n"
    )
    assert feeder.generator["p_mw"].to_dict() == {"g": approx(0.1), "pv p": approx(0.072)}
    assert feeder.generator.loc["pv p", "kind"] == "solar"
    assert feeder.capacitor.loc["c", ["connection", "q_mvar"]].tolist() == ["delta", 0.3]
    assert "1 storage objects are not modelled: st" in feeder.loss_report


def test_a_bus_without_a_path_is_told(read):
    feeder = read("new line.a bus1=x bus2=y units=km\nnew load.d bus1=y kv=4.16 kw=1\n")
    assert feeder.bus.loc["y", "v_nom_kv"] == 4.16
    assert any("no path to a source" in text for text in feeder.loss_report)


def test_what_is_no_circuit(tmp_path):
    for name, text in (("empty.dss", ""), ("words.dss", "these are words\n"), ("comment.dss", "! nothing\n")):
        (tmp_path / name).write_text(text)
        with pytest.raises((BadInput, UnknownFormat), match=r"voltage source|OpenDSS"):
            read_opendss(tmp_path / name)


def test_an_include_of_the_folder_above(tmp_path):
    (tmp_path / "codes.dss").write_text("new linecode.k nphases=3 r1=0.7 x1=0.2 units=km\n")
    (tmp_path / "case").mkdir()
    file = tmp_path / "case" / "main.dss"
    file.write_text(f"{CIRCUIT}redirect ../codes.dss\nnew line.a bus1=s bus2=b linecode=k length=1 units=km\n")
    assert read_opendss(file).line.loc["a", "code"] == "k"


def test_an_include_that_is_not_there(tmp_path):
    file = tmp_path / "main.dss"
    file.write_text(f"{CIRCUIT}redirect nowhere.dss\n")
    assert any("nowhere.dss" in text for text in read_opendss(file).loss_report)


@pytest.mark.parametrize(
    ("written", "p_mw", "q_mvar"),
    [
        ("kw=100 kvar=50", 0.1, 0.05),
        ("kw=100 pf=0.8", 0.1, 0.075),
        ("kw=100 pf=-0.8", 0.1, -0.075),
        ("kva=100 pf=0.8", 0.08, 0.06),
        ("xfkva=200 pf=0.8 allocationfactor=0.25", 0.04, 0.03),
        ("kwh=7200 kwhdays=30 cfactor=2 pf=0.8", 0.02, 0.015),
    ],
)
def test_powers_of_loads(read, written, p_mw, q_mvar):
    d = read(f"new load.d bus1=s kv=12.47 {written}\n").load.loc["d"]
    assert (d["p_mw"], d["q_mvar"]) == (approx(p_mw), approx(q_mvar))


def test_properties_that_nobody_reads_are_named(read):
    feeder = read(
        "new line.a bus1=s bus2=b r1=0.1 x1=0.2 b1=3 rho=50 units=km\n"
        "new load.d bus1=b kv=12.47 kw=1 rneut=5\nnew load.e bus1=b kv=12.47 kw=1 rneut=5\n"
        "new transformer.t phases=3 windings=2 buses=[b c] conns=[delta wye] kvs=[12.47 0.48] kvas=[9 9]\n"
        "~ wdg=2 rneut=1\n"
        "new linegeometry.g nconds=3 nphases=3\nnew line.g bus1=s bus2=b geometry=g\n"
    )
    told = "\n".join(feeder.loss_report)
    for lost in (
        "property b1 of 1 lines is not used: a",
        "property rho of 1 lines is not used: a",
        "property rneut of 2 loads is not used: d, e",
        "property rneut, xneut of 1 transformers is not used: t",
        "1 line objects are not modelled: g",
    ):
        assert lost in told
