"""Contributions of batches of sequences, and whether they add up."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bpflow.contributions import HEADS, deep_shap, iterate_contributions, judge_convergence
from bpflow.models import BPNet, BPNetConfig
from bpflow.models.encoding import one_hot
from bpflow.shuffles import dinucleotide_shuffles, shuffle_seeds

LENGTH, REFERENCES = 120, 3


@pytest.fixture(scope="module")
def model() -> BPNet:
    config = BPNetConfig(filters=4, layers=2, input_length=LENGTH, output_length=40, first_kernel=7, profile_kernel=11)
    return BPNet(config, torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def codes() -> np.ndarray:
    return np.random.default_rng(4).integers(0, 4, (5, LENGTH)).astype(np.uint8)


def blocks(model, codes, sizes, heads=HEADS):
    seeds, first, batches = shuffle_seeds(7, len(codes)), 0, []
    for size in sizes:
        batches.append((codes[first : first + size], seeds[first : first + size]))
        first += size
    return list(iterate_contributions(model, batches, heads, references=REFERENCES))


def test_they_are_those_of_each_sequence_against_its_own_shuffles(model, codes):
    (block,) = blocks(model, codes, [5])
    shuffles = dinucleotide_shuffles(codes, REFERENCES, shuffle_seeds(7, 5))
    pairs = one_hot(torch.from_numpy(shuffles).flatten(0, 1)).view(5, REFERENCES, 4, LENGTH)
    for head in HEADS:
        expected = deep_shap(model, one_hot(torch.from_numpy(codes)), pairs, head)
        np.testing.assert_allclose(block.hypothetical[head], expected.numpy(), atol=1e-7)
        assert block.gap[head].max() < 1e-5 < block.difference[head].min()


@pytest.mark.parametrize("sizes", [[1, 4], [2, 2, 1], [1, 1, 1, 1, 1]])
def test_how_sequences_are_batched_changes_nothing(model, codes, sizes):
    (whole,) = blocks(model, codes, [5])
    parts = blocks(model, codes, sizes)
    for head in HEADS:
        np.testing.assert_array_equal(
            np.concatenate([part.hypothetical[head] for part in parts]), whole.hypothetical[head]
        )
        np.testing.assert_array_equal(np.concatenate([part.gap[head] for part in parts]), whole.gap[head])


@pytest.mark.parametrize(("gap", "verdict"), [(1e-4, "good"), (0.05, "check"), (0.5, "fail")])
def test_the_largest_gap_is_held_against_a_typical_difference(gap, verdict):
    record = judge_convergence("the", "counts", np.array([1e-7, gap, 0]), np.array([0.5, 1.0, 9.0]))
    assert record["relative_gap"] == pytest.approx(gap)
    assert record["verdict"]["verdict"] == verdict


def test_predictions_that_never_differ_cannot_be_judged():
    record = judge_convergence("the", "profile", np.zeros(3), np.zeros(3))
    assert np.isnan(record["relative_gap"])
    assert record["verdict"]["verdict"] == "check"
