"""Real runs of the workflow: the demo as `make demo` runs it, its DNASE twin, yeast reads, and interrupted runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import h5py
import numpy as np
import pandas as pd
import pyBigWig
import pysam
import pytest
from PIL import Image
from plans import ROOT, snakemake
from runs import QUICK, Run, kill_once
from safetensors.numpy import load_file
from scipy.stats import rankdata

from bpflow.motif_discovery import read_patterns
from bpflow.motif_files import Motif, built_in_motifs
from bpflow.motif_matches import match
from bpflow.motif_record import is_enzyme, known_name
from bpflow.regions import centers, read_intervals, read_regions
from bpflow.report.palette import ROLES
from unit import simulated

pytestmark = pytest.mark.slow

YEAST_INSERTIONS, YEAST_POSITIONS, YEAST_OUTSIDE_BLACKLIST = 902_064, 407_360, 604_315
FEW_CONTRIBUTIONS = {"contributions": {"regions": 24, "references": 2}, "variants": {"file": None}}


def read_sites(demo: Run) -> pd.DataFrame:
    """Planted sites: chromosome, start and end."""
    return read_intervals(demo.folder / "demo/data/ATAC/truth/sites.bed")


def area_under_curve(scores: np.ndarray, labels: np.ndarray) -> float:
    """Area under the receiver operating characteristic: how often a positive scores above a negative."""
    ranks = rankdata(scores)
    positive, negative = labels.sum(), (~labels).sum()
    return float((ranks[labels].sum() - positive * (positive + 1) / 2) / (positive * negative))


def verdicts(record: dict) -> dict[str, str]:
    return {row["name"]: row["verdict"] for row in record["verdicts"]}


@pytest.fixture(scope="session")
def demo(tmp_path_factory) -> Run:
    """The whole demo, run once for all tests that look at it."""
    run = Run(tmp_path_factory.mktemp("demo"), "config/demo/config.yaml")
    run.snakemake()
    return run


class TestDemo:
    def test_a_second_run_has_nothing_to_do(self, demo):
        assert "Nothing to be done" in demo.snakemake()

    def test_nothing_half_written_is_left(self, demo):
        assert not list(demo.results.rglob("*.part"))
        # Snakemake keeps the time of a folder that is an output in an empty file there.
        ignored = (".log", ".snakemake_timestamp")
        products = [path for path in demo.results.rglob("*.*") if path.is_file() and not path.name.endswith(ignored)]
        assert len(products) > 50
        assert not [path for path in products if path.stat().st_size == 0]

    def test_the_shift_is_estimated_from_the_reads(self, demo):
        shift = demo.record("demo/signal/signal.json")["files"][0]["shift"]
        assert (shift["input"], shift["how"], shift["verdict"]) == ("0/0", "estimated", "clear")

    def test_peaks_are_the_planted_regions(self, demo):
        peaks = read_regions(demo.results / "demo/peaks/peaks.narrowPeak")
        planted = read_intervals(demo.folder / "demo/data/ATAC/truth/regions.bed")
        middle = {name: (group["start"] + group["end"]).to_numpy() // 2 for name, group in planted.groupby("chrom")}
        near = [
            np.abs(middle[name] - centre).min() < 400
            for name, centre in zip(peaks["chrom"], centers(peaks), strict=True)
        ]
        assert np.mean(near) > 0.9

    def test_the_planted_motifs_are_found_and_the_bias_is_lost(self, demo):
        recovery = demo.record("demo/fold_0/evaluation/recovery.json")
        assert set(verdicts(recovery).values()) == {"good"}, recovery["verdicts"]
        assert len(recovery["motifs"]) >= 3
        for motif in recovery["motifs"]:
            assert motif["predicted_log2_fold"] > motif["shuffled_log2_fold"] + 0.1
        profile = recovery["profile"]
        assert profile["corrected_r"] > profile["with_bias_r"] + 0.05
        footprints = demo.record("demo/fold_0/evaluation/footprints.json")
        response = footprints["bias_response"]
        assert response["corrected"] < 0.5 * response["with_bias"]

    def test_footprints_have_the_planted_depth(self, demo):
        truth = {motif["name"]: motif["footprint_depth"] for motif in demo.truth["motifs"]}
        record = demo.record("demo/fold_0/evaluation/footprints.json")
        depths = {motif["name"]: motif["corrected"]["depth"] for motif in record["motifs"]}
        # What is no site here keeps nothing off.
        assert max(abs(depths[name]) for name in ("ETS", "SP1", "RUNX", "NFKB", "NFYB", "GABPA", "HNF4G")) < 0.1
        for name in ("CTCF", "AP1", "NRF1"):
            assert depths[name] == pytest.approx(truth[name], abs=0.2), name
        # The published word has 23 bases, of which the planted site protects nine.
        assert 0.1 < depths["GATA+TAL"] < depths["AP1"]

    @pytest.mark.parametrize("head", ["counts", "profile"])
    def test_modisco_finds_the_planted_motifs_and_not_the_enzyme(self, demo, head):
        planted = [Motif(f"planted {motif['name']}", np.array(motif["pwm"])) for motif in demo.truth["motifs"]]
        patterns = read_patterns(demo.results / f"demo/mean/motifs/corrected/{head}/modisco.h5")
        matches = match([pattern.frequencies[pattern.core] for pattern in patterns], [*planted, *built_in_motifs()])
        found = {item.name for best in matches for item in best if item.q < 0.05}
        assert {motif.name for motif in planted} <= found
        names = [known_name(pattern, best) for pattern, best in zip(patterns, matches, strict=True)]
        assert not any(name is not None and is_enzyme(name) for name in names)
        record = demo.record(f"demo/mean/motifs/corrected/{head}/motifs.json")
        assert [item["verdict"] for item in record["verdicts"]] == ["good"]

    def test_the_bias_model_has_learned_the_enzyme(self, demo):
        record = demo.record("demo/mean/motifs/bias/profile/motifs.json")
        assert is_enzyme(record["patterns"][0]["label"])
        assert record["patterns"][0]["q_1"] < 0.05
        assert [item["verdict"] for item in record["verdicts"]] == ["good"]

    @pytest.mark.parametrize("head", ["counts", "profile"])
    def test_contributions_peak_at_planted_sites_of_held_out_chromosomes(self, demo, head):
        tested = demo.record("folds/folds.json")["folds"][0]["test"]
        sites = read_sites(demo)
        labels, scores = [], []
        with h5py.File(demo.results / f"demo/mean/contributions/corrected/{head}.h5") as handle:
            chromosomes = handle["coords/coords_chrom"].asstr()[:]
            width = handle["raw/seq"].shape[2]
            for row in np.flatnonzero(np.isin(chromosomes, tested)):
                start = handle["coords/coords_center"][row] - width // 2
                inside = np.zeros(width, dtype=bool)
                for _, site in sites[sites["chrom"] == chromosomes[row]].iterrows():
                    inside[max(site["start"] - start, 0) : max(site["end"] - start, 0)] = True
                labels.append(inside)
                scores.append(handle["projected_shap/seq"][row].sum(axis=0))
        assert len(labels) > 50
        assert area_under_curve(np.concatenate(scores), np.concatenate(labels)) > 0.9

    def test_instances_are_the_planted_sites(self, demo):
        sites = read_sites(demo)
        instances = pd.read_csv(
            demo.results / "demo/mean/motifs/corrected/counts/instances.bed.gz", sep="\t", header=None
        )
        assert len(instances) > 500
        at_site = [
            ((sites["chrom"] == chrom) & (sites["start"] < end) & (sites["end"] > start)).any()
            for chrom, start, end in instances[[0, 1, 2]].itertuples(index=False)
        ]
        assert np.mean(at_site) > 0.9

    def test_variants_that_break_a_site_score_below_those_beside_it(self, demo):
        scores = pd.read_csv(demo.results / "demo/variants/variants.tsv.gz", sep="\t")
        with pysam.VariantFile(str(demo.folder / "demo/data/ATAC/truth/variants.vcf")) as handle:
            breaks = [record.info["EFFECT"] == "breaks" for record in handle]
        assert len(scores) == len(breaks) > 200
        assert set(scores["status"]) == {"scored"}
        assert area_under_curve(-scores["log2_fold_counts"].to_numpy(), np.array(breaks)) > 0.9
        with pysam.VariantFile(str(demo.results / "demo/variants/variants.vcf.gz")) as handle:
            assert sum(1 for _ in handle) == len(scores)
        assert len(list((demo.results / "demo/variants/figures").glob("*.svg"))) == 4

    def test_counts_are_predicted_on_held_out_chromosomes(self, demo):
        metrics = demo.record("demo/fold_0/evaluation/chrombpnet_metrics.json")
        tested = demo.record("folds/folds.json")["folds"][0]["test"]
        assert sorted(metrics["chromosomes"]) == sorted(tested)
        assert metrics["counts_metrics"]["peaks"]["pearsonr"] > 0.5
        assert metrics["profile_metrics"]["peaks"]["median_norm_jsd"] > 0.1

    def test_tracks_cover_the_test_chromosomes_of_the_fold_that_was_run(self, demo):
        tested = set(demo.record("folds/folds.json")["folds"][0]["test"])
        for track in ("observed", "with_bias", "bias", "corrected"):
            with pyBigWig.open(str(demo.results / f"demo/tracks/crossfit/{track}.bw")) as handle:
                filled = {name for name in handle.chroms() if handle.stats(name, type="coverage")[0]}
            assert filled == tested
            with pyBigWig.open(str(demo.results / f"demo/tracks/mean/{track}.bw")) as handle:
                assert len([n for n in handle.chroms() if handle.stats(n, type="coverage")[0]]) > len(tested)

    def test_the_predictions_have_the_official_layout(self, demo):
        with h5py.File(demo.results / "demo/fold_0/predictions/chrombpnet.h5") as handle:
            assert set(handle["coords"]) == {"coords_chrom", "coords_center", "coords_peak"}
            assert set(handle["predictions"]) == {"profs", "logcounts", "profile_logits"}
            np.testing.assert_allclose(handle["predictions/profs"][:].sum(axis=1), 1, atol=1e-4)

    def test_no_record_holds_a_path_of_this_machine_or_a_time_of_day(self, demo):
        for path in demo.results.rglob("*.json"):
            assert str(demo.folder) not in path.read_text(), path

    def test_loci_were_held_out_and_hold_what_was_measured(self, demo):
        record = demo.record("demo/loci/loci.json")
        assert record["peaks"]["shown"] == len(record["loci"]) == 12
        assert all(locus["held_out"] and locus["folds"] == [0] for locus in record["loci"])
        observed = [locus["totals"]["observed"] for locus in record["loci"]]
        assert observed == sorted(observed, reverse=True)
        predicted = [locus["totals"]["with_bias"] for locus in record["loci"]]
        assert np.corrcoef(np.log(observed), np.log(predicted))[0, 1] > 0.5

    def test_genome_browsers_find_each_track(self, demo):
        folder = demo.results / "browser"
        session = ElementTree.fromstring((folder / "igv_session.xml").read_bytes())
        paths = [resource.get("path") for resource in session.iter("Resource")]
        paths += [line.split()[1] for line in (folder / "hub.txt").read_text().splitlines() if "bigDataUrl" in line]
        assert len(paths) > 20
        assert all((folder / path).is_file() for path in [*paths, session.get("genome")])

    def test_the_report_stands_alone_and_shows_the_verdicts(self, demo):
        page = (demo.results / "report.html").read_text(encoding="utf-8")
        recovery = demo.record("demo/fold_0/evaluation/recovery.json")
        for name in verdicts(recovery):
            assert name in page
        assert 'src="http' not in page
        assert (demo.results / "qc.html").stat().st_size > 10_000

    @pytest.mark.system
    @pytest.mark.skipif(not shutil.which("chromium"), reason="needs chromium: make system-deps")
    def test_a_browser_draws_the_report(self, demo, tmp_path):
        options = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-sync"
        shot = tmp_path / "report.png"
        done = subprocess.run(
            [
                *("chromium", *options.split(), "--disable-component-update", f"--user-data-dir={tmp_path}/browser"),
                *("--virtual-time-budget=10000", "--window-size=1300,14000", "--enable-logging=stderr"),
                *(f"--screenshot={shot}", (demo.results / "report.html").as_uri()),
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        assert "CONSOLE" not in done.stderr, done.stderr
        pixels = np.asarray(Image.open(shot).convert("RGB")).reshape(-1, 3)
        for role in ("train", "valid", "peaks"):
            # Only the lines of figures and of their keys have these colours.
            colour = [int(ROLES[role].light[i : i + 2], 16) for i in (1, 3, 5)]
            assert (pixels == colour).all(axis=1).sum() > 500, role

    def test_snakemakes_own_report_carries_the_page(self, demo):
        demo.snakemake("--report", "run.zip")
        with zipfile.ZipFile(demo.folder / "run.zip") as archive:
            assert any(name.endswith("report.html") for name in archive.namelist())


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


@pytest.mark.parametrize(
    ("stage", "output", "finished"),
    [
        ("peaks", "demo/peaks/peaks.narrowPeak", "demo/signal/insertions.bw"),
        ("train_chrombpnet", "demo/fold_0/models/chrombpnet.safetensors", "demo/fold_0/models/bias.safetensors"),
    ],
)
def test_a_killed_run_goes_on_where_it_was(tmp_path, small_data, stage, output, finished):
    run = Run(tmp_path, "config/demo/config.yaml", {**QUICK, "data": str(small_data)})
    log = run.results / f"logs/{stage}"
    kill_once(run, lambda: log.is_dir() and any(path.stat().st_size for path in log.iterdir()), "train")
    assert not (run.results / output).exists()
    kept = (run.results / finished).stat().st_mtime_ns
    run.snakemake("--unlock")
    shown = run.snakemake("train")
    assert (run.results / output).exists()
    assert (run.results / finished).stat().st_mtime_ns == kept
    assert f"rule {Path(finished).stem.replace('insertions', 'signal')}:" not in shown
    assert not list(run.results.rglob("*.part"))


def test_a_training_cut_off_goes_on_from_its_checkpoint(tmp_path, small_data):
    long = {**QUICK, "training": {**QUICK["training"], "epochs": 30}}
    run = Run(tmp_path, "config/demo/config.yaml", {**long, "data": str(small_data)})
    models = run.results / "demo/fold_0/models"
    kill_once(run, lambda: (models / "bias.checkpoint").exists(), "bias")
    assert not (models / "bias.safetensors").exists()
    run.snakemake("--unlock")
    run.snakemake("bias")
    assert "continuing from" in (run.results / "logs/train_bias/demo.fold_0.log").read_text()
    assert (models / "bias.safetensors").exists()
    assert not list(models.glob("*.checkpoint"))
