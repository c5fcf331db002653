"""Motifs from contribution scores, by TF-MoDISco (Shrikumar et al. 2018) as modisco-lite computes it.

The options are those that modisco-lite's own command has where nothing is said, as the official program calls it.
"""

from __future__ import annotations

import logging
import os
import traceback
from dataclasses import dataclass

import h5py
import numpy as np

from bpflow.contribution_file import open_contributions
from bpflow.errors import InputError
from bpflow.new_hdf5 import new_stream

__all__ = ["Pattern", "discover", "read_patterns", "read_window"]

log = logging.getLogger("bpflow")

# What the modisco command passes where its user says nothing.
OPTIONS = {
    "sliding_window_size": 20,
    "flank_size": 5,
    "trim_to_window_size": 30,
    "initial_flank_to_add": 10,
    "final_flank_to_add": 0,
    "target_seqlet_fdr": 0.05,
    "n_leiden_runs": 2,
}
GROUPS = {"pos_patterns": "pos", "neg_patterns": "neg"}
# A pattern's core reaches as far as positions with this share of the largest contribution, as in modisco's report.
CORE_SHARE = 0.3
# A motif and the flanks that are added to it while instances are aligned.
LEAST_WINDOW = 50


@dataclass(frozen=True)
class Pattern:
    """A motif that MoDISco found.

    Attributes
    ----------
    name
        ``pos_patterns.pattern_0`` and so on: patterns that raise the prediction, or ``neg_patterns`` that lower it; the
        most frequent first.
    seqlets
        How many instances it was made of.
    frequencies
        (width, 4) base frequencies of those.
    contributions
        (width, 4) their mean contributions.
    """

    name: str
    seqlets: int
    frequencies: np.ndarray
    contributions: np.ndarray

    @property
    def core(self) -> slice:
        """Positions that matter: from the first to the last with a share of the largest contribution."""
        sizes = np.abs(self.contributions).sum(axis=1)
        kept = np.flatnonzero(sizes >= CORE_SHARE * sizes.max())
        return slice(int(kept[0]), int(kept[-1]) + 1)


def read_window(path: str | os.PathLike[str], window: int) -> tuple[np.ndarray, np.ndarray]:
    """Sequences and hypothetical contributions of the central `window` bases, each (N, 4, window), int8 and float32.

    Raises
    ------
    InputError
        No contribution file, one of shorter sequences, a window too narrow for motifs, or scores that are no numbers.
    """
    if window < LEAST_WINDOW:
        raise InputError(f"a window of {window} bases", where=str(path), expected=f"{LEAST_WINDOW} or more")
    with open_contributions(path) as handle:
        length = handle["raw/seq"].shape[2]
        if window > length:
            raise InputError(
                f"a window of {window} bases", where=str(path), expected=f"at most {length}, what the file holds"
            )
        start = length // 2 - window // 2
        inside = slice(start, start + window)
        scores = handle["shap/seq"][:, :, inside].astype(np.float32)
        if not np.isfinite(scores).all():
            row = int((~np.isfinite(scores)).any(axis=(1, 2)).argmax())
            raise InputError(
                f"scores of sequence {row + 1} that are no numbers",
                where=str(path),
                expected="finite ones",
                mend="Check the model: its weights or predictions are not finite either",
            )
        return handle["raw/seq"][:, :, inside], scores


def discover(
    one_hot: np.ndarray, hypothetical: np.ndarray, output: str | os.PathLike[str], *, max_seqlets: int
) -> list[Pattern]:
    """Find motifs, and write them in modisco-lite's format.

    Parameters
    ----------
    one_hot, hypothetical
        (N, 4, window) sequences and what each base would contribute.
    output
        The HDF5 to write, which modisco-lite and finemo read.
    max_seqlets
        At most so many instances of each sign are clustered.

    Returns
    -------
    list of Pattern
        None where no motif recurs often enough.
    """
    from modiscolite.io import save_hdf5
    from modiscolite.tfmodisco import TFMoDISco

    arrays = (array.transpose(0, 2, 1).astype(np.float32) for array in (one_hot, hypothetical))
    try:
        found = TFMoDISco(*arrays, max_seqlets_per_metacluster=max_seqlets, **OPTIONS)  # type: ignore[arg-type]
    except (IndexError, ValueError, ZeroDivisionError) as error:
        if not _without_null(error):
            raise
        log.warning("contributions are all alike or of one sign: nothing tells motifs from noise")
        found = (None, None)
    with new_stream(output) as stream:
        save_hdf5(stream, *found, one_hot.shape[2])
    return read_patterns(output)


def _without_null(error: Exception) -> bool:
    """Whether MoDISco failed to fit its distribution of noise, which needs values of both signs."""
    return any(frame.name == "extract_seqlets" for frame in traceback.extract_tb(error.__traceback__))


def read_patterns(path: str | os.PathLike[str]) -> list[Pattern]:
    """Read the motifs of a MoDISco file, those that raise the prediction first."""
    patterns = []
    with h5py.File(path, "r") as handle:
        for group in GROUPS:
            numbered = {int(name.rsplit("_", 1)[1]): name for name in handle.get(group, {})}
            for _, name in sorted(numbered.items()):
                item = handle[group][name]
                patterns.append(
                    Pattern(
                        name=f"{group}.{name}",
                        seqlets=int(item["seqlets/n_seqlets"][0]),
                        frequencies=item["sequence"][:],
                        contributions=item["contrib_scores"][:],
                    )
                )
    return patterns
