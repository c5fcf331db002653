"""From tracks to a trained Basenji2, its metrics and its tracks, on a small genome."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pyBigWig
import pytest
import torch

from bpflow.bin_datasets import BinTrainingSet, fixed_epoch
from bpflow.bin_evaluation import Judged, evaluate_bins, metrics_of
from bpflow.bin_file import open_bins, window_values
from bpflow.bin_prediction import predict_bins, predictions_file
from bpflow.bin_recovery import recovered_bins
from bpflow.bin_training import BinBatches, BinObjective, constant_loss, track_means
from bpflow.checkpoints import load_model
from bpflow.cli import main
from bpflow.errors import InputError
from bpflow.genome import Genome
from bpflow.interruption import StoppedError, StopRequest
from bpflow.models import Basenji2, Basenji2Config
from bpflow.stranded_recovery import PlantedPlace, StrandedTruth
from bpflow.tables import read_table
from bpflow.training import Recipe, fit_to
from bpflow.training_state import Checkpoint
from bpflow.world import World
from unit.small_bins import LAYOUT, make_genome, sparse_values, write_table, write_track

CPU = {"device": torch.device("cpu"), "precision": torch.float32}
SIZES = {
    "input_length": 1024,
    "targets": 2,
    "crop_bins": 8,
    "stem_filters": 4,
    "tower_filters": (4, 5, 6),
    "bottleneck": 4,
    "dilated_layers": 2,
    "head_filters": 8,
}
QUICK = [
    "--filters", "4", "--tower-filters", "4", "5", "6", "--bottleneck", "4", "--layers", "2", "--head-filters", "8",
    "--epochs", "2", "--learning-rate", "0.01", "--device", "cpu", "--threads", "1",
]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A genome, two tracks of a pair of strands, their bins and three folds."""
    folder = tmp_path_factory.mktemp("basenji2")
    genome = make_genome(folder)
    for number, name in enumerate(("plus", "minus")):
        write_track(folder / f"{name}.bw", genome, sparse_values(genome, number))
    rows = [
        {"identifier": "track/plus", "file": folder / "plus.bw", "strand_pair": "minus", "description": "made up"},
        {"identifier": "minus", "file": folder / "minus.bw", "strand_pair": "track/plus", "scale": 3},
    ]
    write_table(folder / "targets.tsv", rows)
    words = ["--targets", folder / "targets.tsv", "--output", folder / "bins.h5", "--qc", folder / "bins.json"]
    run("bins", "--genome", folder / "genome.json", *LAYOUT, *words)
    for number in range(3):
        train, valid, test = (f"chr{1 + (number + place) % 3}" for place in range(3))
        fold = {"train": [train], "valid": [valid], "test": [test]}
        (folder / f"fold_{number}.json").write_text(json.dumps(fold))
        run("train", "basenji2", *training(folder, number))
    return folder


def run(*words):
    main([str(word) for word in words])


def training(folder, number, *options):
    return [
        "--genome", folder / "genome.json", "--bins", folder / "bins.h5", "--fold", folder / f"fold_{number}.json",
        "--output", folder / f"model_{number}.safetensors", "--history", folder / f"model_{number}.tsv",
        "--qc", folder / f"model_{number}.json", *QUICK, *options,
    ]  # fmt: skip


def evaluation(folder, output, numbers=(0,), *options):
    return [
        "--genome", folder / "genome.json", "--bins", folder / "bins.h5",
        "--model", *(folder / f"model_{number}.safetensors" for number in numbers),
        "--fold", *(folder / f"fold_{number}.json" for number in numbers),
        "--output", output / "metrics.json", "--table", output / "tracks.tsv", "--device", "cpu", *options,
    ]  # fmt: skip


@pytest.fixture
def bins(made):
    with open_bins(made / "bins.h5", Genome.open(made / "genome.json")) as opened:
        yield opened


def network(seed=1):
    return Basenji2(Basenji2Config(**SIZES), torch.Generator().manual_seed(seed))


def test_a_training_leaves_a_model_that_knows_its_tracks(made):
    model, metadata = load_model(made / "model_0.safetensors")
    assert model.config == Basenji2Config(**SIZES)
    assert metadata["targets"] == {
        "identifiers": ["track/plus", "minus"],
        "descriptions": ["made up", ""],
        "partners": [1, 0],
    }
    record = json.loads((made / "model_0.json").read_text())
    assert record["examples_per_epoch"] == 14
    assert record["recipe"]["optimiser"] == "sgd"
    assert record["recipe"]["clip_norm"] == 2
    assert record["recipe"]["batch_size"] == 4
    assert np.isfinite(record["best_valid_loss"])
    assert len((made / "model_0.tsv").read_text().splitlines()) == 3
    # Statistics of the normalisations were taken along.
    assert model.stem.norm.num_batches_tracked.item() in (4, 8)


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(made, tmp_path):
    again, other = tmp_path / "again.safetensors", tmp_path / "other.safetensors"
    run("train", "basenji2", *training(made, 0, "--output", again))
    run("train", "basenji2", *training(made, 0, "--output", other, "--seed", "7"))
    assert again.read_bytes() == (made / "model_0.safetensors").read_bytes()
    assert other.read_bytes() != again.read_bytes()


