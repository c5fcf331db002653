"""Recovery of a planted truth, by predictors that know it, know half of it, or know nothing."""

from __future__ import annotations

import json

import numpy as np
import pyBigWig
import pytest
import torch

from bpflow import recovery
from bpflow.checkpoints import save_model
from bpflow.cli import main
from bpflow.errors import InputError
from bpflow.genome import Genome, encode, reverse_complement_codes
from bpflow.models import BPNet, BPNetConfig, ChromBPNet
from bpflow.recovery import (
    PlantedMotif,
    Truth,
    bias_agreement,
    draw_sites,
    motif_effects,
    profile_agreement,
    read_planted_track,
    read_truth,
    report,
    row_correlations,
    shuffle_sites,
)
from bpflow.regions import from_centers, write_regions
from bpflow.views import Tracks
from unit import simulated

INPUT, OUTPUT = 64, 20
SIZES = {"chr1": 3_000, "chr2": 2_000}


def pwm(consensus: str) -> np.ndarray:
    letters = {"R": "AG", "Y": "CT", "S": "CG"}
    rows = [[float(base in letters.get(letter, letter)) for base in "ACGT"] for letter in consensus]
    return np.array(rows) / np.sum(rows, axis=1, keepdims=True)


AP1 = PlantedMotif("AP1", pwm("RTGASTCAY"), 2.0, None)
NRF1 = PlantedMotif("NRF1", pwm("GCGCATGCGC"), 1.0, None)


@pytest.fixture
def folder(tmp_path):
    """Genome, a planted accessibility and bias over it, and their truth.json."""
    rng = np.random.default_rng(0)
    bases = {name: rng.choice(list("ACGT"), size) for name, size in SIZES.items()}
    bases["chr1"][500:520] = "N"
    (tmp_path / "genome.fa").write_text("".join(f">{name}\n{''.join(text)}\n" for name, text in bases.items()))
    for file, low in (("accessibility", 0.0), ("bias", 0.1)):
        with pyBigWig.open(str(tmp_path / f"{file}.bw"), "w") as handle:
            handle.addHeader(list(SIZES.items()))
            for name, size in SIZES.items():
                values = low + rng.gamma(1.0, 1.0, size)
                values[bases[name] == "N"] = 0
                handle.addEntries(name, 0, values=values, span=1, step=1)
    motifs = [{"name": motif.name, "pwm": motif.pwm.tolist(), "log2_fold": motif.log2_fold} for motif in (AP1, NRF1)]
    truth = {"accessibility": "accessibility.bw", "bias": "bias.bw", "motifs": motifs}
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    return tmp_path


def matches(row: np.ndarray, matrix: np.ndarray) -> int:
    """Sites of a motif on either strand of a sequence."""
    windows = np.lib.stride_tricks.sliding_window_view(row, len(matrix))
    found = np.zeros(len(windows), dtype=bool)
    for strand in (matrix, matrix[::-1, ::-1]):
        found |= (strand[np.arange(len(matrix)), windows] > 0).all(axis=1)
    return int(found.sum())


def counting(effects: dict[str, tuple[np.ndarray, float]], background: float = 30.0):
    """A predictor whose counts are the background plus what each site adds."""

    def predict(codes: np.ndarray) -> dict[str, Tracks]:
        added = sum(
            total * np.array([min(matches(row, matrix), 1) for row in codes]) for matrix, total in effects.values()
        )
        flat = np.full((len(codes), OUTPUT), 1 / OUTPUT)
        return {
            "corrected": Tracks(flat, background + added),
            "with_bias": Tracks(flat, 2 * background + added),
            "bias": Tracks(flat, np.full(len(codes), background)),
        }

    return predict


def backgrounds(n: int = 8) -> np.ndarray:
    """Sequence of A and T alone: it holds no site of a motif with G or C."""
    return (3 * np.random.default_rng(5).integers(0, 2, (n, INPUT))).astype(np.uint8)


def test_effects_of_planted_and_shuffled_motifs_are_those_of_the_predictor():
    truth = Truth([AP1, NRF1], None, None, None)
    predict = counting({"AP1": (AP1.pwm, 90.0)})
    ap1, nrf1 = motif_effects(truth, backgrounds(), predict, rng=np.random.default_rng(0))
    assert ap1["predicted_log2_fold"] == pytest.approx(np.log2(121 / 31))
    assert ap1["with_bias_log2_fold"] == pytest.approx(np.log2(151 / 61))
    assert ap1["shuffled_log2_fold"] == 0
    assert ap1["sequence"] == "ATGACTCAC"
    assert (ap1["name"], ap1["planted_log2_fold"]) == ("AP1", 2.0)
    assert nrf1["predicted_log2_fold"] == nrf1["shuffled_log2_fold"] == 0


def test_planted_fold_is_for_the_width_of_the_model():
    motif = PlantedMotif("m", AP1.pwm, 3.0, expected_total=120.0)
    assert Truth([], None, None, background=0.06).planted_fold(motif, 1_000) == pytest.approx(np.log2(180 / 60))
    assert Truth([], None, None, background=0.06).planted_fold(motif, 500) == pytest.approx(np.log2(150 / 30))
    assert Truth([], None, None, background=None).planted_fold(motif, 500) == 3.0


