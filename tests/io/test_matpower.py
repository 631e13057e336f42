"""Case files become networks without losing an admittance, an injection or a set-point."""

from pathlib import Path

import numpy as np
import powerio
import pytest

from gridloop.errors import BadInput, MissingFile, UnknownFormat
from gridloop.io.matpower import ENDINGS, from_balanced, read_matpower
from gridloop.io.read import read_network
from gridloop.network.arrays import build_arrays
from gridloop.network.validation import check
from gridloop.units import BASE_MVA

CASES = ["case9", "case14", "case30", "case57", "case118", "case300", "case1354pegase", "case2869pegase"]
# One rounding per conversion to ohm and back; see `test_ohm_and_back`.
EXACT = 1e-15

TWO_BUSES = """function mpc = tiny
mpc.version = '2';
mpc.baseMVA = 50;
mpc.bus = [
  1 3 0 0 0 0 1 1.00 30 110 1 1.1 0.9;
  7 1 20 5 1 2 3 1.00  0  20 1 1.1 0.9;
  8 {kind} 0 0 0 0 1 1.00  0  20 1 1.1 0.9;
];
mpc.gen = [ 1 10 0 30 -30 1.02 100 1 80 0 0 0 0 0 0 0 0 0 0 0 0; ];
mpc.branch = [
  1 7 0.01 0.1 0.02 40 0 0 0.95 30 1 -360 360;
  7 8 0.02 0.2 0.04 10 0 0 0 0 1 -360 360;
];
mpc.gencost = [ 2 0 0 3 0.1 20 5; ];
"""


@pytest.fixture
def tiny(tmp_path):
    def written(kind: int = 1, text: str = TWO_BUSES) -> Path:
        path = tmp_path / "tiny.m"
        path.write_text(text.replace("{kind}", str(kind)))
        return path

    return written


def test_a_case_by_pencil(tiny):
    """On 50 MVA at 20 kV the impedance base is 8 Ω: 0.02 pu are 0.16 Ω and 0.04 pu of susceptance are 5000 µS."""
    net = read_network(tiny())
    assert net.name == "tiny"
    assert net.bus["v_nom_kv"].to_dict() == {"1": 110.0, "7": 20.0, "8": 20.0}
    line = net.line.loc["line-2"]
    assert (line["tail_bus"], line["head_bus"], line["length_km"]) == ("7", "8", 1.0)
    assert line[["r_ohm_per_km", "x_ohm_per_km", "b_us_per_km"]].tolist() == pytest.approx([0.16, 1.6, 5000], rel=1e-15)
    assert line["i_max_ka"] == pytest.approx(10 / (3**0.5 * 20))
    transformer = net.transformer.loc["transformer-1"]
    assert (transformer["v_tail_kv"], transformer["v_head_kv"], transformer["shift_deg"]) == (0.95 * 110, 20.0, 30.0)
    assert transformer[["s_rated_mva", "r_pu", "x_pu", "b_pu", "s_max_mva"]].tolist() == [50, 0.01, 0.1, 0.02, 40]
    assert net.load.loc["load-7", ["p_mw", "q_mvar"]].tolist() == [20, 5]
    assert net.shunt.loc["shunt-7", ["g_mw", "b_mvar"]].tolist() == [1, 2]
    assert net.source.loc["source-1", ["v_set_pu", "angle_deg"]].tolist() == [1.02, 30]
    generator = net.generator.loc["gen-1"]
    assert generator["regulates_voltage"] and generator["v_set_pu"] == 1.02
    cost = ["cost_fixed_per_h", "cost_linear_per_mwh", "cost_quadratic_per_mw2h"]
    assert generator[cost].tolist() == [5, 20, 0.1]
    check(net)


def test_an_isolated_bus_is_out_of_service(tiny):
    assert not read_matpower(tiny(kind=4)).bus.loc["8", "in_service"]


@pytest.mark.parametrize("case", CASES)
def test_admittances_are_those_of_powerio(matpower_dir, case):
    """powerio's own nodal matrix is the reference; both are on per unit, ours on 100 MVA."""
    path = matpower_dir / f"{case}.m"
    net = read_network(path)
    check(net)
    source = powerio.parse(str(path)).value
    arrays = build_arrays(net)
    ours = arrays.admittance() * (BASE_MVA / source.base_mva)
    theirs = source.calc_admittance_matrix()
    assert abs(ours - theirs).max() <= EXACT * abs(theirs).max()
    total = sum(g["pg"] + 1j * g["qg"] for g in source.generators if g["in_service"])
    total -= sum(d["p"] + 1j * d["q"] for d in source.loads if d["in_service"])
    assert arrays.injection(net).sum() * BASE_MVA == pytest.approx(total)
    assert net.bus.index[arrays.topology.first_bus[arrays.source]].tolist() == [
        str(b["id"]) for b in source.buses if b["kind"] == "REF"
    ]