class StoppingBatches(BinBatches):
    """Asks for an end after so many batches."""

    def __init__(self, bins, stop, after):
        super().__init__(bins, CPU["device"])
        self.stop, self.left = stop, after

    def iterate(self, *arguments, **options):
        for batch in super().iterate(*arguments, **options):
            self.left -= 1
            if self.left == 0:
                self.stop.signal_number = 15
            yield batch


def fitted(bins, path, after=0, average=0.0):
    recipe = Recipe(
        1.0, epochs=3, batch_size=4, learning_rate=0.05, optimiser="sgd", clip_norm=2, average_epochs=average
    )
    model, stop, rows = network(), StopRequest(), bins.rows_on(["chr2"])
    fit_to(
        BinObjective(2, CPU["device"]),
        model,
        StoppingBatches(bins, stop, after),
        BinTrainingSet(bins.rows_on(["chr1"]), 4),
        fixed_epoch(rows),
        recipe,
        flat=constant_loss(bins, rows),
        checkpoint=Checkpoint(path, {}),
        stop=stop,
        **CPU,
    )
    return model.state_dict()


@pytest.mark.parametrize("average", [0.0, 1.0])
def test_a_training_that_was_stopped_ends_in_the_same_weights(bins, tmp_path, average):
    whole = fitted(bins, tmp_path / "whole", average=average)
    # In the second epoch, and once more in its validation.
    for after in (6, 4):
        with pytest.raises(StoppedError):
            fitted(bins, tmp_path / "stopped", after, average)
    resumed = fitted(bins, tmp_path / "stopped", average=average)
    for name, weights in whole.items():
        assert torch.equal(weights, resumed[name]), name


class Twofold(World):
    """Two processes of which the other has the same numbers."""

    def add_up(self, tensors):
        for tensor in tensors:
            tensor.mul_(2)


def test_the_best_epoch_has_the_highest_score(bins):
    objective = BinObjective(2, CPU["device"])
    rows = bins.rows_on(["chr2"])
    model = network().eval()
    predicted, observed = [], []
    with torch.inference_mode():
        objective.begin()
    for batch in BinBatches(bins, CPU["device"]).iterate(fixed_epoch(rows), 4):
        output = predict_bins(model, batch.codes.numpy())
        with torch.inference_mode():
            objective.observe(output, batch)
        predicted.append(output.numpy())
        observed.append(batch.counts.numpy().transpose(0, 2, 1))
    p, y = (np.concatenate(part).reshape(-1, 2).astype(np.float64) for part in (predicted, observed))
    r = [np.corrcoef(p[:, track], y[:, track])[0, 1] for track in range(2)]
    r_squared = 1 - np.square(y - p).sum(0) / np.square(y - y.mean(0)).sum(0)
    # A second process that saw the same adds as much to every sum, and changes no mean.
    assert objective.chosen_by(0.0, Twofold()) == pytest.approx(-(np.mean(r) + r_squared.mean() / 4), rel=1e-6)


def test_the_constant_loss_is_that_of_each_tracks_mean(bins):
    rows = bins.rows_on(["chr1", "chr2"])
    values = bins.values(rows).astype(np.float64)
    means = values.mean(axis=(0, 2), keepdims=True)
    expected = (means - values * np.log(means + 1e-7)).mean()
    assert constant_loss(bins, rows) == pytest.approx(expected, rel=1e-6)
    np.testing.assert_allclose(track_means(bins, rows), values.mean(axis=0), rtol=1e-9)


