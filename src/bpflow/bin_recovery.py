"""What a model of bins recovered of a simulation (``scripts/make_sister_demo_data.py``), on test chromosomes.

* bins: how predicted bins go with what was expected there, which has none of the noise that the model was trained on.
* places: of the planted places, those whose bin is among the highest predicted ones of its track, as many as lie in
  planted peaks. A peak reaches to half of the lowest planted place.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bpflow.bin_file import window_values
from bpflow.errors import InputError
from bpflow.genome import Genome
from bpflow.hdf5_files import opened_hdf5
from bpflow.metrics import pearson
from bpflow.stranded_recovery import StrandedTruth
from bpflow.verdicts import OWN_ADVICE, verdict

__all__ = ["recovered_bins"]

WHAT = "predictions of 'bpflow evaluate-bins'"


def recovered_bins(
    predictions: str | os.PathLike[str], truth: StrandedTruth, expected: Mapping[str, Path], genome: Genome
) -> dict[str, Any]:
    """Compare predicted bins with what was expected at each base of the same windows.

    Parameters
    ----------
    predictions
        File of :func:`bpflow.bin_prediction.predictions_file`.
    truth
        What was planted; a place belongs to the track that is called as its kind.
    expected
        bigWig of what was expected, by the track's name.
    genome
        The simulated genome.

    Returns
    -------
    dict
        ``tracks``, for each its ``places``, ``bins_pearsonr`` and ``found`` (share of places); and the verdicts.
    """
    tracks, verdicts = {}, []
    with opened_hdf5(predictions, WHAT) as stored:
        names = stored.texts("targets/identifier").tolist()
        chroms, firsts = stored.texts("windows/chrom"), stored.read(stored.dataset("windows/start", kinds="i"))
        predicted, width = stored.dataset("predictions", dimensions=3, kinds="f"), int(stored.attributes()["bin_width"])
        length = width * predicted.shape[2]
        starts = genome.global_positions(chroms, firsts)
        for number, name in enumerate(names):
            if name not in expected:
                raise InputError(f"no truth of the track {name!r}", expected=f"one of {', '.join(expected)}")
            whole = window_values(expected[name], genome, starts, length)
            sums = np.stack([np.nan_to_num(row).reshape(-1, width).sum(axis=1) for row in whole])
            found = np.stack([stored.read(predicted, slice(row, row + 1))[0, number] for row in range(len(starts))])
            places = _places(truth, name, chroms, firsts, length, width)
            if not len(places):
                raise InputError(f"no planted place of the track {name!r}", where=str(predictions), expected="some")
            correlation = pearson(sums.ravel(), found.ravel())
            in_peaks = int(np.count_nonzero(sums >= sums[tuple(places.T)].min() / 2))
            lowest = np.partition(found.ravel(), -in_peaks)[-in_peaks]
            share = float(np.mean(found[tuple(places.T)] >= lowest))
            tracks[name] = {"places": len(places), "bins_pearsonr": correlation, "found": share}
            verdicts += [_bins_verdict(name, correlation), _places_verdict(name, share)]
    return {"tracks": tracks, "verdicts": verdicts}


def _places(
    truth: StrandedTruth, track: str, chroms: np.ndarray, firsts: np.ndarray, length: int, width: int
) -> np.ndarray:
    """Window and bin of each planted place that lies in a window, (N, 2)."""
    found = []
    for place in truth.of_task(track, chroms.tolist()):
        inside = (chroms == place.chrom) & (firsts <= place.position) & (place.position < firsts + length)
        found += [(row, (place.position - firsts[row]) // width) for row in np.flatnonzero(inside)]
    return np.array(found, dtype=np.int64).reshape(-1, 2)


def _bins_verdict(track: str, correlation: float) -> dict[str, Any]:
    return verdict(
        "truth_bins",
        f"Predicted bins of {track} with what was expected there (Pearson r)",
        correlation,
        good=0.7,
        check=0.4,
        threshold="above 0.7; from 0.4 to 0.7 needs a look",
        source=OWN_ADVICE,
        advice=(
            "The model knows where the peaks are, and how high.",
            "The model knows the peaks in part: train longer.",
            "The model does not know the peaks: check tracks and training.",
        ),
    )


def _places_verdict(track: str, share: float) -> dict[str, Any]:
    return verdict(
        "truth_places",
        f"Planted places of {track} among its highest predicted bins",
        share,
        good=0.7,
        check=0.4,
        threshold="above 0.7; from 0.4 to 0.7 needs a look",
        source=OWN_ADVICE,
        advice=(
            "The model finds the planted places.",
            "The model finds the planted places in part: train longer.",
            "The model does not find the planted places: check tracks and training.",
        ),
    )