def test_drawn_sites_hold_the_best_letters_and_all_of_them():
    matrix = np.array([[0.9, 0.1, 0, 0], [0.25, 0.25, 0.25, 0.25], [0, 0.45, 0.45, 0.1]])
    sites = draw_sites(matrix, 400, np.random.default_rng(0))
    assert set(sites[:, 0]) == {0}
    assert set(sites[:, 1]) == {0, 1, 2, 3}
    assert set(sites[:, 2]) == {1, 2}
    assert 0.4 < (sites[:, 2] == 1).mean() < 0.6


@pytest.mark.parametrize("motif", [AP1, NRF1], ids=lambda motif: motif.name)
def test_shuffled_sites_keep_the_letters_and_lose_the_motif(motif):
    rng = np.random.default_rng(0)
    sites = draw_sites(motif.pwm, 200, rng)
    shuffled = shuffle_sites(sites, motif.pwm, rng)
    assert (np.sort(shuffled, axis=1) == np.sort(sites, axis=1)).all()
    assert all(matches(row, motif.pwm) for row in sites)
    assert not any(matches(row, motif.pwm) for row in shuffled)


def test_row_correlations_leave_out_nan_and_have_none_without_variance():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(4, 30)), rng.normal(size=(4, 30))
    a[1, :10] = np.nan
    b[1, 12] = np.nan
    a[2] = 5.0
    b[3] = np.nan
    result = row_correlations(a, b)
    known = np.r_[10, 11, 13:30]
    assert result[0] == pytest.approx(np.corrcoef(a[0], b[0])[0, 1])
    assert result[1] == pytest.approx(np.corrcoef(a[1, known], b[1, known])[0, 1])
    assert np.isnan(result[2:]).all()


