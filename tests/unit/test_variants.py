"""Scores of both alleles, against the model itself, one sequence at a time, and scipy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon

from bpflow.genome import Genome, reverse_complement_codes
from bpflow.models import BPNet
from bpflow.models.encoding import one_hot
from bpflow.variant_files import Allele
from bpflow.variant_windows import Windows, allele_windows
from bpflow.variants import BLOCK, in_blocks, jensen_shannon_bits
from unit import small_variants as small

COMPLEMENT = str.maketrans("ACGTacgt", "TGCAtgca")


@pytest.fixture(scope="module")
def genome(tmp_path_factory) -> Genome:
    return small.open_genome(tmp_path_factory.mktemp("genome"))


@pytest.fixture(scope="module")
def models() -> list[BPNet]:
    return [small.tiny_bpnet(0), small.tiny_bpnet(1)]


def by_hand(model: BPNet, sequence: np.ndarray) -> tuple[np.ndarray, float]:
    """Profile and log counts, both strands averaged, of one sequence by the model alone."""
    profiles, logs = [], []
    for strand in (sequence[None], reverse_complement_codes(sequence[None])):
        with torch.no_grad():
            output = model(one_hot(torch.from_numpy(strand)))
        profiles.append(torch.softmax(output.profile_logits[0].double(), 0).numpy())
        logs.append(float(output.log_counts[0]))
    return (profiles[0] + profiles[1][::-1]) / 2, np.mean(logs)


def alleles() -> list[Allele]:
    """Two alternatives of one site, a deletion, an insertion and another base."""
    sequence = small.sequences()["chr1"]
    return [
        small.snv("chr1", 100, 0),
        small.snv("chr1", 100, 1),
        Allele("chr1", 200, ".", sequence[200:205], sequence[200]),
        Allele("chr1", 300, ".", sequence[300], f"{sequence[300]}ACGTAC"),
        small.snv("chr2", 333, 2),
    ]


def test_scores_are_those_computed_by_hand(genome, models):
    scores = small.ensemble(models).score_alleles(alleles(), genome)
    windows = allele_windows(alleles(), genome, small.INPUT)
    for row, (reference, alternative) in enumerate(zip(windows.reference, windows.alternative, strict=True)):
        pairs = [[by_hand(model, windows.codes[place]) for model in models] for place in (reference, alternative)]
        profiles, logs = (np.array([[fold[i] for fold in pair] for pair in pairs], dtype=float) for i in (0, 1))
        # The mean over folds is of probabilities and of log counts, and not of scores.
        profiles, logs = (np.concatenate([part.mean(1, keepdims=True), part], axis=1) for part in (profiles, logs))
        np.testing.assert_allclose(scores.reference_log_counts[row], logs[0], rtol=1e-5)
        np.testing.assert_allclose(scores.alternative_log_counts[row], logs[1], rtol=1e-5)
        distance = [jensenshannon(profiles[0, c], profiles[1, c], base=2) for c in range(3)]
        np.testing.assert_allclose(scores.jsd[row], distance, rtol=1e-3)
        assert min(distance) > 1e-3
        assert abs(logs[1, 0] - logs[0, 0]) > 1e-4
    assert scores.jsd[:, 0] != pytest.approx(scores.jsd[:, 1:].mean(1), rel=1e-6)


@given(place=st.integers(100, 550), seed=st.integers(0, 50), ref=st.integers(1, 4), alt=st.text("ACGT", min_size=1))
def test_the_other_strand_gives_the_same_scores(genome, models, place, seed, ref, alt):
    """The same window, read from the reverse-complemented genome, and both alleles complemented."""
    sequence = small.sequences()["chr2"]
    allele = Allele("chr2", place, ".", sequence[place : place + ref], alt[:6])
    forward = allele_windows([allele], genome, small.INPUT)
    turned = sequence.translate(COMPLEMENT)[::-1]
    # Where the window of the other strand starts; the alternative's is what follows from its own sequence.
    half = small.INPUT // 2
    start = len(sequence) - (place + half)
    there = turned[start : start + small.INPUT]
    assert "".join("ACGT"[code] for code in reverse_complement_codes(forward.codes)[0]) == there
    ensemble = small.ensemble(models)
    one = ensemble.score(forward)
    other = ensemble.score(Windows(reverse_complement_codes(forward.codes), forward.reference, forward.alternative))
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_allclose(theirs, mine, rtol=1e-5, atol=1e-6)


def test_swapped_alleles_turn_the_fold_change_and_leave_the_distance(genome, models):
    windows = allele_windows(alleles(), genome, small.INPUT)
    ensemble = small.ensemble(models)
    one = ensemble.score(windows)
    other = ensemble.score(Windows(windows.codes, windows.alternative, windows.reference))
    np.testing.assert_array_equal(other.reference_log_counts, one.alternative_log_counts)
    np.testing.assert_allclose(other.jsd, one.jsd, rtol=1e-9)


def test_batches_of_any_size_give_the_same_scores(genome, models):
    many = small.snvs(20)
    expected = small.ensemble(models, 64).score_alleles(many, genome)
    for batch_size in (1, 2, 7):
        for mine, theirs in zip(small.ensemble(models, batch_size).score_alleles(many, genome), expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


def test_each_window_is_predicted_once(genome, models, monkeypatch):
    seen = []
    module = __import__("bpflow.variants", fromlist=["x"])
    predict = module.predict_on_device

    def counted(model, codes, **options):
        seen.append(len(codes))
        return predict(model, codes, **options)

    monkeypatch.setattr(module, "predict_on_device", counted)
    small.ensemble(models[:1], batch_size=4).score_alleles(alleles(), genome)
    # Five alternatives and four sites on both strands, in batches of two sequences and their other strands.
    assert seen == [4, 4, 4, 4, 2]


@pytest.mark.parametrize(
    ("p", "q"), [([1.0, 0, 0], [0, 0.5, 0.5]), ([0.2, 0.8, 0], [0.2, 0.8, 0]), ([0.1, 0.2, 0.7], [0.7, 0.1, 0.2])]
)
def test_distance_is_scipys(p, q):
    found = jensen_shannon_bits(torch.tensor([p], dtype=torch.float64), torch.tensor([q], dtype=torch.float64))
    assert float(found) == pytest.approx(jensenshannon(p, q, base=2), abs=1e-12)
    assert 0 <= float(found) <= 1


def test_equal_profiles_have_no_distance_at_all():
    p = torch.softmax(torch.randn(3, 50, dtype=torch.float64), 1)
    assert jensen_shannon_bits(p, p).tolist() == [0, 0, 0]


def test_blocks_hold_all_items_in_order():
    items = small.snvs(2 * BLOCK + 3)
    blocks = list(in_blocks(iter(items)))
    assert [len(block) for block in blocks] == [BLOCK, BLOCK, 3]
    assert [item for block in blocks for item in block] == items
