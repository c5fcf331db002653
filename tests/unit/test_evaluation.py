"""Scores of predictions, against one-region-at-a-time computations with scipy."""

from __future__ import annotations

import json
import math
from typing import NamedTuple

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import multinomial, pearsonr, spearmanr

from bpflow import evaluation
from bpflow.bigwig_writer import write_bigwig
from bpflow.cli import main
from bpflow.errors import InputError
from bpflow.evaluation import evaluate
from bpflow.files import read_json, write_json
from bpflow.genome import Genome
from bpflow.signal import SignalTrack
from bpflow.signal_groups import SignalGroups, open_strands
from bpflow.tables import write_table
from unit import simulated

WIDTH = 20
SIZES = {"chr1": 900, "chr2": 700}


@pytest.fixture
def genome(tmp_path) -> Genome:
    rng = np.random.default_rng(0)
    path = tmp_path / "genome.fa"
    path.write_text("".join(f">{name}\n{''.join(rng.choice(list('ACGT'), size))}\n" for name, size in SIZES.items()))
    return Genome.open(path)


@pytest.fixture
def counts() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    level = {name: np.repeat(rng.gamma(1.0, 1.0, size // 50), 50) for name, size in SIZES.items()}
    return {name: rng.poisson(rates) for name, rates in level.items()}


@pytest.fixture
def signal(tmp_path, genome, counts) -> SignalTrack:
    blocks = [(name, np.flatnonzero(values), values[values > 0]) for name, values in counts.items()]
    write_bigwig(tmp_path / "signal.bw", SIZES, blocks)
    return SignalTrack.open(tmp_path / "signal.bw", genome)


def write_predictions(path, regions, *, logits=None, seed=2, log_counts=None, peak=True, keep=("logits", "profs")):
    """A prediction file of random profiles; `regions` are (chromosome, centre, is a peak)."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(len(regions), WIDTH)).astype(np.float32) if logits is None else logits
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    log_counts = rng.normal(3, 1, size=len(regions)) if log_counts is None else np.asarray(log_counts, float)
    with h5py.File(path, "w") as handle:
        handle["coords/coords_chrom"] = np.array([region[0] for region in regions], dtype=h5py.string_dtype())
        handle["coords/coords_center"] = np.array([region[1] for region in regions], dtype=np.int64)
        if peak:
            handle["coords/coords_peak"] = np.array([region[2] for region in regions], dtype=np.int64)
        if "logits" in keep:
            handle["predictions/profile_logits"] = logits
        if "profs" in keep:
            handle["predictions/profs"] = probabilities.astype(np.float32)
        handle["predictions/logcounts"] = log_counts.astype(np.float32)
    return probabilities, log_counts


def many_regions() -> list[tuple[str, int, int]]:
    rng = np.random.default_rng(4)
    return [
        (name, int(center), int(rng.random() < 0.6))
        for name, size in SIZES.items()
        for center in rng.integers(WIDTH, size - WIDTH, 30)
    ]


def naive(regions, probabilities, counts) -> pd.DataFrame:
    rows = []
    for (name, center, peak), profile in zip(regions, probabilities, strict=True):
        observed = counts[name][center - WIDTH // 2 : center + WIDTH // 2]
        total = int(observed.sum())
        distance = jensenshannon(observed, profile) if total else math.nan
        flat = jensenshannon(observed, np.ones(WIDTH)) if total else math.nan
        nll = -multinomial(total, profile / profile.sum()).logpmf(observed)
        rows.append((peak, total, distance, min(max(1 - distance / flat, 0), 1) if total else math.nan, nll))
    return pd.DataFrame(rows, columns=["peak", "total", "jsd", "norm_jsd", "nll"])


def test_metrics_equal_a_naive_computation(tmp_path, genome, signal, counts, monkeypatch):
    regions = many_regions()
    probabilities, log_counts = write_predictions(tmp_path / "p.h5", regions)
    monkeypatch.setattr(evaluation, "BLOCK", 7)
    metrics, table = evaluate(tmp_path / "p.h5", signal, genome, model_kind="chrombpnet")
    reference = naive(regions, probabilities, counts)

    assert table["chrom"].tolist() == [region[0] for region in regions]
    assert table["observed_total"].tolist() == reference["total"].tolist()
    np.testing.assert_allclose(table["jsd"], reference["jsd"], rtol=1e-5)
    np.testing.assert_allclose(table["norm_jsd"], reference["norm_jsd"], atol=1e-6)
    is_peak = reference["peak"].to_numpy() == 1
    for group, rows in {"peaks": is_peak, "nonpeaks": ~is_peak, "peaks_and_nonpeaks": is_peak | True}.items():
        observed, predicted = np.log1p(reference["total"][rows]), log_counts[rows]
        found = metrics["counts_metrics"][group]
        assert found["pearsonr"] == pytest.approx(pearsonr(observed, predicted).statistic, abs=1e-6)
        assert found["spearmanr"] == pytest.approx(spearmanr(observed, predicted).statistic, abs=1e-6)
        assert found["mse"] == pytest.approx(np.mean((observed - predicted) ** 2), rel=1e-6)
        medians = reference.loc[rows, ["jsd", "norm_jsd"]].median()
        assert metrics["profile_metrics"][group]["median_jsd"] == pytest.approx(medians["jsd"], rel=1e-5)
        assert metrics["profile_metrics"][group]["median_norm_jsd"] == pytest.approx(medians["norm_jsd"], abs=1e-6)
        assert metrics["multinomial_nll"][group] == pytest.approx(reference["nll"][rows].mean(), rel=1e-5)
        assert metrics["regions"][group] == rows.sum()
        assert metrics["empty_regions"][group] == (reference["total"][rows] == 0).sum()
    assert metrics["empty_regions"]["peaks_and_nonpeaks"] > 0, "the data must hold an empty region to test it"


def test_the_official_layout_without_logits_or_peaks_is_read(tmp_path, genome, signal):
    regions = [(name, center, 1) for name, center, _ in many_regions()]
    write_predictions(tmp_path / "ours.h5", regions)
    write_predictions(tmp_path / "official.h5", regions, peak=False, keep=("profs",))
    ours, _ = evaluate(tmp_path / "ours.h5", signal, genome, model_kind="chrombpnet")
    official, _ = evaluate(tmp_path / "official.h5", signal, genome, model_kind="chrombpnet")
    assert list(official["counts_metrics"]) == ["peaks"]
    assert official["profile_metrics"] == ours["profile_metrics"]
    assert official["multinomial_nll"]["peaks"] == pytest.approx(ours["multinomial_nll"]["peaks"], rel=1e-5)


def test_examples_stand_at_fixed_ranks_of_the_peaks(tmp_path, genome, signal, counts):
    regions = many_regions()
    probabilities, log_counts = write_predictions(tmp_path / "p.h5", regions)
    metrics, table = evaluate(tmp_path / "p.h5", signal, genome, model_kind="chrombpnet")
    ranked = np.sort(table.loc[table["peak"] == 1, "norm_jsd"].dropna())
    assert [example["quantile"] for example in metrics["examples"]] == [0.1, 0.5, 0.9]
    for example in metrics["examples"]:
        assert example["norm_jsd"] == ranked[round(example["quantile"] * (len(ranked) - 1))]
        row = next(i for i, region in enumerate(regions) if region[:2] == (example["chrom"], example["center"]))
        window = slice(example["center"] - WIDTH // 2, example["center"] + WIDTH // 2)
        assert example["observed"] == counts[example["chrom"]][window].tolist()
        assert example["observed_total"] == sum(example["observed"])
        assert example["predicted_total"] == pytest.approx(np.expm1(log_counts[row]), rel=1e-5)
        np.testing.assert_allclose(
            example["predicted"], probabilities[row] * np.expm1(log_counts[row]), rtol=1e-4, atol=1e-5
        )


@pytest.mark.parametrize(
    ("regions", "log_counts", "sentence"),
    [
        ([("chr1", 100, 1)], [2.0], "only 1 region"),
        ([("chr1", 100, 1), ("chr1", 300, 1), ("chr2", 300, 1)], [2.0, 2.0, 2.0], "same counts everywhere"),
        ([("chr1", 100, 1), ("chr1", 100, 1)], [2.0, 3.0], "same observed total"),
    ],
)
def test_correlations_that_do_not_exist_are_null_with_a_message(
    tmp_path, genome, signal, regions, log_counts, sentence
):
    write_predictions(tmp_path / "p.h5", regions, log_counts=log_counts)
    metrics, _ = evaluate(tmp_path / "p.h5", signal, genome, model_kind="chrombpnet")
    write_json(tmp_path / "m.json", metrics)
    written = read_json(tmp_path / "m.json")
    assert written["counts_metrics"]["peaks"]["pearsonr"] is None
    assert written["counts_metrics"]["peaks"]["mse"] is not None
    assert any(sentence in message for message in written["messages"])
    assert written["verdicts"][0]["verdict"] == "check"
    assert written["verdicts"][0]["value"] is None


def test_no_region_and_no_insertion_are_messages_not_crashes(tmp_path, genome, signal):
    write_predictions(tmp_path / "none.h5", [])
    metrics, table = evaluate(tmp_path / "none.h5", signal, genome, model_kind="chrombpnet")
    assert len(table) == 0
    assert metrics["messages"] == ["There is no region to evaluate."]
    silent = simulated.signal_track(np.zeros(genome.array.size))
    write_predictions(tmp_path / "p.h5", many_regions())
    metrics, table = evaluate(tmp_path / "p.h5", silent, genome, model_kind="bias")
    assert metrics["examples"] == []
    assert table["jsd"].isna().all()
    assert any("no region has an observed insertion" in message for message in metrics["messages"])
    write_json(tmp_path / "m.json", metrics)
    assert read_json(tmp_path / "m.json")["profile_metrics"]["peaks"] == {"median_jsd": None, "median_norm_jsd": None}


class Learnable(NamedTuple):
    """A signal of known rates over 300 peaks and 300 non-peaks, and the rates."""

    genome: Genome
    rates: np.ndarray
    signal: SignalTrack
    regions: list[tuple[str, int, int]]


@pytest.fixture(scope="module")
def learnable(tmp_path_factory) -> Learnable:
    width, regions, rng = 200, 600, np.random.default_rng(6)
    fasta = tmp_path_factory.mktemp("learnable") / "genome.fa"
    fasta.write_text(f">chr1\n{'ACGT' * (width * regions // 4)}\n")
    peak = np.arange(regions) < regions // 2
    totals = np.where(peak, 300, 80) * rng.lognormal(0, 0.7, size=regions)
    rates = totals[:, None] * simulated.true_profiles(regions, width, unevenness=1.2, rng=rng)
    signal = simulated.signal_track(rng.poisson(rates).ravel())
    described = [("chr1", width * i + width // 2, int(peak[i])) for i in range(regions)]
    return Learnable(Genome.open(fasta), rates, signal, described)


def graded(path, learnable, rates, *, model_kind, signal=None) -> dict[str, str]:
    """Grades of a model that predicts these rates, by key."""
    write_predictions(path, learnable.regions, logits=np.log(rates), log_counts=np.log1p(rates.sum(axis=1)))
    metrics, _ = evaluate(path, signal or learnable.signal, learnable.genome, model_kind=model_kind)
    return {item["key"]: item["verdict"] for item in metrics["verdicts"]}


def of_other_regions(rates: np.ndarray) -> np.ndarray:
    """The rates of peaks shuffled among peaks, and those of non-peaks among non-peaks."""
    order = np.random.default_rng(7).permuted(np.arange(len(rates)).reshape(2, -1), axis=1)
    return rates[order.ravel()]


def test_a_model_that_knows_the_rates_is_good(tmp_path, learnable):
    assert graded(tmp_path / "p.h5", learnable, learnable.rates, model_kind="chrombpnet") == {
        "counts_peaks": "good",
        "profile_peaks": "good",
    }
    assert graded(tmp_path / "p.h5", learnable, learnable.rates, model_kind="bias") == {
        "bias_counts_peaks": "good",
        "bias_counts_nonpeaks": "good",
        "bias_profile_nonpeaks": "good",
    }


def test_a_model_that_learned_nothing_fails(tmp_path, learnable):
    shuffled = of_other_regions(learnable.rates)
    assert graded(tmp_path / "p.h5", learnable, shuffled, model_kind="chrombpnet") == {
        "counts_peaks": "fail",
        "profile_peaks": "fail",
    }
    assert graded(tmp_path / "p.h5", learnable, shuffled, model_kind="bias")["bias_profile_nonpeaks"] == "fail"
    average = learnable.rates.mean(axis=0) * np.random.default_rng(8).lognormal(size=(600, 1))
    assert graded(tmp_path / "p.h5", learnable, average, model_kind="chrombpnet") == {
        "counts_peaks": "fail",
        "profile_peaks": "fail",
    }


def test_the_same_prediction_everywhere_fails(tmp_path, learnable):
    same = np.tile(learnable.rates.mean(axis=0), (len(learnable.rates), 1))
    assert graded(tmp_path / "p.h5", learnable, same, model_kind="chrombpnet") == {
        "counts_peaks": "fail",
        "profile_peaks": "fail",
    }


def test_a_bias_model_that_opposes_accessibility_fails(tmp_path, learnable):
    opposed = learnable.rates / learnable.rates.sum(axis=1, keepdims=True) ** 2
    assert graded(tmp_path / "p.h5", learnable, opposed, model_kind="bias") == {
        "bias_counts_peaks": "fail",
        "bias_counts_nonpeaks": "fail",
        "bias_profile_nonpeaks": "good",
    }


def test_too_few_insertions_are_not_called_good_even_for_the_truth(tmp_path, learnable):
    thin = np.random.default_rng(9).binomial(simulated.every_base(learnable.signal, learnable.rates.size), 0.002)
    signal = simulated.signal_track(thin)
    assert graded(tmp_path / "p.h5", learnable, learnable.rates, model_kind="chrombpnet", signal=signal) == {
        "counts_peaks": "check",
        "profile_peaks": "check",
    }
    bias = graded(tmp_path / "p.h5", learnable, learnable.rates, model_kind="bias", signal=signal)
    assert bias["bias_profile_nonpeaks"] == "check"


def test_yardsticks_are_recorded_for_every_group(tmp_path, learnable):
    write_predictions(tmp_path / "p.h5", learnable.regions, logits=np.log(learnable.rates))
    arguments = (tmp_path / "p.h5", learnable.signal, learnable.genome)
    metrics, table = evaluate(*arguments, model_kind="chrombpnet", seed=5)
    groups = ["peaks_and_nonpeaks", "peaks", "nonpeaks"]
    assert list(metrics["yardsticks"]) == list(metrics["halves"]) == groups
    for name in groups:
        found = metrics["yardsticks"][name]
        official = metrics["counts_metrics"][name] | metrics["profile_metrics"][name]
        assert list(found) == ["pearsonr", "spearmanr", "median_jsd", "median_norm_jsd"]
        assert all(found[metric]["value"] == official[metric] for metric in found)
    peaks = table[table["peak"] == 1]
    assert metrics["yardsticks"]["peaks"]["median_jsd"]["floor"] == peaks["floor_jsd"].median()
    assert metrics["seed"] == 5
    again, _ = evaluate(*arguments, model_kind="chrombpnet", seed=5)
    other, _ = evaluate(*arguments, model_kind="chrombpnet", seed=6)
    assert again == metrics
    assert other["halves"] != metrics["halves"]


def test_files_that_cannot_be_evaluated_are_named(tmp_path, genome, signal):
    (tmp_path / "text.h5").write_text("hello")
    with pytest.raises(InputError, match=r"text\.h5.*not an HDF5 file"):
        evaluate(tmp_path / "text.h5", signal, genome, model_kind="bias")
    with h5py.File(tmp_path / "sequences.h5", "w") as handle:
        handle["coords/name"] = np.array(["a"], dtype=h5py.string_dtype())
    with pytest.raises(InputError, match="predictions of given sequences"):
        evaluate(tmp_path / "sequences.h5", signal, genome, model_kind="bias")
    with h5py.File(tmp_path / "partial.h5", "w") as handle:
        handle["coords/coords_chrom"] = np.array(["chr1"], dtype=h5py.string_dtype())
    with pytest.raises(InputError, match="no coords/coords_center"):
        evaluate(tmp_path / "partial.h5", signal, genome, model_kind="bias")
    write_predictions(tmp_path / "edge.h5", [("chr1", 100, 1), ("chr2", 695, 1)])
    with pytest.raises(InputError, match=r"region 1 at chr2:695"):
        evaluate(tmp_path / "edge.h5", signal, genome, model_kind="bias")
    write_predictions(tmp_path / "far.h5", [("chr1", -(1 << 63), 1)])
    with pytest.raises(InputError, match=r"region 0 at chr1:-9223372036854775808"):
        evaluate(tmp_path / "far.h5", signal, genome, model_kind="bias")
    write_predictions(tmp_path / "other.h5", [("1", 100, 1)])
    with pytest.raises(InputError, match="'1' is not in the genome"):
        evaluate(tmp_path / "other.h5", signal, genome, model_kind="bias")


@pytest.fixture
def strands(tmp_path, genome, signal) -> SignalGroups:
    """The signal and another one, as strands."""
    rng = np.random.default_rng(6)
    simulated_blocks = [(name, np.arange(size), rng.poisson(0.7, size)) for name, size in SIZES.items()]
    write_bigwig(tmp_path / "minus.bw", SIZES, simulated_blocks)
    return open_strands([signal.path, tmp_path / "minus.bw"], genome)


def write_stranded_predictions(path, regions):
    logits = np.random.default_rng(3).normal(size=(len(regions), 2 * WIDTH)).astype(np.float32)
    found = write_predictions(path, regions, logits=logits)
    with h5py.File(path, "a") as handle:
        handle.attrs["strands"] = 2
    return found


def test_two_strands_are_one_profile_and_one_count(tmp_path, genome, strands):
    regions = many_regions()
    probabilities, log_counts = write_stranded_predictions(tmp_path / "p.h5", regions)
    metrics, table = evaluate(tmp_path / "p.h5", strands, genome, model_kind="procapnet")
    assert (metrics["strands"], metrics["output_length"]) == (2, WIDTH)
    whole = [simulated.every_base(track, genome.array.size) for track in strands.tracks]
    for row, (name, center, _) in enumerate(regions):
        start = genome.offsets[name] + center - WIDTH // 2
        observed = np.concatenate([strand[start : start + WIDTH] for strand in whole])
        assert table["observed_total"][row] == observed.sum()
        if observed.any():
            assert table["jsd"][row] == pytest.approx(jensenshannon(observed, probabilities[row]), rel=1e-5)
    found = metrics["counts_metrics"]["peaks_and_nonpeaks"]["pearsonr"]
    assert found == pytest.approx(pearsonr(table["observed_log_counts"], log_counts).statistic, abs=1e-6)
    example = metrics["examples"][0]
    assert len(example["observed"]) == len(example["predicted"]) == 2 * WIDTH


def test_another_number_of_strands_than_was_predicted_is_refused(tmp_path, genome, signal, strands):
    write_predictions(tmp_path / "one.h5", many_regions())
    write_stranded_predictions(tmp_path / "two.h5", many_regions())
    with pytest.raises(InputError, match=r"signal\.bw: a signal without strands\. Expected one of 2"):
        evaluate(tmp_path / "two.h5", signal, genome, model_kind="bpnet")
    with pytest.raises(InputError, match=r"minus\.bw: a signal of 2 strands\. Expected one without"):
        evaluate(tmp_path / "one.h5", strands, genome, model_kind="bpnet")
    with h5py.File(tmp_path / "two.h5", "a") as handle:
        handle.attrs["strands"] = 3
    with pytest.raises(InputError, match="40 positions of 3 strands"):
        evaluate(tmp_path / "two.h5", strands, genome, model_kind="bpnet")


def test_the_table_has_one_row_a_region(tmp_path, genome, signal):
    write_predictions(tmp_path / "p.h5", many_regions())
    _, table = evaluate(tmp_path / "p.h5", signal, genome, model_kind="bias")
    assert table["jsd"].isna().any()
    write_table(table, tmp_path / "a.tsv.gz")
    read = pd.read_csv(tmp_path / "a.tsv.gz", sep="\t")
    assert read.columns.tolist() == [
        "chrom",
        "center",
        "peak",
        "observed_total",
        "observed_log_counts",
        "predicted_log_counts",
        "jsd",
        "norm_jsd",
        "floor_jsd",
    ]
    np.testing.assert_allclose(read["norm_jsd"], table["norm_jsd"], rtol=1e-5)


def test_command_line(tmp_path, genome, signal, capsys):
    write_predictions(tmp_path / "p.h5", many_regions())
    options = ["--predictions", str(tmp_path / "p.h5"), "--signal", signal.path]
    options += ["--genome", str(tmp_path / "genome.fa")]
    outputs = ["--output", str(tmp_path / "out/m.json"), "--table", str(tmp_path / "out/r.tsv.gz")]
    main(["evaluate", *options, "--model-kind", "chrombpnet", *outputs])
    written = json.loads((tmp_path / "out/m.json").read_text())
    assert written["stage"] == "evaluate"
    assert written["model_kind"] == "chrombpnet"
    assert written["seed"] == 1234
    assert written["chromosomes"] == ["chr1", "chr2"]
    assert len(pd.read_csv(tmp_path / "out/r.tsv.gz", sep="\t")) == 60
    options[1] = str(tmp_path / "absent.h5")
    with pytest.raises(SystemExit) as caught:
        main(["evaluate", *options, "--model-kind", "chrombpnet", *outputs])
    assert caught.value.code == 2
    assert "absent.h5" in capsys.readouterr().err
