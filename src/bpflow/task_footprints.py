"""Marginal footprints of a model of strands: what a motif alone does to a task's counts and to each strand's profile.

Measured as those of a ChromBPNet (:mod:`bpflow.footprints`), in dinucleotide shuffles of peaks in place of non-peaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from bpflow.files import stamp
from bpflow.footprint_record import central, log2_fold
from bpflow.footprints import Footprint
from bpflow.models import ProfileModel
from bpflow.models.outputs import STRANDS
from bpflow.prediction import expected_counts, predict_codes, probabilities
from bpflow.views import Predict, Tracks

__all__ = ["VIEW", "task_predictor", "task_record"]

VIEW = "predicted"


def task_predictor(model: ProfileModel, *, batch_size: int, device: torch.device, precision: torch.dtype) -> Predict:
    """A function from codes to the tracks of one task, as :func:`bpflow.views.predictor` gives those of a ChromBPNet.

    Parameters
    ----------
    model
        A model of one task with one group, see :func:`bpflow.models.chosen_task`.
    batch_size, device, precision
        How to compute.
    """

    def predict(codes: np.ndarray) -> dict[str, Tracks]:
        found = predict_codes(model, codes, batch_size=batch_size, device=device, precision=precision)
        return {VIEW: Tracks(probabilities(found.profile_logits), expected_counts(found.log_counts))}

    return predict


def task_record(footprints: Sequence[Footprint], *, task: str, strands: int, backgrounds: int) -> dict[str, Any]:
    """Numbers and central profiles of each motif.

    Parameters
    ----------
    footprints
        Result of :func:`bpflow.footprints.measure` for the view ``predicted``: the control first.
    task
        The task's name.
    strands
        1 or 2.
    backgrounds
        Number of background sequences.

    Returns
    -------
    dict
        ``motifs``, of each ``name``, ``sequence``, ``log2_fold_counts`` against the backgrounds alone, and for each
        strand under ``strands`` the ``largest`` value, its ``place`` from the middle of the window in bases, and the
        central ``profile``, as shares of what is expected of both strands.
    """
    control, *others = footprints
    return stamp(
        "task_footprints",
        task=task,
        backgrounds=backgrounds,
        motifs=[
            {
                "name": footprint.insert.name,
                "sequence": footprint.insert.sequence,
                "log2_fold_counts": log2_fold(footprint.effects[VIEW], control.effects[VIEW]),
                "strands": _strands(footprint, strands),
            }
            for footprint in others
        ],
        messages=[],
    )


def _strands(footprint: Footprint, strands: int) -> dict[str, dict[str, Any]]:
    names = STRANDS if strands == 2 else ("both",)
    halves = footprint.effects[VIEW].profile.reshape(strands, -1)
    return {
        name: {
            "largest": float(half.max()),
            "place": int(half.argmax()) - len(half) // 2,
            "profile": central(half).astype(np.float32).astype(float).tolist(),
        }
        for name, half in zip(names, halves, strict=True)
    }
