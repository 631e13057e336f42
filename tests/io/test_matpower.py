"""Case files become networks without losing an admittance, an injection or a set-point."""

from pathlib import Path

import numpy as np
import powerio
import pytest
from case_files import read_matrices

from gridloop.errors import BadInput, MissingFile, UnknownFormat
from gridloop.io.matpower import ENDINGS, from_balanced, read_matpower
from gridloop.io.read import read_network
from gridloop.network.arrays import build_arrays
from gridloop.network.validation import check
from gridloop.powerflow.flow import power_flow
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


def test_an_hvdc_line_is_what_one_end_takes_and_the_other_gives(tiny):
    """10 MW leave bus 1; of them 0.5 MW and 2 % are lost, so that 9.3 MW arrive at bus 8. Both ends hold a voltage."""
    text = TWO_BUSES + "mpc.dcline = [ 1 8 1 10 9 1 2 1.01 0.99 0 20 -5 5 -Inf Inf 0.5 0.02; ];\n"
    net = read_matpower(tiny(text=text))
    ends = net.generator.loc[["hvdc-1-tail", "hvdc-1-head"]]
    assert ends["bus"].tolist() == ["1", "8"] and ends["p_mw"].tolist() == pytest.approx([-10, 9.3])
    assert ends["p_min_mw"].tolist() == ends["p_max_mw"].tolist() == ends["p_mw"].tolist()
    assert ends["v_set_pu"].tolist() == [1.01, 0.99] and ends["regulates_voltage"].all()
    assert ends["q_mvar"].tolist() == [1, 2] and ends["q_max_mvar"].iloc[0] == 5 and ends["q_max_mvar"].isna().iloc[1]
    off = read_matpower(tiny(text=text.replace("1 8 1 10", "1 8 0 10")))
    assert not off.generator.loc["hvdc-1-tail", "in_service"]


def test_what_cannot_be_brought_across(tiny):
    text = TWO_BUSES + "mpc.storage = [ 8 1 1 5 10 5 5 0.9 0.9 0 0 0 0 0 0 0 1; ];\n"
    with pytest.raises(BadInput, match="1 storage units"):
        read_matpower(tiny(text=text))


def test_quotients_are_numbers(tiny):
    """50/3 MVA and 34.5/sqrt(3) kV: what MATLAB computes in place."""
    text = TWO_BUSES.replace("mpc.baseMVA = 50;", "mpc.baseMVA = 50/3;").replace("30 110 1", "30 345/sqrt(3) 1")
    net = read_matpower(tiny(text=text))
    assert net.bus.loc["1", "v_nom_kv"] == 345 / 3**0.5
    assert net.line.loc["line-2", "r_ohm_per_km"] == pytest.approx(0.02 * 20**2 / (50 / 3), rel=1e-15)


def test_a_block_that_never_runs_does_not_count(tiny):
    """case8387pegase ends in one, behind a flag that the file sets to 0."""
    block = "fixed = {flag};\nif fixed\n  mpc.gen(1, 2) = mpc.gen(1, 9);\nend\n"
    assert read_matpower(tiny(text=TWO_BUSES + block.replace("{flag}", "0"))).generator.loc["gen-1", "p_mw"] == 10
    with pytest.raises(BadInput, match="1 statements that change its numbers"):
        read_matpower(tiny(text=TWO_BUSES + block.replace("{flag}", "1")))


def test_an_infinite_limit_is_no_limit(tiny):
    net = read_matpower(tiny(text=TWO_BUSES.replace("100 1 80 0 0", "100 1 Inf -Inf 0")))
    assert net.generator.loc["gen-1", ["p_min_mw", "p_max_mw"]].isna().all()
    check(net)


def test_statements_that_are_not_read_are_refused(matpower_dir):
    """case141 gives its loads in kVA and multiplies them by a power factor at its end: unread, a load of 75 MW."""
    with pytest.raises(BadInput, match=r"case141.*savecase"):
        read_network(matpower_dir / "case141.m")


# Loads in kW, quotients, equivalents of grids, HVDC, limits of infinity: (buses, total load in MW).
READ = {
    "case33bw": (33, 3.715), "case69": (69, 3.802), "case15nbr": (15, 1.2264), "case533mt_hi": (533, None),
    "case2383wp": (2383, 24558.4), "case3012wp": (3012, 27169.7), "case3120sp": (3120, 21181.5),
    "case3375wp": (3374, None), "case8387pegase": (8387, None), "case_RTS_GMLC": (73, 8550.0),
    "case9241pegase": (9241, 312354.0), "case_ACTIVSg200": (200, None), "case_ACTIVSg500": (500, None),
    "case_ACTIVSg2000": (2000, None),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_cases_pass_validation(matpower_dir, case):
    """Totals are those that the cases' own headers or papers state, to the digits given there."""
    buses, load_mw = READ[case]
    net = read_network(matpower_dir / f"{case}.m")
    check(net)
    assert len(net.bus) == buses
    if load_mw is not None:
        assert net.load["p_mw"].sum() == pytest.approx(load_mw, rel=1e-4)


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


@pytest.mark.parametrize("case", ["case14", "case300", "case_ACTIVSg500", "case2736sp", "case3012wp", "case8387pegase"])
def test_the_solution_solves_the_matrices_of_the_file(matpower_dir, case):
    """MATPOWER's own equations on the file's rows, read without powerio.

    A bus that the file calls PV, with no machine in service, is PQ: some converters hold its voltage all the same.
    Solved to 1e-9 pu; rounding of the largest case leaves less than that again.
    """
    path = matpower_dir / f"{case}.m"
    rows = read_matrices(path)
    bus, gen, branch, base = rows["bus"], rows["gen"], rows["branch"], rows["baseMVA"]
    place = {int(number): k for k, number in enumerate(bus[:, 0])}
    tail, head, at = ([place[int(x)] for x in column] for column in (branch[:, 0], branch[:, 1], gen[:, 0]))
    flow = power_flow(read_network(path), tolerance_pu=1e-9)
    assert flow.converged
    v = (flow.bus["v_pu"] * np.exp(1j * np.deg2rad(flow.bus["angle_deg"]))).to_numpy()[
        flow.bus.index.get_indexer([str(int(x)) for x in bus[:, 0]])
    ]
    on, machine = branch[:, 10], gen[:, 7] > 0
    y, shunt = on / (branch[:, 2] + 1j * branch[:, 3]), on * 0.5j * branch[:, 4]
    t = np.where(branch[:, 8] == 0, 1.0, branch[:, 8]) * np.exp(1j * np.deg2rad(branch[:, 9]))
    left = v * np.conj((bus[:, 4] + 1j * bus[:, 5]) / base * v) + (bus[:, 2] + 1j * bus[:, 3]) / base
    np.add.at(left, tail, v[tail] * np.conj((y + shunt) / np.abs(t) ** 2 * v[tail] - y / np.conj(t) * v[head]))
    np.add.at(left, head, v[head] * np.conj((y + shunt) * v[head] - y / t * v[tail]))
    np.add.at(left, np.array(at)[machine], -(gen[machine, 1] + 1j * gen[machine, 2]) / base)
    holds = np.zeros(len(bus), dtype=bool)
    holds[np.array(at)[machine]] = True
    assert np.abs(left.real[bus[:, 1] != 3]).max() < 1e-8
    assert np.abs(left.imag[~holds | (bus[:, 1] == 1)]).max() < 1e-8
    regulated = [k for k, m in enumerate(at) if machine[k] and bus[m, 1] > 1]
    assert np.abs(v[[at[k] for k in regulated]]) == pytest.approx(gen[regulated, 5], abs=1e-12)
