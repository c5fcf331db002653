from __future__ import annotations

import numpy as np
import pyBigWig
import pyfaidx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpflow.bigwig_writer import write_bigwig
from bpflow.datasets import Epoch, TrainingSet, Windows, validation_set
from bpflow.errors import InputError
from bpflow.signal import SignalTrack
from unit import simulated

LETTERS = "ACGTN"


@pytest.fixture(scope="module")
def bigwig(genome, tmp_path_factory):
    rng = np.random.default_rng(0)
    blocks = [(name, np.arange(size), rng.poisson(0.3, size)) for name, size in genome.sizes.items()]
    path = tmp_path_factory.mktemp("datasets") / "x.bw"
    write_bigwig(path, genome.sizes, blocks)
    return path


@pytest.fixture(scope="module")
def track(bigwig, genome):
    return SignalTrack.open(bigwig, genome)


@pytest.fixture(scope="module")
def readers(fasta, bigwig):
    with pyBigWig.open(str(bigwig)) as values:
        yield pyfaidx.Fasta(str(fasta)), values


def read_region(readers, name, center, input_length, output_length, reverse):
    """The straightforward way: one region at a time, by other people's readers."""
    sequences, values = readers
    sequence = sequences[name][center - input_length // 2 : center + input_length // 2]
    letters = str(-sequence if reverse else sequence).upper()
    counts = np.nan_to_num(values.values(name, center - output_length // 2, center + output_length // 2, numpy=True))
    return letters, (counts[::-1] if reverse else counts).tolist()


@st.composite
def regions(draw, widest):
    name = draw(st.sampled_from(["chr1", "chr2", "chr3"]))
    first, last = widest // 2, simulated.SIZES[name] - widest // 2
    # Both ends of a chromosome, its leading Ns and soft-masked bases are drawn often.
    return name, draw(st.one_of(st.sampled_from([first, last]), st.integers(first, last))), draw(st.booleans())


@settings(max_examples=80)
@given(
    drawn=st.lists(regions(widest=314), min_size=1, max_size=12),
    input_length=st.sampled_from([2, 60, 314]),
    output_length=st.sampled_from([2, 20, 314]),
)
def test_batches_equal_reading_region_by_region(genome, track, readers, drawn, input_length, output_length):
    names, middles, reverse = zip(*drawn, strict=True)
    epoch = Epoch(genome.global_positions(list(names), np.array(middles)), np.array(reverse))
    batches = list(Windows(genome.array, track, input_length, output_length).batches(epoch, 5))
    codes, counts = (np.concatenate([batch[i] for batch in batches]) for i in (0, 1))
    for row, (name, center, flip) in enumerate(drawn):
        letters, observed = read_region(readers, name, center, input_length, output_length, flip)
        assert "".join(LETTERS[code] for code in codes[row]) == letters
        assert counts[row].tolist() == observed
    assert (codes.dtype, counts.dtype) == (np.uint8, np.int32)


def test_gather_leaves_genome_and_signal_as_they_are(genome, track):
    before = genome.array.copy(), track.positions.copy(), track.counts.copy()
    Windows(genome.array, track, 60, 20).gather(np.array([100, 200]), np.array([True, True]))
    for old, new in zip(before, (genome.array, track.positions, track.counts), strict=True):
        np.testing.assert_array_equal(old, new)


PEAKS = np.arange(10_000, 20_000, 100)
NONPEAKS = np.arange(50_000, 90_000, 100)


def test_an_epoch_is_drawn_as_the_official_program_does():
    training = TrainingSet(PEAKS, NONPEAKS, jitter=30, negative_ratio=0.29, seed=4)
    epoch = training.epoch(1)
    # int(0.29 * 100) is 28: the official program's rounding, kept.
    assert len(epoch) == len(training) == 128
    assert epoch.reverse.sum() == 64
    is_peak = epoch.centers < 30_000
    assert is_peak.sum() == 100
    negatives = epoch.centers[~is_peak]
    assert np.isin(negatives, NONPEAKS).all()
    assert len(np.unique(negatives)) == 28
    origin = np.round(epoch.centers[is_peak], -2)
    assert sorted(origin) == PEAKS.tolist()
    assert np.abs(epoch.centers[is_peak] - origin).max() <= 30
    assert not is_peak[:100].all()


def test_jitter_takes_every_offset_with_both_ends():
    training = TrainingSet(np.full(20_000, 500), np.zeros(0, int), jitter=3)
    offsets, times = np.unique(training.epoch(1).centers - 500, return_counts=True)
    assert offsets.tolist() == [-3, -2, -1, 0, 1, 2, 3]
    assert times.min() > 0.9 * 20_000 / 7


def test_epochs_differ_but_each_can_be_drawn_again_on_its_own():
    training = TrainingSet(PEAKS, NONPEAKS, jitter=30, negative_ratio=0.5)
    for one, other in zip(training.epoch(7), TrainingSet(PEAKS, NONPEAKS, 30, 0.5).epoch(7), strict=True):
        np.testing.assert_array_equal(one, other)
    first, second = training.epoch(1), training.epoch(2)
    assert not np.array_equal(np.sort(first.centers), np.sort(second.centers))
    assert not np.array_equal(first.reverse, second.reverse)
    other_seed = TrainingSet(PEAKS, NONPEAKS, 30, 0.5, seed=99)
    assert not np.array_equal(other_seed.epoch(1).centers, first.centers)


@pytest.mark.parametrize(("ratio", "expected"), [(0.0, 0), (0.1, 10), (1.0, 400), (2.5, 400)])
def test_number_of_negatives(ratio, expected):
    assert len(TrainingSet(PEAKS, NONPEAKS, negative_ratio=ratio)) == 100 + expected


def test_too_few_negatives_are_all_used():
    assert len(TrainingSet(PEAKS, NONPEAKS[:5], negative_ratio=0.9).epoch(1)) == 105


def test_without_peaks_all_nonpeaks_are_used_unmoved():
    epoch = TrainingSet(np.zeros(0, int), NONPEAKS, jitter=0, negative_ratio=0.1).epoch(1)
    assert sorted(epoch.centers) == NONPEAKS.tolist()
    assert not np.array_equal(epoch.centers, NONPEAKS)


def test_the_last_batch_is_kept(genome, track):
    source = Windows(genome.array, track, 60, 20)
    epoch = TrainingSet(np.zeros(0, int), np.arange(100, 110)).epoch(1)
    assert [len(batch.codes) for batch in source.batches(epoch, 4)] == [4, 4, 2]


def test_validation_is_fixed_unmoved_and_on_one_strand():
    one, other = (validation_set(PEAKS, NONPEAKS, negative_ratio=0.1, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.centers, other.centers)
    np.testing.assert_array_equal(one.centers[:100], PEAKS)
    assert len(one) == 110
    assert not one.reverse.any()
    assert np.isin(one.centers[100:], NONPEAKS).all()
    assert (np.diff(one.centers) > 0).all()


def test_nothing_to_train_or_validate_on_is_said():
    empty = np.zeros(0, int)
    with pytest.raises(InputError, match="no region to train on"):
        TrainingSet(empty, empty)
    with pytest.raises(InputError, match="no region to validate on"):
        validation_set(empty, empty, negative_ratio=0.1, seed=1)


def test_epochs_count_from_one():
    with pytest.raises(ValueError, match="from 1"):
        TrainingSet(PEAKS, NONPEAKS).epoch(0)