@pytest.mark.parametrize("case", ["case9", "case14", "case118", "case300", "case1354pegase"])
@pytest.mark.parametrize("token", ["matpower", "psse", "powerworld", "pslf"])
def test_other_formats(matpower_dir, tmp_path, case, token):
    """powerio writes the case in another format and we read that: same injections, set-points and matrix as its own."""
    module = powerio.parse(str(matpower_dir / f"{case}.m"))
    ending = f".{powerio.resolve_format(token).extension}"
    assert ending in ENDINGS
    path = tmp_path / f"{case}{ending}"
    path.write_text(powerio.emit(module, token).text)
    here, there = (
        build_arrays(net := read_network(path)),
        build_arrays(first := read_network(matpower_dir / f"{case}.m")),
    )
    assert here.injection(net) == pytest.approx(there.injection(first), abs=1e-12)
    assert here.v_source == pytest.approx(there.v_source, abs=1e-12)
    assert here.v_set == pytest.approx(there.v_set, abs=1e-12)
    ours = here.admittance() * (BASE_MVA / module.value.base_mva)
    theirs = powerio.parse(str(path)).value.calc_admittance_matrix()
    assert abs(ours - theirs).max() <= EXACT * abs(theirs).max()


def test_ohm_and_back():
    """r to ohm and back to per unit costs two roundings: relative error below 2 · 2⁻⁵² at any voltage and base."""
    rng = np.random.default_rng(1)
    r, kv, base = rng.uniform(1e-6, 1, 1000), rng.uniform(0.1, 800, 1000), rng.uniform(1, 1000, 1000)
    assert np.abs((r * (kv**2 / base)) / (kv**2 / base) / r - 1).max() <= 2 * 2.0**-52


def test_several_at_one_bus_get_numbers(tiny):
    text = TWO_BUSES.replace("mpc.gencost", "mpc.ignored")
    second = text.replace("mpc.gen = [ ", "mpc.gen = [ 1 5 0 30 -30 1.02 100 1 80 0 0 0 0 0 0 0 0 0 0 0 0; ")
    assert read_matpower(tiny(text=second)).generator.index.tolist() == ["gen-1", "gen-2"]


def test_a_piecewise_cost_is_left_at_zero(tiny):
    text = TWO_BUSES.replace("2 0 0 3 0.1 20 5;", "1 0 0 2 0 0 100 2000;")
    assert read_matpower(tiny(text=text)).generator.loc["gen-1", "cost_linear_per_mwh"] == 0


def test_a_cubic_cost_is_refused(tiny):
    text = TWO_BUSES.replace("2 0 0 3 0.1 20 5;", "2 0 0 4 0.3 0.1 20 5;")
    with pytest.raises(BadInput, match="cost of generator 1 is of degree 3"):
        read_matpower(tiny(text=text))


def test_what_cannot_be_brought_across(tiny):
    text = TWO_BUSES + "mpc.dcline = [ 1 8 1 10 9 0 0 1 1 0 20 -5 5 -5 5 0 0; ];\n"
    with pytest.raises(BadInput, match="1 HVDC lines"):
        read_matpower(tiny(text=text))


def test_bad_files(tmp_path):
    with pytest.raises(MissingFile, match="no file"):
        read_matpower(tmp_path / "none.m")
    path = tmp_path / "broken.m"
    path.write_text("mpc.bus = [ 1 2\n")
    with pytest.raises(UnknownFormat, match=r"not readable as a \.m case"):
        read_matpower(path)


@pytest.mark.data
def test_every_pglib_case(data_dir):
    """Each case of pglib-opf reads, passes validation and has powerio's nodal matrix."""
    paths = sorted((data_dir / "networks" / "pglib_opf").glob("*.m"))
    assert paths
    for path in paths:
        source = powerio.parse(str(path)).value
        if source.n_buses > 5000:
            continue  # the reader is the same; the suite stays quick
        net = from_balanced(source, name=path.stem)
        check(net)
        arrays = build_arrays(net)
        alive = arrays.topology.first_bus
        theirs = source.calc_admittance_matrix().tocsr()[alive][:, alive]
        ours = arrays.admittance() * (BASE_MVA / source.base_mva)
        assert abs(ours - theirs).max() <= EXACT * abs(theirs).max(), path.name
