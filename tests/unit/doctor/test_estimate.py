from __future__ import annotations

from pathlib import Path

import pytest

from bpflow.doctor import estimate
from bpflow.doctor.calibration import measure
from bpflow.doctor.estimate import check_time, estimate_work, pass_gigaflops
from bpflow.doctor.jobs import Plan
from bpflow.models.bpnet import BPNetConfig
from bpflow.settings import PRESETS

PLAN = Plan({"signal": 2})


@pytest.mark.parametrize("preset", ["small", "full"])
def test_operations_are_about_those_that_the_models_know(preset):
    bias, whole = pass_gigaflops(PRESETS[preset])
    towers = [BPNetConfig(**PRESETS[preset][tower]).gigaflops for tower in ("bias", "chrombpnet")]
    assert bias == pytest.approx(towers[0], rel=0.5)
    assert whole == pytest.approx(sum(towers), rel=0.5)


def test_work_grows_with_what_is_asked_for(small):
    peak = "chr1\t20000\t20400\n"
    Path("peaks.bed").write_text(peak * 20_000)
    once = estimate_work(small.load(), PLAN)
    assert (once.guessed, once.peaks) == (0, 20_000)
    twice = estimate_work(small.load(training={"epochs": 100}), PLAN)
    assert 1.4 < twice.gigaflops / once.gigaflops <= 2
    both = estimate_work(small.load(folds={**small.config["folds"], "run": [0, 1]}), PLAN)
    assert 1.8 < both.gigaflops / once.gigaflops <= 2
    assert both.disk > once.disk
    wide = {"chrombpnet": {"filters": 256}}
    assert estimate_work(small.load(model=wide), PLAN).gigaflops > 5 * once.gigaflops
    Path("peaks.bed").write_text(peak * 2_000)
    assert estimate_work(small.load(), PLAN).gigaflops < 0.2 * once.gigaflops


def test_candidates_are_trained_too(small):
    one = estimate_work(small.load(training={"bias_threshold_factor": 0.5}), PLAN)
    three = estimate_work(small.load(training={"bias_threshold_factor": [0.3, 0.5, 0.8]}), PLAN)
    assert three.gigaflops > one.gigaflops


def test_what_a_sample_does_not_train_is_not_counted(small):
    whole = estimate_work(small.load(), PLAN)
    small.rows = ["sample\tassay\treads\tpeaks\tbias_from\ttrain"]
    small.rows += ["A\tATAC\treads.tsv.gz\tpeaks.bed\t\tbias", "B\tATAC\treads.tsv.gz\tpeaks.bed\tA\tall"]
    shared = estimate_work(small.load(), PLAN)
    assert shared.gigaflops == pytest.approx(whole.gigaflops)
    assert shared.peaks == 4


def test_a_sample_has_a_configuration_of_its_own(small):
    once = estimate_work(small.load(), PLAN)
    Path("own.yaml").write_text("footprints: {backgrounds: 512}\n")
    small.rows = [f"{small.rows[0]}\tconfig", f"{small.rows[1]}\town.yaml"]
    assert estimate_work(small.load(), PLAN).gigaflops > 1.5 * once.gigaflops


def test_peaks_that_are_yet_to_be_called_are_guessed_and_those_called_counted(small):
    small.rows = ["sample\tassay\treads", "A\tATAC\treads.tsv.gz"]
    work = estimate_work(small.load(), PLAN)
    assert (work.guessed, work.peaks) == (1, Path("genome.fa").stat().st_size // 12_000)
    called = Path("results/A/peaks/peaks.narrowPeak")
    called.parent.mkdir(parents=True)
    called.write_text("chr1\t20000\t20400\n" * 7)
    assert estimate_work(small.load(), PLAN).peaks == 7


def test_a_genome_that_is_yet_to_come_is_as_long_as_the_human_one(small):
    small.rows = ["sample\tassay\treads", "A\tATAC\treads.tsv.gz"]
    run = small.load(genome="hg38", folds={"n": 5})
    assert estimate_work(run, PLAN).peaks == 250_000
    assert estimate_work(run, PLAN).disk > 3e9


def test_a_second_of_the_real_model(small):
    rate, device = measure(small.load(device="cpu").config, seconds=0.05)
    assert device == "cpu"
    assert 0.1 < rate < 1e5


@pytest.mark.parametrize(("rate", "grade"), [(1e9, "good"), (1e-6, "check")])
def test_hours_in_words(small, monkeypatch, rate, grade):
    run = small.load(device="cpu")
    monkeypatch.setattr("bpflow.doctor.calibration.measure", lambda _: (rate, "cpu"))
    steps, models = check_time(run, estimate_work(run, PLAN), elsewhere=False)
    assert models.grade == grade
    assert "for 2 peaks, all epochs counted" in models.found
    assert "processor time" in steps.found


def test_without_pytorch_operations_are_told(small, monkeypatch):
    run = small.load()
    monkeypatch.setattr(estimate, "find_spec", lambda _: None)
    _, models = check_time(run, estimate_work(run, PLAN), elsewhere=False)
    assert "x 10^15 operations" in models.found
