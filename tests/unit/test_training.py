from __future__ import annotations

import dataclasses
import errno
import logging

import numpy as np
import pytest
import torch

from bpflow.datasets import TrainingSet, Windows, validation_set
from bpflow.divergence import TrainingError
from bpflow.interruption import StoppedError, StopRequest
from bpflow.losses import losses
from bpflow.mappability import Mappability
from bpflow.mixed_training_set import MixedTrainingSet
from bpflow.models import BPNet, BPNetConfig, ChromBPNet, ProCapNet, ProCapNetConfig
from bpflow.models.encoding import one_hot
from bpflow.prediction import predict_codes, probabilities
from bpflow.signal_groups import SignalGroups
from bpflow.stepping import Stepper
from bpflow.training import Recipe, centre_counts, fit, seconds_per_example
from bpflow.training_state import HISTORY_COLUMNS, Checkpoint
from unit import simulated

SIZES = {"input_length": 200, "output_length": 80, "filters": 8, "layers": 2}
MOTIF = np.array([2, 0, 3, 0, 0, 2], dtype=np.uint8)
CPU = {"device": torch.device("cpu"), "precision": torch.float32}
NONE = np.zeros(0, dtype=np.int64)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Models this small are slower on several threads, far slower on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def planted():
    """Cuts fall on a motif's third base: what there is to learn. Centres are 100 bases apart, motifs off centre."""
    random = np.random.default_rng(11)
    genome = random.integers(0, 4, 30_000).astype(np.uint8)
    signal = np.zeros(len(genome), dtype=np.int32)
    centers = np.arange(400, 29_600, 100)
    for center, offset in zip(centers, random.integers(-20, 20, len(centers)), strict=True):
        genome[center + offset : center + offset + 6] = MOTIF
        signal[center + offset + 2] = random.poisson(30)
    return Windows(genome, simulated.signal_track(signal), 200, 80), centers


def model(seed=3):
    return BPNet(BPNetConfig(**SIZES), torch.Generator().manual_seed(seed))


def trained(planted, *, recipe=None, network=None, **options):
    windows, centers = planted
    network = network or model()
    training = TrainingSet(NONE, centers[:200], seed=1)
    validation = validation_set(NONE, centers[200:], negative_ratio=1, seed=1)
    recipe = recipe or Recipe(counts_loss_weight=2.0, epochs=3, batch_size=32)
    return network, fit(network, windows, training, validation, recipe, **CPU, **options)


def test_training_learns_where_the_motif_is_cut(planted):
    windows, centers = planted
    recipe = Recipe(counts_loss_weight=2.0, epochs=15, batch_size=16, learning_rate=0.004, patience=15)
    network, fitted = trained(planted, recipe=recipe)
    losses_of_epochs = [row.valid_profile_loss for row in fitted.history]
    assert min(losses_of_epochs) < 0.5 * losses_of_epochs[0]
    batch = windows.gather(centers[200:], np.zeros(len(centers) - 200, dtype=bool))
    found = probabilities(predict_codes(network, batch.codes).profile_logits)
    on_cut = found[np.arange(len(found)), batch.counts.argmax(axis=1)]
    # A flat profile would give 1 / 80.
    assert np.median(on_cut) > 0.5


def test_overfits_four_examples(planted):
    windows, centers = planted
    network = model()
    training = TrainingSet(NONE, centers[:4], seed=1)
    validation = validation_set(NONE, centers[:4], negative_ratio=1, seed=1)
    recipe = Recipe(counts_loss_weight=10.0, epochs=100, patience=100, batch_size=4, learning_rate=0.01)
    fitted = fit(network, windows, training, validation, recipe, **CPU)
    observed = windows.gather(centers[:4], np.zeros(4, dtype=bool))
    perfect = -np.log(observed.counts.max(axis=1) / observed.counts.sum(axis=1)).mean()
    assert fitted.history[0].valid_profile_loss > 50
    assert fitted.best_valid_loss < perfect + 3


def test_the_same_seed_gives_the_same_weights_and_another_one_others(planted):
    first, again, other = (trained(planted, network=model(seed))[0].state_dict() for seed in (3, 3, 4))
    for name, weights in first.items():
        assert torch.equal(weights, again[name]), name
    assert not torch.equal(first["profile.weight"], other["profile.weight"])


