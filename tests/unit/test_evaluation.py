"""Scores of predictions, against one-region-at-a-time computations with scipy."""

from __future__ import annotations

import json
import math

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
from bpflow.evaluation import evaluate, summarise
from bpflow.files import read_json, write_json
from bpflow.genome import Genome
from bpflow.signal import SignalTrack
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


def counts_table(r: float, *, peak: int) -> pd.DataFrame:
    """Two uncorrelated patterns mixed so that Pearson's r is exactly `r`."""
    x, y = np.tile([1.0, 1.0, -1.0, -1.0], 5), np.tile([1.0, -1.0, 1.0, -1.0], 5)
    predicted = r * x + math.sqrt(1 - r**2) * y
    return pd.DataFrame(
        {
            "chrom": "chr1",
            "center": 0,
            "peak": peak,
            "observed_total": 5,
            "observed_log_counts": x,
            "predicted_log_counts": predicted,
            "jsd": 0.5,
            "norm_jsd": 0.1,
            "nll": 1.0,
        }
    )


@pytest.mark.parametrize(
    ("model_kind", "peak", "r", "expected"),
    [
        ("bias", 1, 0.2, "good"),
        ("bias", 1, -0.29, "good"),
        ("bias", 1, -0.31, "check"),
        ("bias", 1, -0.51, "fail"),
        ("bias", 0, 0.05, "good"),
        ("bias", 0, -0.05, "check"),
        ("bias", 0, -0.5, "fail"),
        ("chrombpnet", 1, 0.51, "good"),
        ("chrombpnet", 1, 0.4, "check"),
        ("chrombpnet", 1, 0.29, "fail"),
    ],
)
def test_verdicts_change_at_the_advised_thresholds(model_kind, peak, r, expected):
    (item,) = summarise(counts_table(r, peak=peak), model_kind=model_kind)["verdicts"]
    assert item["value"] == pytest.approx(r, abs=1e-5)
    assert item["verdict"] == expected
    assert item["source"] == "kundajelab/chrombpnet report advice"
    assert item["threshold"]
    assert item["advice"]


def test_bias_model_gets_a_verdict_for_peaks_and_for_nonpeaks():
    table = pd.concat([counts_table(0.1, peak=1), counts_table(0.1, peak=0)], ignore_index=True)
    names = [item["name"] for item in summarise(table, model_kind="bias")["verdicts"]]
    assert len(names) == 2
    assert "in peaks" in names[0]
    assert "in non-peaks" in names[1]


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
    write_predictions(tmp_path / "other.h5", [("1", 100, 1)])
    with pytest.raises(InputError, match="'1' is not in the genome"):
        evaluate(tmp_path / "other.h5", signal, genome, model_kind="bias")


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
    assert written["chromosomes"] == ["chr1", "chr2"]
    assert len(pd.read_csv(tmp_path / "out/r.tsv.gz", sep="\t")) == 60
    options[1] = str(tmp_path / "absent.h5")
    with pytest.raises(SystemExit) as caught:
        main(["evaluate", *options, "--model-kind", "chrombpnet", *outputs])
    assert caught.value.code == 2
    assert "absent.h5" in capsys.readouterr().err
