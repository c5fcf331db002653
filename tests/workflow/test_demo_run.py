"""The demo as `make demo` runs it: what was planted in its data is found."""

from __future__ import annotations

import shutil
import subprocess
import zipfile
from xml.etree import ElementTree

import h5py
import numpy as np
import pandas as pd
import pyBigWig
import pysam
import pytest
from PIL import Image
from runs import Run
from scipy.stats import rankdata

from bpflow.motif_discovery import read_patterns
from bpflow.motif_files import Motif, built_in_motifs
from bpflow.motif_matches import match
from bpflow.motif_record import is_enzyme, known_name
from bpflow.regions import centers, read_intervals, read_regions
from bpflow.report.palette import ROLES

pytestmark = pytest.mark.slow


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