def test_the_best_epoch_is_kept_although_training_went_on(planted):
    windows, centers = planted
    snapshots = []
    network = model()
    recipe = Recipe(counts_loss_weight=2.0, epochs=30, patience=3, batch_size=8, learning_rate=0.05, average_epochs=0)
    training = TrainingSet(NONE, centers[:24], seed=1)
    validation = validation_set(NONE, centers[200:], negative_ratio=1, seed=1)

    def keep(row):
        snapshots.append({name: weights.clone() for name, weights in network.state_dict().items()})

    fitted = fit(network, windows, training, validation, recipe, **CPU, on_epoch=keep)
    assert fitted.stopped == "patience"
    assert len(fitted.history) == fitted.best_epoch + 3
    valid = [row.valid_loss for row in fitted.history]
    assert fitted.best_valid_loss == min(valid) == valid[fitted.best_epoch - 1]
    for name, weights in network.state_dict().items():
        assert torch.equal(weights, snapshots[fitted.best_epoch - 1][name]), name
    assert not network.training


def test_the_average_of_the_weights_is_validated_and_kept(planted):
    windows, centers = planted
    recipe = Recipe(counts_loss_weight=2.0, epochs=4, batch_size=16, learning_rate=0.02)
    raw = []
    averaged, fitted = trained(
        planted,
        recipe=recipe,
        network=(network := model()),
        on_epoch=lambda _: raw.append(network.profile.weight.clone()),
    )
    assert not torch.equal(averaged.profile.weight, raw[fitted.best_epoch - 1])
    batch = windows.gather(centers[200:], np.zeros(len(centers) - 200, dtype=bool))
    with torch.no_grad():
        output = averaged(one_hot(torch.from_numpy(batch.codes)))
        loss = losses(output, torch.from_numpy(batch.counts), 2.0).total.item()
    assert loss == pytest.approx(fitted.best_valid_loss, rel=1e-5)


def test_first_predictions_are_centred_on_the_observed_counts(planted):
    windows, centers = planted
    network = model()
    weights = {name: value.clone() for name, value in network.state_dict().items() if name != "counts.bias"}
    centre_counts(network, windows, TrainingSet(NONE, centers, seed=1))
    batch = windows.gather(centers, np.zeros(len(centers), dtype=bool))
    observed = np.log1p(batch.counts.sum(axis=1)).mean()
    # The other strand of half of the examples was seen.
    assert predict_codes(network, batch.codes).log_counts.mean() == pytest.approx(observed, abs=0.05)
    assert all(torch.equal(network.state_dict()[name], value) for name, value in weights.items())


def test_all_epochs_are_run_while_the_loss_falls(planted):
    _, fitted = trained(planted)
    assert fitted.stopped == "epochs"
    assert [row.epoch for row in fitted.history] == [1, 2, 3]
    assert fitted.examples_per_epoch == 200
    assert fitted.examples_per_second > 0
    assert HISTORY_COLUMNS[0] == "epoch"
    assert HISTORY_COLUMNS[-1] == "seconds"


def test_reported_losses_are_means_over_examples(planted):
    windows, centers = planted
    network, fitted = trained(planted, recipe=Recipe(counts_loss_weight=2.0, epochs=1, batch_size=32))
    batch = windows.gather(centers[200:], np.zeros(len(centers) - 200, dtype=bool))
    with torch.no_grad():
        expected = losses(network(one_hot(torch.from_numpy(batch.codes))), torch.from_numpy(batch.counts), 2.0)
    row = fitted.history[0]
    assert row.valid_loss == pytest.approx(expected.total.item(), rel=1e-5)
    assert row.valid_profile_loss == pytest.approx(expected.profile.item(), rel=1e-5)
    assert row.valid_counts_loss == pytest.approx(expected.counts.item(), rel=1e-5)
    assert row.train_loss == pytest.approx(row.train_profile_loss + 2 * row.train_counts_loss, rel=1e-6)