def test_metrics_and_tracks_of_the_test_chromosome(made, bins, tmp_path):
    run(
        "evaluate-bins", *evaluation(made, tmp_path, (0,), "--predictions", tmp_path / "p.h5", "--bigwig-dir", tmp_path)
    )
    record = json.loads((tmp_path / "metrics.json").read_text())
    rows = bins.rows_on(["chr3"])
    model = load_model(made / "model_0.safetensors").model
    predicted = predict_bins(model, bins.codes(rows)).numpy().transpose(0, 2, 1)
    observed = bins.values(rows).astype(np.float64)
    r = [np.corrcoef(predicted[:, track].ravel(), observed[:, track].ravel())[0, 1] for track in range(2)]
    assert record["metrics"]["model"]["pearsonr"] == pytest.approx(np.mean(r), rel=1e-4)
    constant = bins.values(bins.rows_on(["chr1"])).astype(np.float64).mean(axis=(0, 2), keepdims=True)[0]
    expected = (constant - observed * np.log(constant + 1e-7)).mean()
    assert record["metrics"]["constant"]["poisson"] == pytest.approx(expected, rel=1e-5)
    assert record["metrics"]["constant"]["pearsonr"] == 0
    assert set(record["metrics"]["better_than"]) == {"constant", "average_profile"}
    assert (record["windows"], record["bins"]) == (9, 9 * 48)
    table = read_table(tmp_path / "tracks.tsv", {"identifier": "str", "model_pearsonr": "float64"}, "the table")
    assert table["identifier"].tolist() == ["track/plus", "minus"]
    np.testing.assert_allclose(table["model_pearsonr"], r, rtol=1e-4)
    with h5py.File(tmp_path / "p.h5") as handle:
        np.testing.assert_allclose(handle["predictions"][:], predicted, rtol=1e-5)
    for track, name in enumerate(("track_plus.bw", "minus.bw")):
        with pyBigWig.open(str(tmp_path / name)) as handle:
            whole = handle.values("chr3", 0, 9 * 768, numpy=True)
            np.testing.assert_allclose(whole, predicted[:, track].ravel().repeat(16), rtol=1e-5)
            assert handle.values("chr3", 9 * 768, 9 * 768 + 1, numpy=True)[0] != 0
            assert not handle.intervals("chr1")


def test_folds_together_predict_each_chromosome_by_the_model_that_never_saw_it(made, bins, tmp_path):
    run("evaluate-bins", *evaluation(made, tmp_path, (0, 1, 2), "--bigwig-dir", tmp_path / "bw"))
    record = json.loads((tmp_path / "metrics.json").read_text())
    assert [fold["chromosomes"] for fold in record["folds"]] == [["chr3"], ["chr1"], ["chr2"]]
    assert record["windows"] == len(bins)
    assert sorted(path.name for path in (tmp_path / "bw").iterdir()) == ["minus.bw", "track_plus.bw"]
    with pyBigWig.open(str(tmp_path / "bw" / "minus.bw")) as handle:
        for number, chrom in ((1, "chr1"), (2, "chr2"), (0, "chr3")):
            row = bins.rows_on([chrom])[:1]
            model = load_model(made / f"model_{number}.safetensors").model
            expected = predict_bins(model, bins.codes(row))[0, :, 1].numpy()
            start = int(bins.starts[row[0]])
            np.testing.assert_allclose(handle.values(chrom, start, start + 768, numpy=True)[::16], expected, rtol=1e-5)
    alone = tmp_path / "alone"
    run("evaluate-bins", *evaluation(made, alone, (1,)))
    assert json.loads((alone / "metrics.json").read_text())["metrics"] == record["folds"][1]["metrics"]


def test_both_strands_and_shifts_are_averaged(bins):
    model, partners = network(3).eval(), np.array([1, 0])
    codes = bins.codes(np.array([2, 3]))
    both = predict_bins(model, codes, partners=partners)
    turned = predict_bins(model, np.where(codes < 4, 3 - codes, codes)[:, ::-1].copy(), partners=partners)
    # The other strand's prediction is the same one, read backwards, with the tracks of a pair swapped.
    torch.testing.assert_close(turned, both.flip(1)[:, :, [1, 0]])
    each = [predict_bins(model, codes, shifts=(shift,)) for shift in (-1, 0, 2)]
    torch.testing.assert_close(predict_bins(model, codes, shifts=(-1, 0, 2)), sum(each) / 3)
    assert not torch.equal(each[0], each[1])


def test_averaging_reaches_the_command(made, tmp_path):
    plain, averaged = tmp_path / "plain", tmp_path / "averaged"
    run("evaluate-bins", *evaluation(made, plain))
    run("evaluate-bins", *evaluation(made, averaged, (0,), "--reverse-complement", "--shifts", "-1", "0", "1"))
    one, other = (json.loads((folder / "metrics.json").read_text()) for folder in (plain, averaged))
    assert one["metrics"]["model"] != other["metrics"]["model"]
    assert one["metrics"]["constant"] == other["metrics"]["constant"]


