"""Checkpoints: a study that was cut goes on and ends with the same bits; another study is refused by name."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from studies import REDUCE, Deadly, N, TwoBus, assert_same_results, processes, study

from gridloop.errors import BadInput, GridloopError, StoreError
from gridloop.powerflow.study.reducers import HostingCapacity, WorstK
from gridloop.powerflow.study.samplers import Adoption, Independent, Normal


def test_a_study_is_cut_and_goes_on(tmp_path, alone):
    """Stopped by its own progress after a third; taken up by other workers; then asked again."""

    def stop(progress):
        if progress.done > N / 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study(2, checkpoint=tmp_path / "kept", progress=stop)
    told = []
    done = study(3, checkpoint=tmp_path / "kept", progress=told.append)
    assert N / 3 < done.resumed < N and told[0].done > done.resumed
    assert_same_results(done, alone)
    again = study(checkpoint=tmp_path / "kept", progress=told.append)
    assert again.resumed == N and again.rate_per_s == 0
    assert_same_results(again, alone)
    assert sorted(p.name for p in (tmp_path / "kept").iterdir()) == ["state.npz", "study.json"]


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"seed": 12}, "seed is 11 there and 12 here"),
        ({"n": N + 1}, "n is 5000 there"),
        ({"chunk": 64}, "chunk"),
        ({"sampler": Independent({"load.p_mw": Normal(0.4)})}, "sampler"),
        ({"reduce": REDUCE[:1]}, "reduce"),
        ({"reduce": [*REDUCE[:4], WorstK(8)]}, "reduce"),
        ({"net": TwoBus(3, nominal_mw=51.0)}, "solver is 'two bus 3 50.0' there and 'two bus 3 51.0' here"),
    ],
)
def test_a_checkpoint_of_another_study_is_refused(tmp_path, changes, differs):
    study(checkpoint=tmp_path)
    with pytest.raises(BadInput, match=f"another study.*{differs}"):
        study(checkpoint=tmp_path, **changes)


def test_a_checkpoint_knows_tables_and_arrays_by_content(tmp_path):
    hours = 24
    sampler = Adoption(3, pd.DataFrame({f"load {k}": np.ones(hours) for k in range(3)}), np.zeros(hours))
    options = {"n": None, "reduce": [HostingCapacity(sampler.levels, low_pu=pd.Series({"a": 0.9, "b": 0.8}))]}
    study(checkpoint=tmp_path, sampler=sampler, **options)
    assert study(checkpoint=tmp_path, sampler=replace(sampler, sun=np.zeros(hours)), **options).resumed == 72
    with pytest.raises(BadInput, match="sampler"):
        study(checkpoint=tmp_path, sampler=replace(sampler, sun=np.full(hours, 1e-9)), **options)


def test_a_folder_with_other_things_is_no_checkpoint(tmp_path):
    (tmp_path / "thesis.txt").write_text("irreplaceable")
    with pytest.raises(BadInput, match="other files"):
        study(checkpoint=tmp_path)
    with pytest.raises(BadInput, match="No checkpoint can be kept"):
        study(checkpoint=tmp_path / "thesis.txt")


@pytest.mark.parametrize("content", [b"", b"PK broken", b"\x00" * 500])
def test_a_damaged_checkpoint_says_so(tmp_path, content):
    study(n=300, checkpoint=tmp_path)
    (tmp_path / "state.npz").write_bytes(content)
    with pytest.raises(StoreError, match=r"state\.npz is damaged"):
        study(n=300, checkpoint=tmp_path)
    (tmp_path / "study.json").write_bytes(content)
    with pytest.raises(StoreError, match=r"study\.json is damaged"):
        study(n=300, checkpoint=tmp_path)


def test_a_broken_pool_says_how_to_go_on(tmp_path, alone):
    """The last, shorter chunk ends its process; the executor is broken then, by the rules of Python."""
    solver = Deadly(3, nominal_mw=50.0, flag=str(tmp_path / "died"))
    options = {"net": solver, "checkpoint": tmp_path / "kept", "checkpoint_every_s": 0.0}
    with processes(2) as pool, pytest.raises(GridloopError, match="make a new executor") as caught:
        study(executor=pool, in_flight=2, **options)
    assert 0 < caught.value.facts["done"] < N
    with processes(2) as pool:
        done = study(executor=pool, **options)
    assert 0 < done.resumed < N
    assert_same_results(done, alone)


def test_without_a_checkpoint_the_advice_is_another(tmp_path):
    solver = Deadly(3, nominal_mw=50.0, flag=str(tmp_path / "died"))
    with processes(1) as pool, pytest.raises(GridloopError, match="checkpoint=FOLDER"):
        study(net=solver, executor=pool)