def test_a_batch_in_pieces_gives_the_whole_batch_gradient(planted, monkeypatch):
    recipe = Recipe(counts_loss_weight=2.0, epochs=1, batch_size=50)
    results = []
    for piece in (7, 50):
        monkeypatch.setattr("bpflow.stepping.cpu_piece", lambda parameters, piece=piece: piece)
        results.append(trained(planted, recipe=recipe))
    (_, pieces), (_, whole) = results
    assert pieces.history[0].train_loss == pytest.approx(whole.history[0].train_loss, rel=1e-4)
    assert pieces.best_valid_loss == pytest.approx(whole.best_valid_loss, rel=1e-3)


def test_the_frozen_bias_does_not_change_and_the_rest_does(planted):
    bias = BPNet(BPNetConfig(**{**SIZES, "filters": 4}), torch.Generator().manual_seed(9))
    network = ChromBPNet(model(), bias)
    before = {name: weights.clone() for name, weights in network.state_dict().items()}
    trained(planted, network=network)
    for name, weights in network.state_dict().items():
        assert torch.equal(weights, before[name]) == name.startswith("bias."), name


def test_a_loss_that_is_no_number_stops_training_with_advice(planted):
    network = model()
    with torch.no_grad():
        network.counts.bias.fill_(float("inf"))
    with pytest.raises(
        TrainingError, match=r"training, epoch 1, batch 1: the counts loss is no finite .*learning-rate"
    ):
        trained(planted, network=network)


def test_bfloat16_trains_close_to_float32(planted):
    windows, centers = planted
    training = TrainingSet(NONE, centers[:200], seed=1)
    validation = validation_set(NONE, centers[200:], negative_ratio=1, seed=1)
    recipe = Recipe(counts_loss_weight=2.0, epochs=2, batch_size=32)
    results = [
        fit(model(), windows, training, validation, recipe, device=torch.device("cpu"), precision=precision)
        for precision in (torch.float32, torch.bfloat16)
    ]
    assert results[1].best_valid_loss == pytest.approx(results[0].best_valid_loss, rel=0.05)
    assert results[1].best_valid_loss != results[0].best_valid_loss


def test_a_signal_during_validation_is_heeded_and_nothing_is_lost(planted, tmp_path, monkeypatch):
    whole, _ = trained(planted)
    stop, real = StopRequest(), Stepper.losses

    def signalled(stepper, network, batch):
        stop.signal_number = 15
        return real(stepper, network, batch)

    monkeypatch.setattr(Stepper, "losses", signalled)
    path = tmp_path / "x.checkpoint"
    with pytest.raises(StoppedError, match=r"after batch 7 of epoch 1 is in .*x.checkpoint"):
        trained(planted, checkpoint=Checkpoint(path, {}), stop=stop)
    monkeypatch.undo()
    resumed, fitted = trained(planted, checkpoint=Checkpoint(path, {}))
    assert len(fitted.history) == 3
    for name, weights in resumed.state_dict().items():
        assert torch.equal(weights, whole.state_dict()[name]), name


def test_a_state_that_cannot_be_saved_does_not_end_the_training(planted, tmp_path, monkeypatch, caplog):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Checkpoint, "save", full)
    with caplog.at_level(logging.WARNING, "bpflow"):
        _, fitted = trained(planted, checkpoint=Checkpoint(tmp_path / "x.checkpoint", {}))
    assert len(fitted.history) == 3
    assert "could not be saved" in caplog.text
    stop = StopRequest()
    stop.signal_number = 15
    with pytest.raises(StoppedError, match="could not be saved"):
        trained(planted, checkpoint=Checkpoint(tmp_path / "x.checkpoint", {}), stop=stop)


def test_timing_a_step_leaves_the_model_alone():
    network = model()
    before = network.profile.weight.clone()
    assert seconds_per_example(network, batch_size=2, **CPU) > 0
    assert torch.equal(network.profile.weight, before)
    assert network.profile.weight.grad is None


