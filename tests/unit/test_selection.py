from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bpflow.errors import InputError
from bpflow.folds import Fold, read_fold
from bpflow.regions import centers, from_centers, on, read_regions
from bpflow.selection import Windows, select_for_bias, select_for_chrombpnet
from unit import simulated

FOLD = Fold(("chr1",), ("chr2",), ("chr3",))
WINDOWS = Windows(input_length=400, output_length=200, jitter=50)


def data(genome, peak_counts, nonpeak_counts):
    """Regions every 500 bp on chr1, as many insertions at each centre as given; one of each kind on chr2 and chr3."""
    array = np.zeros(genome.array.size, np.int32)

    def regions(counts, first):
        middle = first + 500 * np.arange(len(counts))
        array[middle] = counts
        frame = from_centers(["chr1"] * len(counts), middle, 200)
        extra = []
        place = first // 2
        for name in ("chr2", "chr3"):
            array[genome.offsets[name] + place] = int(np.median(counts))
            extra.append(from_centers([name], np.array([place]), 200))
        return pd.concat([frame, *extra], ignore_index=True)

    peaks, nonpeaks = regions(peak_counts, 1000), regions(nonpeak_counts, 30_000)
    return peaks, nonpeaks, FOLD, genome, simulated.signal_track(array)


def test_bias_threshold_and_strict_quantiles(genome):
    peaks = np.full(40, 100)
    nonpeaks = np.array([0, 10, 20, 30, 40, 49, 50, 51, 200, 20, 20, 20])
    selection = select_for_bias(*data(genome, peaks, nonpeaks), windows=WINDOWS, threshold_factor=0.5)
    assert selection.record["threshold"] == 50
    kept = on(selection.nonpeaks, FOLD.train)
    counts = nonpeaks[(centers(kept) - 30_000) // 500]
    # 0 and 49 are the quantiles of what lies below 50, and strictly between them is what stays.
    assert sorted(counts.tolist()) == [10, 20, 20, 20, 20, 30, 40]
    assert selection.record["counts_loss_weight"] == 2.0
    assert selection.record["fallback"] is None
    assert selection.record["removed"]["above_threshold"] == 3


def test_chrombpnet_range_weight_and_downsampling(genome):
    peaks = np.arange(100, 120)
    nonpeaks = np.arange(101, 145)
    selection = select_for_chrombpnet(
        *data(genome, peaks, nonpeaks), windows=WINDOWS, negative_ratio=0.1, outlier_quantile=0.9999
    )
    record = selection.record
    low, high = record["count_range"]
    assert low < record["counts_loss_weight"] * 10 < high
    kept = on(selection.peaks, FOLD.train)
    counts = peaks[(centers(kept) - 1000) // 500]
    assert (counts > low).all()
    assert (counts < high).all()
    assert len(on(selection.nonpeaks, FOLD.train + FOLD.valid)) <= len(on(selection.peaks, FOLD.train + FOLD.valid))
    assert len(selection.scaling_nonpeaks) == record["removed"]["downsampled"] + len(
        on(selection.nonpeaks, FOLD.train + FOLD.valid)
    )


def test_jitter_widens_the_edge_filter_for_fitting_peaks_only(genome):
    peaks, nonpeaks, *rest = data(genome, np.arange(100, 120), np.arange(101, 145))
    near = pd.concat([from_centers(["chr1", "chr3"], np.array([220, 220]), 200), peaks], ignore_index=True)
    selection = select_for_chrombpnet(near, nonpeaks, *rest, windows=WINDOWS, negative_ratio=0.1)
    assert 220 not in centers(on(selection.peaks, ["chr1"]))
    assert 220 in centers(on(selection.peaks, ["chr3"]))


def test_a_threshold_of_zero_has_a_stated_way_through(genome):
    peaks = np.concatenate([np.zeros(5, int), np.full(35, 40)])
    selection = select_for_bias(*data(genome, peaks, np.arange(0, 60, 2)), windows=WINDOWS, threshold_factor=0.5)
    assert selection.record["threshold"] == 30
    assert "official threshold" in selection.record["fallback"]
    assert selection.record["fallback"] in selection.record["messages"]


def test_zero_counts_dropped_by_strictness_have_a_stated_way_through(genome):
    nonpeaks = np.concatenate([np.zeros(20, int), np.ones(5, int)])
    selection = select_for_bias(*data(genome, np.full(40, 10), nonpeaks), windows=WINDOWS, threshold_factor=0.5)
    assert len(on(selection.nonpeaks, FOLD.train)) == 25
    assert "leaves a split without regions" in selection.record["fallback"]


def test_non_peaks_without_an_insertion_stop(genome):
    with pytest.raises(InputError, match="none of the non-peaks holds a single insertion"):
        select_for_bias(*data(genome, np.full(9, 10), np.zeros(9, int)), windows=WINDOWS, threshold_factor=0.5)


def test_a_split_without_regions_stops(genome):
    peaks, nonpeaks, _, *rest = data(genome, np.arange(100, 120), np.arange(101, 145))
    with pytest.raises(InputError, match="no usable non-peaks on the valid chromosomes"):
        select_for_chrombpnet(peaks, on(nonpeaks, ["chr1"]), FOLD, *rest, windows=WINDOWS, negative_ratio=0.1)


@pytest.mark.system
def test_official_decisions_on_the_official_input(shared_data, official_yeast):
    """The filtered regions and loss weights that chrombpnet 1.0.1 chose on the yeast data."""
    reference = shared_data / "data" / "yeast" / "reference_run"
    genome, signal = official_yeast
    arguments = (
        read_regions(reference / "peaks.narrowPeak", genome),
        read_regions(reference / "nonpeaks.narrowPeak", genome),
        read_fold(reference / "fold_0.json", genome),
        genome,
        signal,
    )
    bias = select_for_bias(*arguments, windows=Windows(2114, 1000, 0), threshold_factor=0.8)
    main = select_for_chrombpnet(*arguments, windows=Windows(2114, 1000, 200), negative_ratio=0.1)
    assert bias.record["counts_loss_weight"] == 1.2
    assert main.record["counts_loss_weight"] == 13.0
    for frame, name in (
        (bias.nonpeaks, "official_filtered_bias_nonpeaks"),
        (main.peaks, "official_filtered_peaks"),
        (main.nonpeaks, "official_filtered_nonpeaks"),
    ):
        official = read_regions(reference / f"{name}.narrowPeak", genome)
        assert places(frame) == places(official)


def places(frame):
    return sorted(zip(frame["chrom"], centers(frame), strict=True))
