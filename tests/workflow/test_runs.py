"""Real runs of the workflow: the demo's DNASE twin, yeast reads, and samples of every kind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pandas as pd
import pyBigWig
import pysam
import pytest
from plans import ROOT, snakemake
from runs import QUICK, Run
from safetensors.numpy import load_file

from unit import simulated

pytestmark = pytest.mark.slow

YEAST_INSERTIONS, YEAST_POSITIONS, YEAST_OUTSIDE_BLACKLIST = 902_064, 407_360, 604_315
FEW_CONTRIBUTIONS = {"contributions": {"regions": 24, "references": 2}, "variants": {"file": None}}


def test_dnase_demo_at_a_smaller_size(tmp_path):
    run = Run(tmp_path, "config/demo/config.dnase.yaml", {"training": {"epochs": 6}, **FEW_CONTRIBUTIONS})
    subprocess.run(
        [
            *(sys.executable, ROOT / "scripts/make_demo_data.py", "--assay", "DNASE", "--seed", "1"),
            *("--scale", "0.5", "--output", tmp_path / "demo/data/DNASE"),
        ],
        check=True,
    )
    run.snakemake()
    record = json.loads(run.sample("signal/signal.json").read_text())
    assert record["output_shift"] == "0/+1"
    assert record["files"][0]["shift"]["input"] == "0/0"
    selection = json.loads(run.sample("fold_0/regions/bias_selection.json").read_text())
    assert selection["threshold_factor"] == 0.8
    recovery = json.loads(run.sample("fold_0/evaluation/recovery.json").read_text())
    assert recovery["bias"]["r"] > 0.3
    assert recovery["profile"]["corrected_r"] > recovery["profile"]["with_bias_r"]


@pytest.mark.system
def test_yeast_reads_to_report(tmp_path, shared_data):
    changes = {
        "data": str(shared_data / "data" / "yeast"),
        "folds": {"run": [0]},
        "training": {"epochs": 2},
        "model": {"bias": {"filters": 16}, "chrombpnet": {"filters": 16}},
        **FEW_CONTRIBUTIONS,
    }
    run = Run(tmp_path, "config/yeast/config.yaml", changes)
    run.snakemake()
    record = json.loads(run.sample("signal/signal.json").read_text())
    assert (record["insertions"], record["positions"]) == (YEAST_INSERTIONS, YEAST_POSITIONS)
    shift = record["files"][0]["shift"]
    assert (shift["input"], shift["verdict"], shift["agreement"]) == ("0/0", "clear", 1.0)
    assert {vote["reference"] for vote in shift["votes"]} == {"yeast_odd_chromosomes", "tn5_consensus"}
    with pyBigWig.open(str(run.sample("signal/insertions.bw"))) as handle:
        assert sorted(handle.chroms()) == sorted(record["chromosomes"])
        assert handle.header()["sumData"] == YEAST_INSERTIONS
        assert handle.header()["nBasesCovered"] == YEAST_POSITIONS
    peaks = json.loads(run.sample("peaks/peaks.json").read_text())
    assert peaks["insertions_outside_blacklist"] == YEAST_OUTSIDE_BLACKLIST
    metrics = json.loads(run.sample("fold_0/evaluation/chrombpnet_metrics.json").read_text())
    page = (run.results / "report.html").read_text(encoding="utf-8")
    assert f"{metrics['counts_metrics']['peaks']['pearsonr']:.3f}" in page
    assert f"{metrics['profile_metrics']['peaks']['median_norm_jsd']:.3f}" in page


def test_samples_of_every_kind_in_one_run(tmp_path, small_data):
    """A BAM, a shifted fragment file with given peaks, and a given bigWig with a given bias model.

    All of it lies in folders with spaces, apostrophes, braces and letters that are not ASCII.
    """
    here, inputs = tmp_path / "it's {mine}, été 日本", tmp_path / "l'été 日本"
    inputs.mkdir()
    run = Run(here, "config/demo/config.yaml", {**QUICK, "data": str(small_data), "samples": "my samples é.tsv"})
    sheet = here / "my samples é.tsv"
    header = "sample\tassay\treads\treads_already_shifted\tsignal\tpeaks\tbias_model\n"
    table = pd.read_csv(small_data / "fragments.tsv.gz", sep="\t", comment="#", header=None).iloc[:, :3]
    long = table[table[2] - table[1] >= 10]
    sizes = {record.name: len(record.sequence) for record in pysam.FastxFile(str(small_data / "genome.fa.gz"))}
    bam = simulated.write_bam(inputs / "my reads é.bam", long.itertuples(index=False, name=None), sizes)
    shifted = long.assign(**{"start": long[1] + 4, "end": long[2] - 5})[[0, "start", "end"]]
    shifted.to_csv(here / "shifted é.tsv.gz", sep="\t", header=False, index=False)
    sheet.write_text(f"{header}from_bam\tATAC\t{bam}\t\t\t\t\n")
    run.snakemake("train")
    first = run.results / "from_bam"
    kept = shutil.copytree(first, inputs / "first run")
    sheet.write_text(
        header
        + f"from_bam\tATAC\t{bam}\t\t\t\t\n"
        + f"shifted\tATAC\tshifted é.tsv.gz\t+4/-5\t\t{kept}/peaks/peaks.narrowPeak\t\n"
        + f"given\tATAC\t\t\t{kept}/signal/insertions.bw\t{kept}/peaks/peaks.narrowPeak\t"
        + f"{kept}/fold_{{fold}}/models/bias.safetensors\n"
    )
    run.snakemake("--until", "full_report")
    signals = [run.results / sample / "signal/insertions.bw" for sample in ("from_bam", "shifted")]
    with pyBigWig.open(str(signals[0])) as one, pyBigWig.open(str(signals[1])) as other:
        assert all(one.intervals(name) == other.intervals(name) for name in one.chroms())
        assert one.header() == other.header()
    assert not (run.results / "given/signal/insertions.bw").exists()
    assert not (run.results / "given/fold_0/models/bias.safetensors").exists()
    # The same signal, peaks, folds and seed give the same model, whichever way they came.
    models = [run.results / sample / "fold_0/models/chrombpnet.safetensors" for sample in ("from_bam", "given")]
    weights = [load_file(path) for path in models]
    assert all(np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])
    page = (run.results / "report.html").read_text(encoding="utf-8")
    assert all(f"{sample}" in page for sample in ("from_bam", "shifted", "given"))


def test_clusters_of_cells_share_a_bias_model(tmp_path, small_data):
    run = Run(tmp_path, "config/demo/config.yaml", {**QUICK, "data": str(small_data), "samples": "samples.tsv"})
    table = pd.read_csv(small_data / "fragments.tsv.gz", sep="\t", comment="#", header=None).iloc[:, :3]
    cells = np.random.default_rng(4).choice(["AC-1", "GT-1", "TT-1", "GG-1"], len(table), p=[0.45, 0.25, 0.2, 0.1])
    table.assign(cell=cells, reads=1).to_csv(tmp_path / "cells.tsv.gz", sep="\t", header=False, index=False)
    (tmp_path / "clusters.tsv").write_text("barcode\tcluster\nAC-1\tT cells\nGT-1\tB\nTT-1\tB\n")
    (tmp_path / "samples.tsv").write_text(
        "sample\tassay\treads\tbarcodes\tpeaks\nx\tATAC\tcells.tsv.gz\tclusters.tsv\t{data}/truth/regions.bed\n"
    )
    clusters = {"x.B": ["GT-1", "TT-1"], "x.T_cells": ["AC-1"]}
    results = run.results.relative_to(tmp_path)
    run.snakemake(f"{results}/qc.html", *(f"{results}/{name}/fold_0/models/bias_scaled.json" for name in clusters))
    record = run.record("x/clusters/split.json")
    assert (record["fragments"], record["in_clusters"]) == (len(table), np.isin(cells, ["AC-1", "GT-1", "TT-1"]).sum())
    signals = {name: run.record(f"{name}/signal/signal.json") for name in ("x", *clusters)}
    on_chromosomes = table[0].isin(signals["x"]["chromosomes"])
    # The bias model learns from all cells, listed or not.
    assert signals["x"]["insertions"] == 2 * on_chromosomes.sum()
    for name, barcodes in clusters.items():
        assert signals[name]["insertions"] == 2 * (on_chromosomes & np.isin(cells, barcodes)).sum()
    assert [path.parents[2].name for path in run.results.glob("*/fold_0/models/bias.safetensors")] == ["x"]
    scaled = [run.record(f"{name}/fold_0/models/bias_scaled.json") for name in clusters]
    assert scaled[0]["delta"] != scaled[1]["delta"]
    page = (run.results / "qc.html").read_text(encoding="utf-8")
    assert all(name in page for name in ("x.B", "x.T_cells", "T cells"))


def test_the_project_may_lie_in_a_folder_of_any_name_without_braces(tmp_path, small_data):
    for name in ("it's ours, 日本", "br{a}ces"):
        for part in ("Snakefile", "workflow", "src", "envs", "profiles", "config"):
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
            (tmp_path / name).mkdir(exist_ok=True)
            copy(ROOT / part, tmp_path / name / part)
    made = "demo/results/ATAC/genome/chrom.sizes"
    run = Run(tmp_path / "work", "config/demo/config.yaml", {"data": str(small_data)})
    done = snakemake(*run.arguments(made), folder=run.folder, project=tmp_path / "it's ours, 日本")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (run.folder / made).read_text()
    done = snakemake(*run.arguments(made, "--dry-run"), folder=run.folder, project=tmp_path / "br{a}ces")
    assert done.returncode == 1
    assert "br{a}ces: a folder with braces in its name" in done.stdout + done.stderr


def test_two_folds_are_averaged_and_chosen_regions_mutated(tmp_path, small_data):
    regions = tmp_path / "regions.bed"
    with pysam.FastxFile(str(small_data / "genome.fa.gz")) as records:
        names = [record.name for record in records][:2]
    regions.write_text("".join(f"{name}\t5000\t5100\n" for name in names))
    changes = {
        **QUICK,
        "data": str(small_data),
        "folds": {"n": 3, "run": [0, 1]},
        "footprints": {"backgrounds": 4, "tf_motifs": "vertebrate"},
        "mutagenesis": {"regions": str(regions), "width": 5},
        "contributions": {"views": ["corrected"], "regions": 24, "references": 2},
        "truth": None,
        "official_h5": False,
    }
    run = Run(tmp_path, "config/demo/config.yaml", changes)
    run.snakemake()
    folds = [json.loads(run.sample(f"fold_{fold}/evaluation/footprints.json").read_text()) for fold in (0, 1)]
    mean = json.loads(run.sample("mean/footprints.json").read_text())
    assert mean["models"] == 2
    assert mean["backgrounds"] == sum(fold["backgrounds"] for fold in folds)
    assert [motif["name"] for motif in mean["motifs"]] == [motif["name"] for motif in folds[0]["motifs"]]
    assert {"tn5_1", "CTCF", "AP1"} <= {motif["name"] for motif in mean["motifs"]}
    profiles = [np.array(record["motifs"][0]["with_bias"]["profile"]) for record in (*folds, mean)]
    np.testing.assert_allclose(profiles[2], (profiles[0] + profiles[1]) / 2, rtol=1e-5)
    with h5py.File(run.sample("mean/mutagenesis.h5")) as handle:
        assert handle["coords/coords_chrom"].asstr()[:].tolist() == names
        assert handle["log2_fold_counts"].shape == (2, 4, 5)
        assert (handle["jsd"][:] > 0).sum() == 2 * 3 * 5
        assert handle.attrs["models"] == 2
    with h5py.File(run.sample("mean/contributions/corrected/profile.h5")) as handle:
        assert handle.attrs["folds"] == 2
        assert handle["projected_shap/spread"].shape == (24, 768)
        mean = handle["projected_shap/seq"][:]
    folds = [run.sample(f"fold_{fold}/contributions/corrected/profile.h5") for fold in (0, 1)]
    each = []
    for path in folds:
        with h5py.File(path) as handle:
            each.append(handle["projected_shap/seq"][:])
    np.testing.assert_allclose(mean, np.mean(each, axis=0), atol=1e-7)
    assert "Marginal footprints, mean of 2 folds" in (run.results / "report.html").read_text(encoding="utf-8")
