"""What each track of a run is for, in the words of the report and of genome browsers (at most 80 letters each)."""

from __future__ import annotations

__all__ = ["COMBINED", "CONTRIBUTIONS", "TRACKS"]

TRACKS = {
    "observed.bw": "the insertions that were measured, over the same regions",
    "with_bias.bw": "the prediction of the whole model: compare it with observed to judge the model",
    "bias.bw": "the enzyme's part alone, as the frozen bias model predicts it",
    "corrected.bw": "the prediction with the enzyme's preference taken out: the track to interpret",
}

COMBINED = {
    "crossfit": "For numbers: each base by the fold that held its chromosome out of training.",
    "mean": "For viewing: the mean of all folds; smoother, partly fitted to what it shows.",
}

CONTRIBUTIONS = {
    ("corrected", "counts"): "what each base adds to the corrected counts (log scale), mean of all folds",
    ("corrected", "profile"): "what each base adds to the corrected profile's shape, mean of all folds",
    ("bias", "counts"): "what each base adds to the bias model's counts, mean of all folds",
    ("bias", "profile"): "what each base adds to the bias model's profile, mean of all folds",
}
