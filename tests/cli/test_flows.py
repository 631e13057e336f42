"""`gridloop flows`: tables of scenarios in two forms, scenarios by seed, failures in groups, errors of one line."""

import json

import numpy as np
import pandas as pd
import pytest
from pytest import approx

from gridloop.io.folder import write_network
from gridloop.io.read import read_network
from gridloop.powerflow.batch import power_flows
from gridloop.testing import chain, two_bus

WIDE = "scenario,load.p_mw/load 1,load.p_mw/load 2,line.in_service/1-2\nbase,2,2,true\nhigh,30,40,true\ncut,2,2,false\n"
LONG = """scenario,quantity,id,value
base,load.p_mw,load 1,2
high,load.p_mw,load 1,30
high,load.p_mw,load 2,40
cut,line.in_service,1-2,0
"""


@pytest.fixture
def net(tmp_path):
    write_network(chain(3), tmp_path / "net")
    return tmp_path / "net"


def by_hand():
    load = np.array([[2.0, 2.0], [30.0, 40.0], [2.0, 2.0]])
    on = np.array([[1, 1], [1, 1], [1, 0]])
    return power_flows(chain(3), {"load.p_mw": load, "line.in_service": on}).summary


@pytest.mark.parametrize("form", ["wide.csv", "long.csv", "wide.parquet", "long.parquet"])
@pytest.mark.parametrize("out", ["out.csv", "out.parquet"])
def test_every_form_says_the_same(gridloop, net, tmp_path, form, out):
    table, target = tmp_path / form, tmp_path / out
    text = WIDE if form.startswith("wide") else LONG
    table.with_suffix(".csv").write_text(text, encoding="utf-8")
    if table.suffix == ".parquet":
        pd.read_csv(table.with_suffix(".csv")).to_parquet(table)
    said = gridloop("flows", net, "--scenarios", table, "--out", target, "--json")
    assert said.code == 0 and said.err == ""
    data = json.loads(said.out)
    assert (data["scenarios"], data["converged"], data["cut_off"], data["out"]) == (3, 3, 1, str(target))
    rows = pd.read_csv(target) if out.endswith("csv") else pd.read_parquet(target)
    wanted = by_hand()
    assert rows["scenario"].tolist() == ["base", "high", "cut"]
    for column in ("v_min_pu", "v_max_pu", "losses_mw"):
        assert rows[column].to_numpy() == approx(wanted[column].to_numpy(), abs=1e-12)
    assert data["v_min_scenario"] == "high" and data["v_min_pu"] == rows["v_min_pu"].min()


def test_rows_without_names_are_numbered(gridloop, net, tmp_path):
    (tmp_path / "s.csv").write_text("load.p_mw/load 1\n2\n50\n")
    said = gridloop("flows", net, "--scenarios", tmp_path / "s.csv", "--json")
    assert json.loads(said.out)["v_min_scenario"] == 1


def test_drawn_scenarios_are_known_by_their_seed(gridloop, net, tmp_path, monkeypatch):
    """Also where they come in pieces; another seed draws others, and no spread draws the tables' own."""

    def rows(name, *options):
        said = gridloop("flows", net, "--random", "40", "--out", tmp_path / f"{name}.csv", *options)
        assert said.code == 0 and "40 of 40 scenarios converged" in said.out
        return pd.read_csv(tmp_path / f"{name}.csv")

    first, again = rows("a"), rows("b", "--spread", "0.2", "--seed", "0", "--threads", "1")
    other, same = rows("c", "--seed", "1"), rows("d", "--spread", "0")
    monkeypatch.setattr("gridloop.cli.flows._PIECE_BYTES", 1)
    assert first.equals(again) and first.equals(rows("e")) and not first.equals(other)
    assert same["v_min_pu"].nunique() == 1
    assert same["v_min_pu"][0] == approx(power_flows(chain(3), {"load.p_mw": [[2.0, 2.0]]}).summary["v_min_pu"][0])


def test_failures_are_grouped_and_code_3(gridloop, tmp_path):
    write_network(two_bus(r=0.1), tmp_path / "net")
    (tmp_path / "s.csv").write_text("scenario,load.p_mw/load\nfine,90\nfar,300\nfarther,400\nblank,\n")
    said = gridloop("flows", tmp_path / "net", "--scenarios", tmp_path / "s.csv", "--json")
    assert said.code == 3
    data = json.loads(said.out)
    assert data["status"]["bad_values"] == 1 and data["converged"] == 1
    groups = {group["status"]: group for group in data["groups"]}
    assert groups["bad_values"]["examples"] == [3]
    collapsed = [group for group in data["groups"] if group["bus"] == "b"]
    assert sum(group["count"] for group in collapsed) == 2
    assert "scaled by 0.833 still solve" in collapsed[0]["diagnosis"]
    shown = gridloop("flows", tmp_path / "net", "--scenarios", tmp_path / "s.csv")
    assert shown.code == 3 and "1 of 4 scenarios converged" in shown.out and "near bus b" in shown.out


