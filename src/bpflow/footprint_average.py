"""Footprints averaged over the models of several folds: each model's own backgrounds, the same motifs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bpflow.errors import InputError
from bpflow.footprint_record import report
from bpflow.footprints import REPORTED, Effect, Footprint

__all__ = ["average", "average_report"]

# So that the summary of a run tells it from the verdicts on the folds.
MEAN_RESPONSE = "Response of the corrected models' mean profile to bias probes"


def average(models: Sequence[Sequence[Footprint]], *, names: Sequence[str]) -> tuple[list[Footprint], list[Footprint]]:
    """Mean and standard deviation over models of each footprint's profile and counts.

    Parameters
    ----------
    models
        One list a model, of the same inserts in the same order.
    names
        What the models are called in errors: their files.

    Returns
    -------
    mean, deviation
        Lists as of :func:`bpflow.footprints.measure`. The deviation is that of a sample, with one less than the number
        of models in the denominator.

    Raises
    ------
    InputError
        Fewer than two models, or models that differ in their motifs or in their output length.
    """
    if len(models) < 2:
        raise InputError(f"{len(models)} file", where="--inputs", expected="two or more, one for each fold")
    for other, name in zip(models[1:], names[1:], strict=True):
        _check_alike(models[0], other, names[0], name)
    alike = list(zip(*models, strict=True))
    return [_combine(these, _mean) for these in alike], [_combine(these, _deviation) for these in alike]


def average_report(
    models: Sequence[Sequence[Footprint]], mean: list[Footprint], *, backgrounds: Sequence[int]
) -> dict[str, Any]:
    """The record of the mean, judged as a single model's is, with what each number's spread over models is.

    Parameters
    ----------
    models, mean
        The models' footprints, and their mean.
    backgrounds
        How many sequences each model was shown.

    Returns
    -------
    dict
        As of :func:`bpflow.footprint_record.report`, whose numbers are those of the mean profiles. ``models`` is how
        many there are, and ``standard_deviation`` in each view of each motif that of the models' own numbers.
    """
    record = report(mean, backgrounds=sum(backgrounds))
    single = [report(list(footprints), backgrounds=1) for footprints in models]
    record["models"] = len(models)
    for item in record["verdicts"]:
        item["name"] = MEAN_RESPONSE
    responses = [one["bias_response"]["corrected"] for one in single]
    record["bias_response"]["standard_deviation"] = _deviation(responses)
    for place, motif in enumerate(record["motifs"]):
        for view in REPORTED:
            numbers = [one["motifs"][place][view] for one in single]
            motif[view]["standard_deviation"] = {
                key: _deviation([these[key] for these in numbers])
                for key in ("max", "max_centre", "depth", "log2_fold_counts")
            }
    return record


def _combine(footprints: Sequence[Footprint], how: Callable[[Any], Any]) -> Footprint:
    effects = {
        view: Effect(
            how([footprint.effects[view].profile for footprint in footprints]),
            float(how([footprint.effects[view].counts for footprint in footprints])),
        )
        for view in REPORTED
    }
    return Footprint(footprints[0].insert, effects)


def _mean(values: Any) -> Any:
    return np.mean(values, axis=0)


def _deviation(values: Any) -> Any:
    return np.std(values, axis=0, ddof=1)


def _check_alike(first: Sequence[Footprint], other: Sequence[Footprint], first_name: str, name: str) -> None:
    wanted, found = ({footprint.insert for footprint in these} for these in (first, other))
    odd = sorted({insert.name for insert in wanted ^ found})
    if odd:
        raise InputError(
            f"{', '.join(odd[:5])}: not the motifs of {first_name}",
            where=name,
            expected="the same motifs and sequences in all files",
            mend="Run 'bpflow footprints' with the same motifs for each fold",
        )
    lengths = [len(these[0].effects["corrected"].profile) for these in (first, other)]
    if lengths[0] != lengths[1]:
        raise InputError(
            f"profiles of {lengths[1]} bases", where=name, expected=f"{lengths[0]}, as those of {first_name}"
        )
