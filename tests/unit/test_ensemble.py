"""Several models as one: means of probabilities and of log counts, and models that do not belong together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bpflow.checkpoints import save_model
from bpflow.ensemble import combine, corrected, load_ensemble
from bpflow.errors import InputError
from bpflow.models import BPNet, BPNetConfig, chosen_task
from bpflow.prediction import Prediction, predict_codes, probabilities
from unit.simulated_footprints import INPUT, backgrounds, tiny_model

CPU = {"batch_size": 4, "device": torch.device("cpu"), "precision": torch.float32}
logits = arrays(np.float32, (3, 2, 5), elements=st.floats(-50, 50, width=32))


@given(logits, arrays(np.float32, (3, 2), elements=st.floats(0, 12, width=32)))
def test_means_are_of_probabilities_and_of_log_counts(profile_logits, log_counts):
    found = combine([Prediction(*parts) for parts in zip(profile_logits, log_counts, strict=True)])
    mean = np.mean([probabilities(part.astype(np.float64)) for part in profile_logits], axis=0)
    np.testing.assert_allclose(probabilities(found.prediction.profile_logits), mean, atol=2e-6)
    np.testing.assert_allclose(found.prediction.profile_logits, np.log(mean), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.prediction.log_counts, log_counts.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(found.deviation, np.std(log_counts.astype(float), axis=0, ddof=1), atol=1e-4)


def test_one_model_is_left_as_it_is():
    prediction = Prediction(np.float32([[1, 2, 3]]), np.float32([4]))
    found = combine([prediction])
    assert found.prediction is prediction
    assert np.isnan(found.deviation).all()


def test_no_probability_is_rounded_to_nothing():
    far = Prediction(np.float32([[0, -900]]), np.float32([1]))
    found = combine([far, far])
    np.testing.assert_allclose(found.prediction.profile_logits, [[0, -900]])


def test_models_of_files_predict_together(tmp_path):
    models = [tiny_model(seed) for seed in (0, 1)]
    paths = [tmp_path / f"{seed}.safetensors" for seed in (0, 1)]
    for model, path in zip(models, paths, strict=True):
        save_model(model, path, metadata={})
    ensemble = load_ensemble(paths)
    assert (ensemble.input_length, ensemble.output_length) == (INPUT, 20)
    assert ensemble.attributes["model"] == "0.safetensors,1.safetensors"
    assert ensemble.attributes["models"] == 2
    assert [len(digest) for digest in ensemble.attributes["model_sha256"].split(",")] == [64, 64]
    codes = backgrounds(5)
    found = ensemble.predict(codes, **CPU).prediction
    expected = combine([predict_codes(model, codes) for model in models]).prediction
    np.testing.assert_allclose(found.profile_logits, expected.profile_logits, atol=1e-5)
    without_bias = corrected(ensemble)
    assert without_bias.attributes["view"] == "corrected"
    found = without_bias.predict(codes, **CPU).prediction
    expected = combine([predict_codes(model.accessibility, codes) for model in models]).prediction
    np.testing.assert_allclose(found.log_counts, expected.log_counts, atol=1e-5)


def test_models_that_do_not_belong_together_are_named(tmp_path):
    save_model(tiny_model(), tmp_path / "a.safetensors", metadata={})
    save_model(tiny_model().bias, tmp_path / "bias.safetensors", metadata={})
    sizes = {"input_length": INPUT + 2, "output_length": 20, "layers": 1, "first_kernel": 5, "profile_kernel": 5}
    longer = BPNet(BPNetConfig(filters=3, **sizes), torch.Generator().manual_seed(0))
    save_model(longer, tmp_path / "longer.safetensors", metadata={})
    with pytest.raises(InputError, match=r"bias.safetensors: a model of kind bpnet\. Expected chrombpnet, as "):
        load_ensemble([tmp_path / "a.safetensors", tmp_path / "bias.safetensors"])
    with pytest.raises(InputError, match=r"longer.safetensors: a model of input length 66\. Expected 64"):
        load_ensemble([tmp_path / "bias.safetensors", tmp_path / "longer.safetensors"])
    sizes = {"input_length": INPUT, "output_length": 20, "layers": 1, "first_kernel": 5, "profile_kernel": 5}
    for strands in (1, 2):
        config = BPNetConfig(filters=3, tasks=("a", "b"), strands=strands, **sizes)
        save_model(BPNet(config), tmp_path / f"strands_{strands}.safetensors", metadata={})
    with pytest.raises(InputError, match=r"strands_2.safetensors: a model of strands 2\. Expected 1"):
        load_ensemble([tmp_path / f"strands_{strands}.safetensors" for strands in (1, 2)], "a")
    with pytest.raises(InputError, match="no task"):
        load_ensemble([tmp_path / "strands_1.safetensors"])


@pytest.mark.parametrize("shared", [True, False])
def test_one_task_of_models_of_strands(tmp_path, shared):
    sizes = {"input_length": INPUT, "output_length": 20, "layers": 1, "first_kernel": 5, "profile_kernel": 5}
    config = BPNetConfig(filters=3, tasks=("a", "b"), strands=2, shared_strands=shared, **sizes)
    models = [BPNet(config, torch.Generator().manual_seed(seed)) for seed in (0, 1)]
    for number, model in enumerate(models):
        save_model(model, tmp_path / f"{number}.safetensors", metadata={})
    ensemble = load_ensemble([tmp_path / f"{number}.safetensors" for number in (0, 1)], "b")
    assert (ensemble.strands, ensemble.output_length) == (2, 20)
    assert (ensemble.attributes["task"], ensemble.attributes["strands"]) == ("b", 2)
    codes = backgrounds(5)
    expected = combine([predict_codes(chosen_task(model, "b"), codes) for model in models]).prediction
    found = ensemble.predict(codes, **CPU).prediction
    assert found.profile_logits.shape == (5, 40)
    np.testing.assert_allclose(found.profile_logits, expected.profile_logits, atol=1e-5)
