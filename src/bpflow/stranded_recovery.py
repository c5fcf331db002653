"""What a model of stranded signals recovered of a simulation (``scripts/make_sister_demo_data.py``).

* start: of each planted place on test chromosomes, whether the predicted profile has its largest value on the planted
  base and strand: where transcription starts, or where the reads of a bound factor end before and behind its site.
* counts: how predicted log counts go with the planted strengths, over all places: those of other factors, and those
  that begin nothing, have none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from bpflow.errors import InputError
from bpflow.files import read_json, stamp
from bpflow.genome import Genome
from bpflow.metrics import pearson
from bpflow.prediction import Prediction, probabilities
from bpflow.verdicts import OWN_ADVICE, verdict

__all__ = ["PlantedPlace", "StrandedTruth", "read_stranded_truth", "recovered"]

# A predicted start this many bases off still counts.
TOLERANCE = 2
# Where the reads of a bound factor end, in bases before and behind its site's middle.
STOP = 8

# Codes (N, input length) to the prediction of a task's two strands.
PredictTask = Callable[[np.ndarray], Prediction]


class PlantedPlace(NamedTuple):
    """A place of the simulation, 0-based."""

    chrom: str
    position: int
    minus: bool
    kind: str
    expected: float


class StrandedTruth(NamedTuple):
    """A simulation's truth: whose data it is of, and what was planted."""

    system: str
    places: tuple[PlantedPlace, ...]

    def of_task(self, task: str, chromosomes: Sequence[str]) -> list[PlantedPlace]:
        """Places with a signal in a task, on some chromosomes: all of a ProCapNet's, a factor's own of a BPNet's."""
        return [place for place in self.on(chromosomes) if self.expected(place, task) > 0]

    def on(self, chromosomes: Sequence[str]) -> list[PlantedPlace]:
        """All places on some chromosomes."""
        return [place for place in self.places if place.chrom in chromosomes]

    def expected(self, place: PlantedPlace, task: str) -> float:
        """What a place adds to a task: nothing where the task is one of several factors, and the place another's."""
        named = any(other.kind.split()[0] == task for other in self.places)
        return place.expected if not named or place.kind.split()[0] == task else 0.0


def read_stranded_truth(path: str | os.PathLike[str]) -> StrandedTruth:
    """Read a truth.json; raises :class:`bpflow.errors.InputError` where it is none."""
    content = read_json(path, "the truth of a simulation")
    try:
        places = tuple(PlantedPlace(**{key: place[key] for key in PlantedPlace._fields}) for place in content["places"])
        return StrandedTruth(content["system"], places)
    except (KeyError, TypeError):
        raise InputError(
            "not the truth of stranded data", where=str(path), expected="a truth.json of make_sister_demo_data.py"
        ) from None


def recovered(
    truth: StrandedTruth,
    predict: Mapping[str, PredictTask],
    genome: Genome,
    *,
    chromosomes: Sequence[str],
    input_length: int,
    output_length: int,
) -> dict[str, Any]:
    """Compare predictions around planted places with what was planted.

    Parameters
    ----------
    truth
        What was planted.
    predict
        Predicts both strands of each task.
    genome
        The simulated genome.
    chromosomes
        Those of the test split.
    input_length, output_length
        The model's windows, in bases.

    Returns
    -------
    dict
        For each task ``places``, ``starts`` (share of places whose largest predicted value lies within two bases of the
        planted one, on its strand) and ``counts_pearsonr``; and the verdicts.
    """
    places, middle = truth.on(chromosomes), output_length // 2
    chroms = np.array([place.chrom for place in places], dtype=object)
    positions = np.array([place.position for place in places], dtype=np.int64)
    minus = np.array([place.minus for place in places], dtype=bool)
    codes = genome.windows(genome.global_positions(chroms, positions) - input_length // 2, input_length)
    tasks, verdicts = {}, []
    for task, predict_task in predict.items():
        expected = np.array([truth.expected(place, task) for place in places])
        own = expected > 0
        if not own.any():
            raise InputError(f"no planted place of the task {task!r} on {', '.join(chromosomes)}", expected="some")
        prediction = predict_task(codes)
        profile = probabilities(prediction.profile_logits[own]).reshape(-1, 2, output_length)
        hits = _ends(profile, middle) if truth.system == "bpnet" else _starts(profile, minus[own], middle)
        share = float(hits.mean())
        correlation = pearson(np.log1p(expected), prediction.log_counts)
        tasks[task] = {"places": int(own.sum()), "starts": share, "counts_pearsonr": correlation}
        verdicts += [_starts_verdict(task, share), _counts_verdict(task, correlation)]
    return stamp("stranded_recovery", system=truth.system, tasks=tasks, verdicts=verdicts, messages=[])


def _starts(profile: np.ndarray, minus: np.ndarray, middle: int) -> np.ndarray:
    """Whether the largest value of both strands lies near the middle, on the planted strand."""
    strand, place = np.unravel_index(profile.reshape(len(profile), -1).argmax(axis=1), profile.shape[1:])
    return (strand == minus) & (np.abs(place - middle) <= TOLERANCE)


def _ends(profile: np.ndarray, middle: int) -> np.ndarray:
    """Whether the plus strand is largest before the site and the minus strand behind it."""
    plus, minus = profile.argmax(axis=2).T
    return (np.abs(plus - (middle - STOP)) <= TOLERANCE) & (np.abs(minus - (middle + STOP)) <= TOLERANCE)


def _starts_verdict(task: str, share: float) -> dict[str, Any]:
    return verdict(
        "truth_starts",
        f"Planted places of {task} that are predicted to the base and strand",
        share,
        good=0.8,
        check=0.5,
        threshold="above 0.8; from 0.5 to 0.8 needs a look",
        source=OWN_ADVICE,
        advice=(
            "The model finds where reads begin, and on which strand.",
            "The model finds where reads begin in part: train longer.",
            "The model does not find where reads begin: check strands and training.",
        ),
    )


def _counts_verdict(task: str, correlation: float) -> dict[str, Any]:
    return verdict(
        "truth_counts",
        f"Predicted log counts of {task} with the planted strengths (Pearson r)",
        correlation,
        good=0.6,
        check=0.3,
        threshold="above 0.6; from 0.3 to 0.6 needs a look",
        source=OWN_ADVICE,
        advice=(
            "The model tells strong places from weak ones and from those without a signal.",
            "The model tells strong places from weak ones in part: train longer, or in smaller batches.",
            "The model does not tell strong places from weak ones: check the training.",
        ),
    )