class Knowing:
    """A predictor that finds a window in the genome and answers with given tracks around its middle."""

    def __init__(self, genome: Genome, **tracks: np.ndarray) -> None:
        self.genome, self.tracks = genome, tracks
        windows = np.lib.stride_tricks.sliding_window_view(np.asarray(genome.array), INPUT)
        self.start = {row.tobytes(): index for index, row in enumerate(windows)}

    def __call__(self, codes: np.ndarray) -> dict[str, Tracks]:
        starts = np.array([self.start[row.tobytes()] for row in np.ascontiguousarray(codes)])
        place = (starts + INPUT // 2 - OUTPUT // 2)[:, None] + np.arange(OUTPUT)
        result = {}
        for view, track in self.tracks.items():
            values = track[place].astype(float) + 1e-12
            result[view] = Tracks(values / values.sum(axis=1, keepdims=True), np.full(len(codes), 10.0))
        return result


def starts_of(genome: Genome, centers: list[int]) -> np.ndarray:
    return genome.global_positions(["chr1"] * len(centers), np.array(centers) - INPUT // 2)


def test_profiles_are_compared_at_the_right_bases(folder, monkeypatch):
    genome = Genome.open(folder / "genome.fa")
    truth = read_truth(folder / "truth.json")
    accessibility = read_planted_track(truth.accessibility, genome)
    bias = read_planted_track(truth.bias, genome)
    predict = Knowing(genome, corrected=accessibility, with_bias=accessibility * bias, bias=bias)
    starts = starts_of(genome, list(range(100, 480, 30)))
    observed = np.rint(10 * accessibility * bias).astype(np.int32)
    monkeypatch.setattr(recovery, "BLOCK", 5)
    result = profile_agreement(
        starts, genome, accessibility, predict, input_length=INPUT, signal=simulated.signal_track(observed)
    )
    place = (starts + INPUT // 2 - OUTPUT // 2)[:, None] + np.arange(OUTPUT)
    expected = [np.corrcoef(accessibility[row], (accessibility * bias)[row])[0, 1] for row in place]
    assert result["regions"] == len(starts)
    assert result["corrected_r"] == pytest.approx(1, abs=1e-6)
    assert result["with_bias_r"] == pytest.approx(np.mean(expected), abs=1e-6)
    assert result["observed_r"] == pytest.approx(np.mean(expected), abs=0.02)
    assert np.isnan(profile_agreement(starts, genome, accessibility, predict, input_length=INPUT)["observed_r"]), (
        "without a signal there is nothing to compare"
    )
    # A planted track moved by one base must be noticed.
    moved = profile_agreement(starts, genome, np.roll(accessibility, 1), predict, input_length=INPUT)
    assert moved["corrected_r"] < 0.5


def test_bias_is_compared_in_logs_and_unknown_bases_are_left_out(folder):
    genome = Genome.open(folder / "genome.fa")
    bias = read_planted_track(read_truth(folder / "truth.json").bias, genome)
    predict = Knowing(genome, bias=bias)
    # The window around 505 holds unknown bases within its output.
    result = bias_agreement(starts_of(genome, [200, 300, 495]), genome, bias, predict, input_length=INPUT)
    assert result["regions"] == 3
    assert result["r"] == pytest.approx(1, abs=1e-5)
    wrong = bias_agreement(starts_of(genome, [200, 300, 400]), genome, np.roll(bias, 1), predict, input_length=INPUT)
    assert abs(wrong["r"]) < 0.5


def entry(name: str, predicted: float, shuffled: float, planted: float = 2.0) -> dict:
    return {
        "name": name,
        "planted_log2_fold": planted,
        "predicted_log2_fold": predicted,
        "shuffled_log2_fold": shuffled,
    }


@pytest.mark.parametrize(
    ("motifs", "corrected_r", "bias_r", "expected"),
    [
        ([entry("a", 2.0, 0.1), entry("b", 1.3, 0.2)], 0.9, 0.9, ["good", "good", "good"]),
        ([entry("a", 2.0, 0.1), entry("b", 1.0, 0.2)], 0.43, 0.6, ["check", "check", "check"]),
        ([entry("a", 2.0, 1.9), entry("b", 0.1, 0.0)], 0.39, 0.2, ["fail", "fail", "fail"]),
        ([entry("a", 2.0, 0.1)], 0.29, 0.9, ["good", "fail", "good"]),
    ],
)
def test_verdicts_tell_good_models_from_bad_ones(motifs, corrected_r, bias_r, expected):
    profile = {"regions": 5, "corrected_r": corrected_r, "with_bias_r": 0.4 if corrected_r > 0.3 else 0.0}
    record = report(motifs, profile, {"regions": 5, "r": bias_r})
    assert [item["verdict"] for item in record["verdicts"]] == expected
    assert [item["name"] for item in record["verdicts"]] == [
        "The corrected model found the motifs",
        "The bias is gone from the corrected profile",
        "The bias model learned the enzyme",
    ]
    if expected[0] == "check":
        assert "Not found: b" in record["verdicts"][0]["advice"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bias": None}, "no key 'bias'"),
        ({"bias": "absent.bw"}, "no such file"),
        ({"motifs": [{"name": "x", "log2_fold": 1}]}, r"motifs\[0\]"),
        ({"motifs": [{"name": "x", "log2_fold": 1, "pwm": [[1, 0, 0]]}]}, "shape"),
    ],
)
def test_a_truth_that_is_none_is_named(folder, change, message):
    truth = json.loads((folder / "truth.json").read_text()) | change
    truth = {key: value for key, value in truth.items() if value is not None}
    (folder / "truth.json").write_text(json.dumps(truth))
    with pytest.raises(InputError, match=message):
        read_truth(folder / "truth.json")


def test_command_line(folder, capsys):
    sizes = {"input_length": INPUT, "output_length": OUTPUT, "layers": 1, "first_kernel": 5, "profile_kernel": 5}
    generator = torch.Generator().manual_seed(0)
    model = ChromBPNet(*(BPNet(BPNetConfig(filters=4, **sizes), generator) for _ in range(2)))
    save_model(model, folder / "model.safetensors", metadata={})
    write_regions(from_centers(["chr1"] * 5 + ["chr2"], np.r_[100:600:100, 100], 20), folder / "peaks.bed")
    write_regions(from_centers(["chr1"] * 9, np.r_[1_000:1_900:100], 20), folder / "nonpeaks.bed")
    (folder / "genome3.fa").write_text((folder / "genome.fa").read_text() + ">chr3\n" + "ACGT" * 50 + "\n")
    (folder / "fold.json").write_text(json.dumps({"train": ["chr2"], "valid": ["chr3"], "test": ["chr1"]}))
    options = ["recovery", "--model", str(folder / "model.safetensors"), "--genome", str(folder / "genome3.fa")]
    options += ["--peaks", str(folder / "peaks.bed"), "--nonpeaks", str(folder / "nonpeaks.bed"), "--device", "cpu"]
    options += ["--fold", str(folder / "fold.json"), "--qc", str(folder / "r.json"), "--backgrounds", "4", "--truth"]
    main([*options, str(folder / "truth.json")])
    record = json.loads((folder / "r.json").read_text())
    assert record["stage"] == "recovery"
    assert [motif["name"] for motif in record["motifs"]] == ["AP1", "NRF1"]
    assert record["profile"]["regions"] == 5, "peaks of chr2 are training data"
    assert record["profile"]["observed_r"] is None
    assert record["bias"]["regions"] == 9
    assert abs(record["profile"]["corrected_r"]) < 0.5, "an untrained model knows nothing of the truth"
    assert [item["verdict"] for item in record["verdicts"]].count("good") == 0
    (folder / "other.json").write_text("{}")
    with pytest.raises(SystemExit) as caught:
        main([*options, str(folder / "other.json")])
    assert caught.value.code == 2
    assert "other.json: no key 'accessibility'" in capsys.readouterr().err


def test_reverse_complement_reads_the_other_strand():
    assert reverse_complement_codes(encode("AACGTN")[None]).tolist() == [encode("NACGTT").tolist()]