def of_strands(kind):
    """A model of two strands, and what it is trained on: a ProCapNet with a mask, or a BPNet with a control."""
    random = np.random.default_rng(12)
    genome = random.integers(0, 4, 20_000).astype(np.uint8)
    tracks = tuple(simulated.signal_track(random.poisson(0.2, 20_000)) for _ in range(4))
    centers = np.arange(400, 19_600, 100)
    training, generator = TrainingSet(centers[:100], NONE, jitter=10, seed=1), torch.Generator().manual_seed(3)
    if kind == "procapnet":
        model = ProCapNet(ProCapNetConfig(**SIZES), generator)
        mappability = Mappability(random.random(20_000) < 0.8)
        windows = Windows(genome, SignalGroups(tracks[:2], 1, (1, 0)), 200, 80, mappability=mappability)
        training = MixedTrainingSet(centers[:100], centers[100:120], 14, 2, jitter=10, seed=1)
    else:
        config = BPNetConfig(**SIZES, tasks=("a", "b"), strands=2, shared_strands=False, same=True, control=True)
        model = BPNet(config, generator)
        windows = Windows(
            genome, SignalGroups(tracks, 4, (1, 0, 3, 2)), 200, 80, control=SignalGroups(tracks[:2], 2, (1, 0))
        )
    return model, windows, training, validation_set(centers[150:], NONE, negative_ratio=0, seed=1)


@pytest.mark.parametrize(
    ("kind", "optimiser", "clip"), [("procapnet", "adam", 0.0), ("bpnet", "keras_adam", 0.0), ("bpnet", "sgd", 2.0)]
)
@pytest.mark.parametrize("updates", [3, 10])
def test_models_of_strands_go_on_to_the_same_weights(kind, optimiser, clip, updates, tmp_path, monkeypatch):
    recipe = Recipe(
        counts_loss_weight=5.0, epochs=2, batch_size=16, learning_rate=1e-3, average_epochs=0.0, optimiser=optimiser,
        clip_norm=clip,
    )  # fmt: skip
    whole, *data = of_strands(kind)
    expected = fit(whole, *data, recipe, **CPU)
    assert all(np.isfinite(row.valid_loss) for row in expected.history)
    stop, real, done = StopRequest(), Stepper.update, []

    def signalled(*arguments):
        done.append(0)
        stop.signal_number = 15 * (len(done) == updates)
        return real(*arguments)

    monkeypatch.setattr(Stepper, "update", signalled)
    path = tmp_path / "x.checkpoint"
    with pytest.raises(StoppedError, match="the same command goes on from there"):
        fit(of_strands(kind)[0], *data, recipe, **CPU, checkpoint=Checkpoint(path, {}), stop=stop)
    monkeypatch.undo()
    resumed = of_strands(kind)[0]
    fitted = fit(resumed, *data, recipe, **CPU, checkpoint=Checkpoint(path, {}))
    assert [row[:-1] for row in fitted.history] == [row[:-1] for row in expected.history]
    for name, weights in resumed.state_dict().items():
        assert torch.equal(weights, whole.state_dict()[name]), name


def test_masked_bases_are_not_trained_on_but_validated():
    model, windows, training, validation = of_strands("procapnet")
    nowhere = dataclasses.replace(windows, mappability=Mappability(np.zeros(20_000, dtype=bool)))
    recipe = Recipe(counts_loss_weight=1.0, epochs=1, batch_size=training.batch_size, average_epochs=0.0)
    before = model.profile.weight.clone()
    row = fit(model, nowhere, training, validation, recipe, **CPU).history[0]
    assert row.train_profile_loss == 0
    assert row.valid_profile_loss > 1
    assert torch.equal(model.profile.weight, before)


@pytest.mark.parametrize("kind", ["procapnet", "bpnet"])
def test_first_counts_of_every_strand_are_centred_with_the_control(kind):
    model, windows, training, _ = of_strands(kind)
    centre_counts(model, windows, training)
    epoch = training.epoch(1)
    batch = windows.gather(epoch.centers, epoch.reverse)
    control = None if batch.control is None else torch.from_numpy(batch.control)
    with torch.no_grad():
        predicted = model(one_hot(torch.from_numpy(batch.codes)), control).log_counts
    observed = np.log1p(batch.counts.sum(axis=-1))
    np.testing.assert_allclose(predicted.numpy().mean(0), observed.mean(0), atol=1e-4)