def test_the_metrics_of_what_predicts_right_are_right(bins):
    rows = bins.rows_on(["chr3"])
    truth = iter(np.split(bins.values(rows).astype(np.float32), len(rows)))
    judged = Judged(lambda codes: torch.from_numpy(next(truth)).transpose(1, 2), bins.rows_on(["chr1"]), rows)
    metrics = metrics_of(evaluate_bins(bins, judged, batch_size=1))
    assert metrics["model"]["pearsonr"] == pytest.approx(1)
    assert metrics["model"]["r2"] == pytest.approx(1)
    assert metrics["better_than"] == {"constant": 1, "average_profile": 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tower-filters", "4", "5"), "2 numbers. Expected 3, for bins of 16 bases"),
        (("--bins", "absent.h5"), "no such file"),
        (("--filters", "5000"), "stem_filters"),
        (("--dropout", "1"), "dropout"),
    ],
)
def test_mistakes_in_training_are_explained(made, tmp_path, options, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        run("train", "basenji2", *training(made, 0, "--output", tmp_path / "m.safetensors", *options))
    assert message in capsys.readouterr().err


def test_a_large_model_is_not_for_a_processor_unless_it_is_asked_for(made, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("bpflow.cli.train.CPU_GIGAFLOPS", 1e-6)
    with pytest.raises(SystemExit, match="2"):
        run("train", "basenji2", *training(made, 0, "--output", tmp_path / "m.safetensors"))
    assert "too slow to train on this CPU" in capsys.readouterr().err


def test_models_and_bins_that_do_not_belong_together_are_refused(made, tmp_path, capsys):
    def refused(*options):
        with pytest.raises(SystemExit, match="2"):
            run("evaluate-bins", *evaluation(made, tmp_path, (0,), *options))
        return capsys.readouterr().err

    assert "1 models and 2 folds" in refused("--fold", made / "fold_0.json", made / "fold_1.json")
    write_table(made / "one.tsv", [{"identifier": "plus", "file": made / "plus.bw"}])
    words = ["--targets", made / "one.tsv", "--output", made / "one.h5", "--qc", made / "one.json"]
    run("bins", "--genome", made / "genome.json", *LAYOUT, *words)
    assert "and 2 tracks" in refused("--bins", made / "one.h5")
    rows = [{"identifier": name, "file": made / f"{name}.bw"} for name in ("minus", "plus")]
    write_table(made / "two.tsv", rows)
    words = ["--targets", made / "two.tsv", "--output", made / "two.h5", "--qc", made / "two.json"]
    run("bins", "--genome", made / "genome.json", *LAYOUT, *words)
    assert "other tracks than minus" in refused("--bins", made / "two.h5")


def test_what_was_recovered_of_a_simulation(made, bins, tmp_path):
    places, expected = [], {}
    random = np.random.default_rng(5)
    for kind in bins.identifiers:
        track = {name: np.full(size, 0.1, np.float32) for name, size in bins.genome.sizes.items()}
        for position in random.choice(np.arange(200, 6500), 12, replace=False).tolist():
            track["chr3"][position - 20 : position + 20] += 1
            places.append({"chrom": "chr3", "position": position, "minus": False, "kind": kind, "expected": 40.0})
        expected[kind] = write_track(tmp_path / f"{kind.replace('/', '_')}.bw", bins.genome, track)
    truth = StrandedTruth("basenji2", tuple(PlantedPlace(**place) for place in places))
    rows = bins.rows_on(["chr3"])
    starts = bins.genome.global_positions(bins.chroms[rows], bins.starts[rows])
    true = np.stack(
        [
            [row.reshape(-1, 16).sum(axis=1) for row in window_values(expected[kind], bins.genome, starts, 768)]
            for kind in bins.identifiers
        ],
        axis=1,
    )
    with predictions_file(tmp_path / "p.h5", bins, rows) as stored:
        # The second track's prediction knows nothing of the truth.
        stored[:] = np.stack([true[:, 0], random.permutation(true[:, 1].ravel()).reshape(true[:, 1].shape)], axis=1)
    found = recovered_bins(tmp_path / "p.h5", truth, expected, bins.genome)
    right, wrong = (found["tracks"][kind] for kind in bins.identifiers)
    assert (right["places"], right["bins_pearsonr"], right["found"]) == (12, pytest.approx(1), 1)
    assert wrong["bins_pearsonr"] < 0.3
    assert wrong["found"] < 0.7
    grades = [item["verdict"] for item in found["verdicts"]]
    assert grades[:2] == ["good", "good"]
    assert grades[2] == "fail"
    with pytest.raises(InputError, match="no truth of the track"):
        recovered_bins(tmp_path / "p.h5", truth, {}, bins.genome)
