"""Motifs found in simulated contributions: the planted ones, none where there are none, and files others read."""

from __future__ import annotations

import logging

import h5py
import modiscolite.report
import numpy as np
import pytest
from finemo.data_io import load_modisco_motifs

from bpflow.errors import InputError
from bpflow.genome import encode, reverse_complement_codes
from bpflow.motif_discovery import Pattern, discover, read_patterns, read_window
from bpflow.motif_files import consensus
from unit.simulated_contributions import WORDS, Simulated, simulate, write_simulated


def both_strands(word: str) -> set[str]:
    turned = reverse_complement_codes(encode(word)[None])[0]
    return {word, "".join("ACGT"[code] for code in turned)}


def core_of(pattern: Pattern) -> str:
    return consensus(pattern.frequencies[pattern.core])


def assert_planted(patterns: list[Pattern], group: str, sign: float) -> None:
    assert [pattern.name for pattern in patterns] == [f"{group}.pattern_{i}" for i in range(len(WORDS))]
    found = {name for name, word in WORDS.items() for pattern in patterns if core_of(pattern) in both_strands(word)}
    assert found == set(WORDS)
    for pattern in patterns:
        assert 40 < pattern.seqlets <= 160
        assert sign * pattern.contributions[pattern.core].sum(axis=1).min() > 0.05
        np.testing.assert_allclose(pattern.frequencies.sum(axis=1), 1, rtol=1e-5)


def test_planted_motifs_are_found(discovered):
    assert_planted(discovered.patterns, "pos_patterns", 1)


def test_motifs_that_lower_the_prediction_are_told_apart(tmp_path):
    made = simulate(sign=-1)
    assert_planted(discover(made.one_hot, made.hypothetical, tmp_path / "m.h5", max_seqlets=1000), "neg_patterns", -1)


def test_finemo_reads_the_motifs(discovered):
    table, contributions, masks, names = load_modisco_motifs(
        str(discovered.path), None, None, 0.3, "cwm", None, None, None, 0.7, True
    )
    assert sorted(names) == sorted(pattern.name for pattern in discovered.patterns)
    assert len(table) == 2 * len(discovered.patterns)
    for pattern in discovered.patterns:
        rows = (table["motif_name"] == pattern.name) & (table["strand"] == "+")
        (row,) = np.flatnonzero(rows.to_numpy())
        assert (contributions[row].argmax(axis=0) == pattern.contributions.argmax(axis=1))[pattern.core].all()
        assert np.flatnonzero(masks[row])[[0, -1]].tolist() == [pattern.core.start, pattern.core.stop - 1]


def test_modisco_reports_the_motifs(discovered, tmp_path):
    modiscolite.report.report_motifs(discovered.path, str(tmp_path), "./", None, False)
    page = (tmp_path / "motifs.html").read_text()
    assert all(pattern.name in page for pattern in discovered.patterns)


def test_at_most_so_many_instances_are_taken(discovered, tmp_path):
    made = discovered.made
    found = discover(made.one_hot, made.hypothetical, tmp_path / "m.h5", max_seqlets=120)
    assert sum(pattern.seqlets for pattern in found) <= 120 < sum(pattern.seqlets for pattern in discovered.patterns)


def noise(n: int) -> Simulated:
    made, rng = simulate(n), np.random.default_rng(0)
    return made._replace(hypothetical=rng.normal(0, 0.01, made.hypothetical.shape).astype(np.float32))


def changed(change) -> Simulated:
    made = simulate(40)
    return made._replace(hypothetical=np.asarray(change(made.hypothetical), dtype=np.float32))


WITHOUT_MOTIFS = {
    "few sequences": lambda: simulate(3),
    "one sequence": lambda: simulate(1),
    "noise": lambda: noise(160),
    "zeros": lambda: changed(np.zeros_like),
    "a constant": lambda: changed(np.ones_like),
    "one sign": lambda: changed(np.abs),
    "the other sign": lambda: changed(lambda scores: -np.abs(scores)),
    "hardly a value of one sign": lambda: changed(lambda scores: np.where(np.arange(150) == 70, -10, 1 + scores)),
}


@pytest.mark.parametrize("what", WITHOUT_MOTIFS)
def test_without_motifs_there_are_none(tmp_path, what):
    made = WITHOUT_MOTIFS[what]()
    assert discover(made.one_hot, made.hypothetical, tmp_path / "m.h5", max_seqlets=1000) == []
    with h5py.File(tmp_path / "m.h5") as handle:
        assert handle.attrs["window_size"] == 150
        assert not any(handle.values())


def test_contributions_of_one_sign_are_said_to_be(tmp_path, caplog):
    made = changed(np.zeros_like)
    with caplog.at_level(logging.WARNING, logger="bpflow"):
        discover(made.one_hot, made.hypothetical, tmp_path / "m.h5", max_seqlets=1000)
    assert "all alike or of one sign" in caplog.text


def test_errors_of_our_own_are_not_taken_for_a_lack_of_motifs(tmp_path):
    made = simulate(5)
    with pytest.raises(ValueError, match="broadcast"):
        discover(made.one_hot, made.hypothetical[:, :, 1:], tmp_path / "m.h5", max_seqlets=1000)
    assert not list(tmp_path.iterdir())


def test_the_core_reaches_as_far_as_contributions():
    contributions = np.zeros((8, 4))
    contributions[2, 0], contributions[4, 1], contributions[6, 2], contributions[0, 3] = 0.4, 1, -0.31, 0.29
    assert Pattern("x", 1, np.full((8, 4), 0.25), contributions).core == slice(2, 7)


def test_patterns_are_read_in_the_order_of_their_numbers(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as handle:
        for name in ("neg_patterns/pattern_0", *(f"pos_patterns/pattern_{i}" for i in range(12))):
            handle[f"{name}/sequence"] = handle[f"{name}/contrib_scores"] = np.ones((3, 4))
            handle[f"{name}/seqlets/n_seqlets"] = [7]
    names = [pattern.name for pattern in read_patterns(tmp_path / "m.h5")]
    assert names == [*(f"pos_patterns.pattern_{i}" for i in range(12)), "neg_patterns.pattern_0"]


@pytest.mark.parametrize("window", [50, 51, 149, 150])
def test_the_window_is_central(tmp_path, window):
    made = simulate(3)
    write_simulated(tmp_path / "c.h5", made, {})
    one_hot, hypothetical = read_window(tmp_path / "c.h5", window)
    start = 75 - window // 2
    np.testing.assert_array_equal(one_hot, made.one_hot[:, :, start : start + window])
    np.testing.assert_array_equal(hypothetical, made.hypothetical[:, :, start : start + window])
    assert (one_hot.dtype, hypothetical.dtype) == (np.int8, np.float32)


def test_windows_and_scores_that_cannot_be_searched_are_named(tmp_path):
    made = simulate(3)
    made.hypothetical[1, 2, 75] = np.nan
    write_simulated(tmp_path / "c.h5", made, {})
    for window, message in {
        151: "a window of 151 bases. Expected at most 150",
        49: "a window of 49 bases. Expected 50 or more",
        100: "scores of sequence 2 that are no numbers",
    }.items():
        with pytest.raises(InputError, match=message):
            read_window(tmp_path / "c.h5", window)
