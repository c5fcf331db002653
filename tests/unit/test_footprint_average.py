"""Footprints averaged over folds: means, deviations, the verdict on the mean, and files that do not belong together."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest

from bpflow.cli import main
from bpflow.errors import InputError
from bpflow.footprint_average import average, average_report
from bpflow.footprint_file import DEVIATION, read_profiles, write_profiles
from bpflow.footprint_record import report
from bpflow.footprints import Effect, Footprint, measure
from bpflow.inserts import Insert, bias_probes
from unit.simulated_footprints import backgrounds, enzyme_only

LENGTH = 1_000
FOLDS = ["fold_0.h5", "fold_1.h5", "fold_2.h5"]


def measured(multiple: float, seed: int = 0, length: int = LENGTH) -> list[Footprint]:
    """A model whose corrected view spikes by this many flat profiles."""
    probes = bias_probes("ATAC")
    predict = enzyme_only(length, [probe.sequence for probe in probes], corrected_spike=multiple / length)
    return measure(backgrounds(4, seed), [*probes, Insert("AP1", "TGACTCA", "motif")], predict)


def test_means_and_deviations_are_those_of_the_profiles():
    models = [measured(multiple) for multiple in (2, 4, 9)]
    mean, deviation = average(models, names=FOLDS)
    profiles = np.array([model[1].effects["corrected"].profile for model in models])
    np.testing.assert_allclose(mean[1].effects["corrected"].profile, profiles.sum(axis=0) / 3)
    spread = np.sqrt(((profiles - profiles.mean(axis=0)) ** 2).sum(axis=0) / 2)
    np.testing.assert_allclose(deviation[1].effects["corrected"].profile, spread)
    assert mean[1].insert == models[0][1].insert
    assert mean[1].effects["corrected"].counts == 80
    assert deviation[1].effects["corrected"].counts == 0
    assert mean[0].effects["with_bias"].profile.sum() == pytest.approx(1)


def test_counts_are_averaged():
    def model(counts: float) -> list[Footprint]:
        views = dict.fromkeys(("corrected", "with_bias"), Effect(np.full(4, 0.25), counts))
        return [Footprint(Insert("control", "", "motif"), views)]

    mean, deviation = average([model(10), model(30)], names=FOLDS[:2])
    assert mean[0].effects["corrected"].counts == 20
    assert deviation[0].effects["with_bias"].counts == pytest.approx(np.sqrt(200))


def test_the_mean_is_judged_as_a_single_model_is():
    good, bad = measured(2), measured(20)
    assert report(bad, backgrounds=4)["verdicts"][0]["verdict"] == "fail"
    models = [good, good, bad]
    mean, _ = average(models, names=FOLDS)
    record = average_report(models, mean, backgrounds=[4, 4, 3])
    assert record["stage"] == "footprints"
    assert record["models"] == 3
    assert record["backgrounds"] == 11
    largest = mean[1].effects["corrected"].profile.max()
    assert record["verdicts"][0]["value"] == pytest.approx(largest, rel=1e-5)
    assert record["verdicts"][0]["verdict"] == "check"
    assert record["verdicts"][0]["name"] != report(bad, backgrounds=4)["verdicts"][0]["name"]
    response = record["bias_response"]
    assert response["verdict"] == "uncorrected"
    single = [report(model, backgrounds=4)["bias_response"]["corrected"] for model in models]
    assert response["standard_deviation"] == pytest.approx(np.std(single, ddof=1))
    entry = record["motifs"][0]["corrected"]
    assert entry["standard_deviation"]["max"] == pytest.approx(np.std(single, ddof=1))
    assert entry["standard_deviation"]["log2_fold_counts"] == 0


def test_models_that_do_not_belong_together_are_named():
    first = measured(2)
    with pytest.raises(InputError, match=r"1 file\. Expected two or more"):
        average([first], names=FOLDS[:1])
    with pytest.raises(InputError, match=r"fold_1.h5: AP1: not the motifs of fold_0.h5"):
        average([first, first[:-1]], names=FOLDS[:2])
    with pytest.raises(InputError, match=r"fold_1.h5: profiles of 800 bases.*1000"):
        average([first, measured(2, length=800)], names=FOLDS[:2])


def test_command_line(tmp_path, capsys):
    models = [measured(multiple, seed) for seed, multiple in enumerate((2, 3))]
    files = [str(tmp_path / name) for name in FOLDS[:2]]
    for model, path in zip(models, files, strict=True):
        write_profiles(model, path, backgrounds=4)
    words = ["--output", str(tmp_path / "mean.h5"), "--qc", str(tmp_path / "mean.json")]
    main(["average-footprints", "--inputs", *files, *words, "--figures", str(tmp_path / "figures")])
    mean, number = read_profiles(tmp_path / "mean.h5")
    assert number == 8
    expected, deviation = average(models, names=files)
    np.testing.assert_array_equal(mean[2].effects["corrected"].profile, expected[2].effects["corrected"].profile)
    with h5py.File(tmp_path / "mean.h5") as handle:
        spread = handle[f"{DEVIATION}/corrected/tn5_2"][:]
    np.testing.assert_array_equal(spread, deviation[2].effects["corrected"].profile)
    assert json.loads((tmp_path / "mean.json").read_text())["models"] == 2
    assert len(list((tmp_path / "figures").glob("*.svg"))) == 7
    with pytest.raises(SystemExit) as caught:
        main(["average-footprints", "--inputs", files[0], *words])
    assert caught.value.code == 2
    assert "--inputs: 1 file. Expected two or more" in capsys.readouterr().err
