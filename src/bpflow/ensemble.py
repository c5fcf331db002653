"""Several models as one, those of the folds: the mean of probabilities and the mean of log counts."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from bpflow.checkpoints import load_model, model_digest
from bpflow.errors import InputError
from bpflow.genome import reverse_complement_codes
from bpflow.models import ChromBPNet, chosen_task
from bpflow.models.base import ProfileModel
from bpflow.prediction import Prediction, predict_codes

__all__ = ["Combined", "Ensemble", "combine", "corrected", "load_ensemble", "of_both_strands"]


class Combined(NamedTuple):
    """What several models predict together.

    Attributes
    ----------
    prediction
        Mean log counts (N,), and as profile logits (N, O) the logarithm of the mean probabilities; of one model alone,
        what it predicts itself.
    deviation
        (N,) standard deviation of the log counts over models, that of a sample (one less than the number of models in
        the denominator); NaN for one model.
    """

    prediction: Prediction
    deviation: np.ndarray


class Ensemble(NamedTuple):
    """Models of the same kind and windows.

    Attributes
    ----------
    models
        One or more, each of one task.
    attributes
        What a file that is made with them says of them: names, digests, kind, task, lengths, versions.
    both_strands
        Whether each model predicts the mean of a sequence and its reverse complement.
    """

    models: tuple[ProfileModel, ...]
    attributes: dict[str, Any]
    both_strands: bool = False

    @property
    def input_length(self) -> int:
        """Bases that each model reads."""
        return int(self.models[0].config.input_length)

    @property
    def output_length(self) -> int:
        """Bases that each model predicts."""
        return int(self.models[0].config.output_length)

    @property
    def strands(self) -> int:
        """Strands that each model predicts, 1 or 2."""
        return int(self.models[0].config.outputs.strands)

    def predict(self, codes: np.ndarray, *, batch_size: int, device: torch.device, precision: torch.dtype) -> Combined:
        """Predict from (N, input_length) uint8 codes with every model."""
        options: dict[str, Any] = {"batch_size": batch_size, "device": device, "precision": precision}
        return combine([self._predicted(model, codes, options) for model in self.models])

    def _predicted(self, model: ProfileModel, codes: np.ndarray, options: dict[str, Any]) -> Prediction:
        forward = predict_codes(model, codes, **options)
        if not self.both_strands:
            return forward
        logits, log_counts = predict_codes(model, reverse_complement_codes(codes), **options)
        # Turned round, a row of plus and then minus has the strands, too, in each other's place.
        return combine([forward, Prediction(logits[:, ::-1], log_counts)]).prediction


def load_ensemble(paths: Sequence[str | os.PathLike[str]], task: str | None = None) -> Ensemble:
    """Load models, one a fold.

    Parameters
    ----------
    paths
        The files.
    task
        Which task of models that have several.

    Raises
    ------
    InputError
        Models of different kinds or windows, or a file that is no model; the file is named.
    """
    loaded = [load_model(path) for path in paths]
    kinds = [metadata["architecture"]["kind"] for _, metadata in loaded]
    for (model, _), kind, path in zip(loaded, kinds, paths, strict=True):
        for what, found, expected in (
            ("kind", kind, kinds[0]),
            ("input length", model.config.input_length, loaded[0].model.config.input_length),
            ("output length", model.config.output_length, loaded[0].model.config.output_length),
            ("strands", model.config.outputs.strands, loaded[0].model.config.outputs.strands),
            ("tasks", ", ".join(model.config.outputs.names), ", ".join(loaded[0].model.config.outputs.names)),
        ):
            if found != expected:
                raise InputError(f"a model of {what} {found}", where=str(path), expected=f"{expected}, as {paths[0]}")
    models = tuple(chosen_task(model, task) for model, _ in loaded)
    first = models[0].config
    attributes = {
        "model": ",".join(Path(path).name for path in paths),
        "model_sha256": ",".join(model_digest(path) for path in paths),
        "models": len(paths),
        "model_kind": kinds[0],
        "input_length": first.input_length,
        "output_length": first.output_length,
        **({"strands": first.outputs.strands} if first.outputs.strands > 1 else {}),
        **({"task": first.outputs.names[0]} if first.outputs.names[0] else {}),
        "bpflow": ",".join(sorted({metadata["version"] for _, metadata in loaded})),
    }
    return Ensemble(models, attributes)


def of_both_strands(ensemble: Ensemble) -> Ensemble:
    """The models, each predicting the mean of a sequence and its reverse complement: of probabilities and log counts.

    So the authors of ProCapNet predict.
    """
    return Ensemble(ensemble.models, {**ensemble.attributes, "reverse_complement": True}, both_strands=True)


def corrected(ensemble: Ensemble) -> Ensemble:
    """The part without bias of each ChromBPNet; other models as they are."""
    models = (model.accessibility if isinstance(model, ChromBPNet) else model for model in ensemble.models)
    return Ensemble(tuple(models), {**ensemble.attributes, "view": "corrected"})


def combine(predictions: Sequence[Prediction]) -> Combined:
    """Combine the predictions of one or more models."""
    log_counts = np.array([prediction.log_counts for prediction in predictions])
    if len(predictions) == 1:
        return Combined(predictions[0], np.full(log_counts.shape[1], np.nan, dtype=np.float32))
    # Logarithms throughout, so that no probability is rounded to 0.
    log_probabilities = np.array([_log_softmax(prediction.profile_logits) for prediction in predictions])
    mean = np.logaddexp.reduce(log_probabilities, axis=0) - np.log(len(predictions))
    prediction = Prediction(mean.astype(np.float32), log_counts.mean(axis=0))
    return Combined(prediction, log_counts.std(axis=0, ddof=1))


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