def test_limits_that_do_not_hold_are_counted(gridloop, matpower_dir, monkeypatch):
    """case30 is loaded to its limits; the most frequent one stands first. Pieces add up to the whole."""
    case = matpower_dir / "case30.m"
    data = json.loads(gridloop("flows", case, "--random", "50", "--spread", "0.5", "--json").out)
    frequent = data["violations"][0]
    assert frequent["scenarios"] == max(v["scenarios"] for v in data["violations"]) and data["violating"] <= 50
    assert frequent["scenarios"] > 10
    shown = gridloop("flows", case, "--random", "50", "--spread", "0.5")
    title = f"{len(data['violations'])} limits do not hold in {data['violating']} scenarios"
    assert title in " ".join(shown.out.split())
    monkeypatch.setattr("gridloop.cli.flows._PIECE_BYTES", 50_000)
    parts = json.loads(gridloop("flows", case, "--random", "50", "--spread", "0.5", "--json").out)
    assert sorted(map(str, parts["violations"])) == sorted(map(str, data["violations"]))


def test_options_reach_the_flows(gridloop, matpower_dir, tmp_path):
    case = matpower_dir / "case14.m"
    net = read_network(case)
    table = pd.DataFrame({f"load.p_mw/{i}": [v * 1.3] for i, v in net.load["p_mw"].items()})
    table.to_csv(tmp_path / "s.csv", index=False)
    load = {"load.p_mw": 1.3 * net.load["p_mw"].to_numpy()[None]}

    def lowest(*options):
        said = gridloop("flows", case, "--scenarios", tmp_path / "s.csv", "--json", "--tolerance-pu", "1e-10", *options)
        return json.loads(said.out)["losses_mean_mw"]

    for option, given in (("p_max", "p_max"), ("gen-1=0.25,gen-2=0.75", {"gen-1": 0.25, "gen-2": 0.75})):
        wanted = power_flows(net, load, distributed_slack=given, tolerance_pu=1e-10).losses_mw[0]
        assert lowest("--distributed-slack", option) == approx(wanted, abs=1e-6)
    limited = power_flows(net, load, reactive_limits=True, tolerance_pu=1e-10).losses_mw[0]
    assert lowest("--reactive-limits") == approx(limited, abs=1e-6)


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        (None, [], "give --scenarios TABLE or --random N"),
        (WIDE, ["--random", "5"], "and not both"),
        (WIDE, ["--seed", "5"], "--spread and --seed belong to --random"),
        (WIDE, ["--out", "rows.xlsx"], "give --out a .csv or .parquet"),
        (WIDE, ["--distributed-slack", "half"], "neither p_max nor ID=SHARE"),
        (WIDE, ["--distributed-slack", "a=0.5,b"], "look at 'b'"),
        ("scenario,load 1\na,2\n", [], "1 columns are no QUANTITY/ID"),
        ("scenario,load.p_mw/load 1\na,lots\n", [], "1 columns hold what is no number: load.p_mw/load 1"),
        ("scenario,load.p_mw/load 9\na,2\n", [], "1 columns name no load: load 9"),
        ("scenario,quantity,id,value\na,load.p_mw,load 9,2\n", [], "1 columns name no load: load 9"),
        ("scenario,quantity,id,value\na,load.v,load 1,2\n", [], "cannot be set by scenarios: load.v"),
        ("scenario,quantity,id,value\na,load.p_mw,load 1,2\na,load.p_mw,load 1,3\n", [], "1 values stand twice"),
        ("quantity,id,value\nload.p_mw,load 1,2\n", [], "scenario is missing"),
        ("scenario,load.p_mw/load 1\na,2\na,3\n", [], "1 scenarios stand twice: a"),
        ("scenario,load.p_mw/load 1\n", [], "has no scenarios"),
        ("", [], "cannot be read as a table of scenarios"),
    ],
)
def test_what_does_not_fit_is_one_line_and_code_2(gridloop, net, tmp_path, text, options, says):
    given = []
    if text is not None:
        (tmp_path / "s.csv").write_text(text)
        given = ["--scenarios", tmp_path / "s.csv"]
    said = gridloop("flows", net, *given, *options)
    assert said.code == 2 and says in said.line


def test_files_that_are_not_there(gridloop, net, tmp_path):
    said = gridloop("flows", net, "--scenarios", tmp_path / "none.csv")
    assert said.code == 2 and "there is no file" in said.line
    (tmp_path / "s.parquet").write_text("no parquet")
    said = gridloop("flows", net, "--scenarios", tmp_path / "s.parquet")
    assert said.code == 2 and "cannot be read as a table of scenarios" in said.line
