"""A results tree as the stages write it, with made-up but believable numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bpflow.packed_arrays import pack
from bpflow.report.loci import LOGO_WIDTH

HEADS = ("counts", "profile")
CHROMOSOMES = {"chrI": 230_218, "chrII": 813_184, "chrIV": 1_531_933, "chrV": 576_874, "chrM": 85_779}
MOTIFS = {"ABF1": "ATCACTATATACGA", "REB1": "TTACCCGGC", "RAP1": "TGTATGGGTG", "GCN4": "ATGACTCAT"}
PROBES = {f"tn5_{index}": sequence for index, sequence in enumerate(("GCACAGTACAGAGCTG", "CCTCTACACTGTGCAGAA"), 1)}
OUTPUT_LENGTH = 1000
SPLITS = ("train", "valid", "test")


class Tree:
    """Builds the tree under `root`; every record can be read back, changed and written again."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def write(self, name: str, stage: str, **content: Any) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"stage": stage, "version": "0.1.0", "messages": [], **content}), encoding="utf-8")

    def change(self, name: str, edit: Callable[[dict[str, Any]], Any]) -> None:
        path = self.root / name
        content = json.loads(path.read_text(encoding="utf-8"))
        edit(content)
        path.write_text(json.dumps(content), encoding="utf-8")

    def table(self, name: str, frame: pd.DataFrame) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        compression = {"method": "gzip", "compresslevel": 1} if name.endswith(".gz") else None
        frame.to_csv(path, sep="\t", index=False, float_format="%.4g", compression=compression)


def build(
    root: Path,
    *,
    samples: Sequence[str] = ("yeast_wt",),
    folds: Sequence[int] = (0,),
    stage: str = "all",
    regions: int = 400,
) -> Tree:
    """Write the tree of `samples` and `folds`, with `regions` rows in each table of evaluated regions."""
    tree = Tree(root)
    rng = np.random.default_rng(7)
    _genome(tree, folds)
    for sample in samples:
        _signal(tree, sample, rng)
        for fold in folds:
            _regions(tree, sample, fold, rng)
            if stage == "all":
                for model in ("bias", "chrombpnet"):
                    _model(tree, sample, fold, model, regions, rng)
                _questions(tree, sample, fold, rng)
        if stage == "all" and len(folds) > 1:
            _mean_footprints(tree, sample, folds)
        if stage == "all":
            _motifs(tree, sample)
            _variants(tree, sample)
            _loci(tree, sample)
            for combine in ("crossfit", "mean"):
                for name in ("observed", "with_bias", "bias", "corrected"):
                    path = root / sample / "tracks" / combine / f"{name}.bw"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(b"\x26\xfc\x8f\x88")
    if stage == "all" and len(samples) > 1:
        _comparison(tree, samples)
    tree.write(
        "config.json", "config", samples="config/samples.tsv", seed=1234, peaks={"p_value": 0.01, "max": 250_000}
    )
    return tree


def _verdict(key: str, name: str, value: Any, verdict: str, threshold: str, source: str, advice: str) -> dict[str, Any]:
    return {
        "key": key,
        "name": name,
        "value": value,
        "threshold": threshold,
        "verdict": verdict,
        "source": source,
        "advice": advice,
    }


def _genome(tree: Tree, folds: Sequence[int]) -> None:
    names = list(CHROMOSOMES)[:4]
    tree.write(
        "genome/genome.json",
        "genome",
        source="resources/genome.fa.gz",
        sha256="9f" * 32,
        chromosomes=[{"name": name, "length": CHROMOSOMES[name], "offset": 0} for name in names],
        dropped=[{"name": "chrM", "length": CHROMOSOMES["chrM"], "reason": "mitochondrion"}],
        rule="auto",
        data="genome.seq",
    )  # fmt: skip
    entries = [
        {
            "fold": fold,
            "train": names[2:],
            "valid": [names[1]],
            "test": [names[0]],
            "length": {"train": 2_108_807, "valid": 813_184, "test": 230_218},
            "peaks": {"train": 3210, "valid": 1234, "test": 456},
        }
        for fold in folds
    ]
    tree.write("folds/folds.json", "folds", n=len(folds), given=False, folds=entries)


def _signal(tree: Tree, sample: str, rng: np.random.Generator) -> None:
    width = 24
    frequencies = rng.dirichlet([30, 20, 20, 30], size=width)
    for column, base in zip(range(8, 16), (2, 3, 1, 0, 3, 0, 1, 0), strict=True):
        frequencies[column] = 0.15
        frequencies[column, base] = 0.55
    shift = {
        "input": "0/0",
        "how": "estimated",
        "applied": {"plus": 4, "minus": -4},
        "sites_used": {"plus": 512_000, "minus": 511_350},
        "votes": [
            {"reference": reference, "strand": strand, "shift": 0, "score": 0.912, "second": 0.431, "margin": 0.481}
            for reference in ("tn5_bulk", "tn5_cells")
            for strand in "+-"
        ],
        "scores": {"0/0": 0.905, "1/1": 0.412, "-1/-1": 0.377, "4/-5": 0.201, "4/-4": 0.19, "2/0": 0.12},
        "best": "0/0",
        "margin": 0.493,
        "agreement": 1.0,
        "verdict": "clear",
        "usual": "0/0",
    }
    tree.write(
        f"{sample}/signal/signal.json",
        "signal",
        messages=["reads.bam: 12 % of the reads are duplicates; they are kept, as in the official program."],
        assay="ATAC",
        output_shift="+4/-4",
        seed=1234,
        files=[
            {
                "path": f"resources/{sample}.bam",
                "format": "bam",
                "sha256": "ab" * 32,
                "records": 12_345_678,
                "kept": 9_876_543,
                "dropped": {"unmapped": 1_234_567, "low_mapq": 1_000_000, "other_chromosome": 234_568},
                "insertions": 9_876_543,
                "shift": shift,
            }
        ],
        insertions=9_876_543,
        positions=1_876_000,
        chromosomes={name: round(9_876_543 * size / 3_238_000) for name, size in list(CHROMOSOMES.items())[:4]},
        pwm={
            "offset": -12,
            "width": width,
            "frequencies": frequencies.tolist(),
            "background": [0.31, 0.19, 0.19, 0.31],
        },
        given=False,
        verdicts=[
            _verdict(
                "shift",
                f"Enzyme shift of {sample}.bam",
                0.493,
                "good",
                "a clear vote whose score for the shift in use is more than 0.05 above any other",
                "bpflow",
                "The cut sites show the shift in use, 0/0.",
            )
        ],
    )
    tree.write(
        f"{sample}/peaks/peaks.json",
        "peaks",
        source="macs3",
        format="narrowPeak",
        called=6789,
        kept=4900,
        removed={"not_reproducible": 1500, "over_max": 0, "blacklisted": 89, "edge": 300, "other_chromosome": 0},
        reproducible="pseudoreplicates",
        macs3={"version": "3.0.3", "options": "--nomodel --shift -75 --extsize 150"},
        insertions=9_876_543,
        insertions_outside_blacklist=9_700_001,
        insertions_in_peaks=5_432_109,
        frip=0.55,
    )
    jobs = {"signal": 134.2, "peaks": 62.0}
    for rule, seconds in jobs.items():
        _benchmark(tree, f"benchmarks/{rule}/{sample}.tsv", seconds, 812.5)


def _benchmark(tree: Tree, name: str, seconds: float, memory: float) -> None:
    row = {"s": seconds, "h:m:s": "0:02:14", "max_rss": memory, "max_vms": 9000, "cpu_time": "-"}
    tree.table(name, pd.DataFrame([row]))


def _regions(tree: Tree, sample: str, fold: int, rng: np.random.Generator) -> None:
    here = f"{sample}/fold_{fold}"
    bins = np.linspace(0.2, 0.6, 41)
    shape = np.exp(-(((bins - 0.38) / 0.05) ** 2))
    tree.write(
        f"{here}/regions/nonpeaks.json",
        "nonpeaks",
        fold=f"fold_{fold}.json",
        candidates=11_873,
        excluded=4321,
        wanted=9800,
        matched=9700,
        unmatched=100,
        splits={
            split: {"peaks": peaks, "wanted": 2 * peaks, "matched": 2 * peaks - 20, "unmatched": 20, "moved": 11}
            for split, peaks in (("train", 3210), ("valid", 1234), ("test", 456))
        },
        gc={
            "bins": bins.tolist(),
            "peaks": (shape * 500).round().tolist(),
            "nonpeaks": (shape * 990 + rng.integers(0, 9, 41)).round().tolist(),
            "candidates": (np.exp(-(((bins - 0.41) / 0.06) ** 2)) * 900).round().tolist(),
        },
    )
    for model, weight in (("bias", 4.3), ("chrombpnet", 17.25)):
        tree.write(
            f"{here}/regions/{model}_selection.json",
            "select",
            model=model,
            threshold=86.5,
            threshold_factor=0.5 if model == "bias" else None,
            peak_quantile_1pct=173.0 if model == "bias" else None,
            count_range=[12, 4321],
            counts_loss_weight=weight,
            regions={split: {"peaks": 3100 * (model != "bias"), "nonpeaks": 2222} for split in SPLITS},
            removed={"edge": 5, "above_threshold": 77, "outliers": 3, "downsampled": 0},
            fallback=None,
        )  # fmt: skip


def _model(tree: Tree, sample: str, fold: int, model: str, rows: int, rng: np.random.Generator) -> None:
    here = f"{sample}/fold_{fold}"
    bias = model == "bias"
    epochs = np.arange(1, 13)
    history = pd.DataFrame({"epoch": epochs})
    for split, lift in (("train", 0.0), ("valid", 4.0)):
        history[f"{split}_profile_loss"] = 180 + lift + 60 / epochs + (epochs > 7) * (lift > 0) * (epochs - 7) * 0.4
        history[f"{split}_counts_loss"] = 0.4 + lift / 40 + 1.5 / epochs
        history[f"{split}_loss"] = history[f"{split}_profile_loss"] + 4.3 * history[f"{split}_counts_loss"]
    history["seconds"] = 41.2
    tree.table(f"{here}/models/{model}.history.tsv", history)
    tree.write(
        f"{here}/models/{model}.json",
        "train",
        model=model,
        parameters=238_593 if bias else 6_372_611,
        architecture={"kind": "bpnet", "filters": 128 if bias else 512, "layers": 4 if bias else 8},
        recipe={"epochs": 50, "patience": 5, "batch_size": 64, "learning_rate": 0.001, "seed": 1234,
                "jitter": 0 if bias else 500, "negative_ratio": 0.1, "counts_loss_weight": 4.3},
        device="cpu",
        precision="bfloat16",
        threads=2,
        epochs_run=12,
        best_epoch=7,
        best_valid_loss=197.25,
        stopped="patience",
        examples_per_epoch=3410,
        examples_per_second=1234.5,
        seconds=494.4,
        environment={"python": "3.11.9", "torch": "2.9.1", "numpy": "2.3.4", "bpflow": "0.1.0"},
    )  # fmt: skip
    _benchmark(tree, f"benchmarks/train_{model}/{sample}.fold_{fold}.tsv", 494.4, 3072)
    half = rows // 2
    observed = rng.normal(5.5, 1.0, rows)
    observed[half:] -= 2.5
    table = pd.DataFrame(
        {
            "chrom": "chrI",
            "center": np.arange(rows) * 50 + 2000,
            "peak": (np.arange(rows) < half).astype(int),
            "observed_total": np.round(np.exp(observed)),
            "observed_log_counts": observed,
            "predicted_log_counts": observed * (0.1 if bias else 0.8) + rng.normal(1, 0.5, rows),
            "jsd": 0.5,
            "norm_jsd": rng.beta(5, 6, rows),
        }
    )
    table.loc[rows - 1, "norm_jsd"] = np.nan
    tree.table(f"{here}/evaluation/{model}_regions.tsv.gz", table)
    groups = ("peaks", "nonpeaks", "peaks_and_nonpeaks")
    pearson = dict(zip(groups, (-0.1234, 0.3456, 0.2222) if bias else (0.7654, 0.4321, 0.8765), strict=True))
    position = np.arange(OUTPUT_LENGTH) - OUTPUT_LENGTH // 2
    expected = np.exp(-((position / 150) ** 2)) * (1 - 0.7 * np.exp(-((position / 12) ** 2))) + 0.02
    examples = []
    for quantile, total in ((0.05, 55), (0.25, 130), (0.5, 240), (0.75, 480), (0.95, 1500)):
        predicted = expected / expected.sum() * total * 0.9
        examples.append(
            {
                "chrom": "chrI",
                "center": 123_456,
                "quantile": quantile,
                "norm_jsd": 0.2 + quantile / 2,
                "observed": rng.poisson(expected / expected.sum() * total).tolist(),
                "predicted": predicted.round(5).tolist(),
                "observed_total": total,
                "predicted_total": total * 0.9,
            }
        )
    verdicts = [
        _verdict(
            "bias_counts_peaks",
            "bias model: Pearson r of counts in peaks",
            -0.1234,
            "good",
            "above -0.3 good, above -0.5 check",
            "kundajelab/chrombpnet report advice",
            "The bias model does not predict accessibility.",
        )
        if bias
        else _verdict(
            "counts_peaks",
            "ChromBPNet: Pearson r of counts in peaks",
            0.7654 if fold != 1 else 0.4512,
            "good" if fold != 1 else "check",
            "above 0.5 good, above 0.3 check",
            "kundajelab/chrombpnet report advice",
            "Counts are predicted well." if fold != 1 else "Look at the scatter plot; shallow samples end here.",
        )
    ]
    tree.write(
        f"{here}/evaluation/{model}_metrics.json",
        "evaluate",
        counts_metrics={g: {"spearmanr": pearson[g] - 0.05, "pearsonr": pearson[g], "mse": 0.5678} for g in groups},
        profile_metrics={g: {"median_jsd": 0.4567, "median_norm_jsd": 0.3579} for g in groups},
        regions=dict.fromkeys(groups, half),
        empty_regions=dict.fromkeys(groups, 3),
        multinomial_nll=dict.fromkeys(groups, 345.678),
        yardsticks={
            g: {
                "pearsonr": {"value": pearson[g], "constant": 0.0, "floor": 0.0, "ceiling": 0.9,
                             "share": pearson[g] / 0.9, "standard_error": 0.02},
                "median_jsd": {"value": 0.4567, "constant": 0.7, "floor": 0.6, "ceiling": 0.4, "share": 0.7165,
                               "standard_error": 0.02},
            }
            for g in groups
        },
        halves={g: {"pearsonr": 0.81, "median_jsd": 0.65} for g in groups},
        model_kind=model,
        split="test",
        chromosomes=["chrI"],
        examples=examples,
        verdicts=verdicts,
    )  # fmt: skip


def locus(name: str, start: int, *, quantile: float | None = None, folds=(0,), held_out=True, length: int = 300):
    """A locus whose contributions are largest from base 120 on, and whose first 10 bases have no prediction."""
    rng = np.random.default_rng(start)
    expected = rng.gamma(1, 0.2, length).astype(np.float32)
    expected[:10] = np.nan
    scores = rng.normal(0, 0.001, length).astype(np.float32)
    scores[120 : 120 + LOGO_WIDTH] = 0.05
    observed = rng.poisson(0.5, length)
    tracks = {"observed": observed, **dict.fromkeys(("with_bias", "corrected", "bias"), expected)}
    return {
        "name": name,
        "chrom": "chrIV",
        "start": start,
        "end": start + length,
        "quantile": quantile,
        "folds": list(folds),
        "held_out": held_out,
        "windows": 1,
        "unpredicted": 10,
        "totals": {track: float(np.nansum(values)) for track, values in tracks.items()},
        "sequence": "".join(rng.choice(list("ACGT"), length)),
        "insertions": {track: pack(values) for track, values in tracks.items()},
        "contributions": {head: pack(scores) for head in ("counts", "profile")},
    }


def _loci(tree: Tree, sample: str) -> None:
    tree.write(
        f"{sample}/loci/loci.json",
        "loci",
        peaks={"shown": 1, "ranked": 700, "rule": "Peaks are ranked."},
        input_length=2114,
        output_length=OUTPUT_LENGTH,
        references=20,
        loci=[locus("GAL1", 9000), locus("chrIV:1001-1300", 1000, quantile=0.5)],
    )


def _comparison(tree: Tree, samples: Sequence[str]) -> None:
    pairs = [
        {"first": first, "second": second, "shared": 1234, "observed_r": 0.871, "predicted_r": 0.912,
         "difference_r": 0.412}
        for first, second in combinations(samples, 2)
    ]  # fmt: skip
    names = [{"name": name, "peaks": 4321} for name in samples]
    tree.write("comparison.json", "comparison", samples=names, shared_within=250, pairs=pairs)


def _mean_footprints(tree: Tree, sample: str, folds: Sequence[int]) -> None:
    record = json.loads((tree.root / f"{sample}/fold_{folds[0]}/evaluation/footprints.json").read_text())
    verdicts = [{**item, "name": "mean response to bias probes"} for item in record["verdicts"]]
    tree.write(f"{sample}/mean/footprints.json", **{**record, "models": len(folds), "verdicts": verdicts})


def _questions(tree: Tree, sample: str, fold: int, rng: np.random.Generator) -> None:
    here = f"{sample}/fold_{fold}"
    tree.write(
        f"{here}/models/bias_scaled.json",
        "scale-bias",
        delta=0.4321,
        regions=2222,
        observed_mean=4.444,
        predicted_mean=4.012,
    )
    position = np.arange(200) - 100

    def response(spike: float, dip: float) -> dict[str, Any]:
        profile = (
            0.001
            + spike * np.exp(-((position / 3) ** 2))
            + dip * (np.exp(-(((abs(position) - 25) / 9) ** 2)) - 0.6 * np.exp(-((position / 8) ** 2)))
        )
        profile = np.maximum(profile + rng.normal(0, 2e-5, 200), 0)
        return {
            "max": float(profile.max()),
            "max_centre": float(profile[60:140].max()),
            "depth": 0.25,
            "log2_fold_counts": dip * 900,
            "profile": profile.tolist(),
        }

    motifs = [
        {"name": name, "sequence": sequence, "kind": kind, "corrected": response(0.0004 * probe, 0.0012 * (1 - probe)),
         "with_bias": response(0.012 * probe + 0.002, 0.001 * (1 - probe))}
        for kind, entries, probe in (("bias_probe", PROBES, 1), ("motif", MOTIFS, 0))
        for name, sequence in entries.items()
    ]  # fmt: skip
    advice = "The corrected model still answers to the enzyme's motif; lower --threshold-factor of the bias model."
    tree.write(
        f"{here}/evaluation/footprints.json",
        "footprints",
        backgrounds=256,
        window=200,
        output_length=OUTPUT_LENGTH,
        motifs=motifs,
        control={"corrected": response(0, 0), "with_bias": response(0, 0)},
        bias_response={"corrected": 0.00141, "with_bias": 0.0144, "control": 0.0011, "threshold": 0.003,
                       "ratio_to_control": 1.28, "ratio_to_uncorrected": 0.098, "verdict": "corrected",
                       "centre": {"corrected": 0.0013, "with_bias": 0.0144, "control": 0.001,
                                  "ratio_to_control": 1.3, "ratio_to_uncorrected": 0.09},
                       "official": "corrected_0.001_0.001/0.001"},
        verdicts=[_verdict("bias_response", "largest corrected response to bias probes",
                           0.00141 if fold != 2 else 0.0061,
                           "good" if fold != 2 else "fail", "below 0.003 good, below 0.005 check",
                           "kundajelab/chrombpnet report advice", "Bias is removed." if fold != 2 else advice)],
    )  # fmt: skip
    planted = dict(zip(MOTIFS, (1.9, 1.2, 0.8, 0.3), strict=True))
    tree.write(
        f"{here}/evaluation/recovery.json",
        "recovery",
        motifs=[
            {"name": name, "sequence": MOTIFS[name], "planted_log2_fold": effect,
             "predicted_log2_fold": 0.85 * effect, "shuffled_log2_fold": 0.02,
             "with_bias_log2_fold": effect - 0.3}
            for name, effect in planted.items()
        ],
        profile={"regions": 456, "corrected_r": 0.8712, "with_bias_r": 0.6123, "observed_r": 0.4111},
        bias={"regions": 912, "r": 0.9345},
        verdicts=[_verdict("truth_motifs", "planted motif effects recovered", 0.971, "good", "r above 0.9",
                           "bpflow simulation", "")],
    )  # fmt: skip


def _motifs(tree: Tree, sample: str) -> None:
    """Two motifs of the corrected parts, one of which is negative and unnamed; one of the bias model's profile."""
    for view in ("corrected", "bias"):
        heads = {head: {"largest_gap": 2e-6, "typical_difference": 1.2, "relative_gap": 1.7e-6} for head in HEADS}
        tree.write(
            f"{sample}/mean/contributions/{view}/contributions.json",
            "contributions",
            regions=3456,
            references=20,
            view=view,
            heads=heads,
            verdicts=[
                _verdict(
                    f"additivity_{head}",
                    f"Contributions to {head} of the {view} part add up",
                    1.7e-6,
                    "good",
                    "below 1 %",
                    "bpflow",
                    "",
                )
                for head in heads
            ],
        )
        for head in heads:
            patterns = [
                _pattern("pos_patterns.pattern_0", "Reb1" if view == "corrected" else "Tn5", "TTACCCG", 321, 0.001),
                _pattern("neg_patterns.pattern_0", "CCAAT", "CCAAT", 23, None),
            ]
            tree.write(
                f"{sample}/mean/motifs/{view}/{head}/motifs.json",
                "motifs",
                head=head,
                view=view,
                regions=3456,
                window=500,
                database=141,
                patterns=[] if (view, head) == ("bias", "counts") else patterns,
                verdicts=[
                    _verdict(
                        f"motifs_{head}", f"Motifs of the {view} {head}", 0.0, "good", "none", "bpflow", "As hoped."
                    )
                ],
            )


def _pattern(name: str, label: str, consensus: str, seqlets: int, q: float | None) -> dict[str, Any]:
    frequencies = np.full((len(consensus), 4), 0.02)
    frequencies[np.arange(len(consensus)), ["ACGT".index(base) for base in consensus]] = 0.94
    sign = -1 if name.startswith("neg") else 1
    return {
        "pattern": name,
        "label": label,
        "consensus": consensus,
        "seqlets": seqlets,
        "instances": 2 * seqlets,
        "match_1": label if q else "",
        "p_1": q and q / 50,
        "q_1": q,
        "frequencies": frequencies.tolist(),
        "contributions": (sign * 0.1 * (frequencies > 0.5)).tolist(),
    }


def _variants(tree: Tree, sample: str) -> None:
    """Most of a file's alleles scored, two kinds not."""
    tree.write(
        f"{sample}/variants/variants.json",
        "variants",
        variants="v.vcf.gz",
        format="VCF",
        folds=["0", "1"],
        alleles=4321,
        status={"scored": 4300, "reference_mismatch": 20, "edge": 1, "no_change": 0},
        duplicates=3,
        sorted=True,
        null=2000,
        peaks={"file": "peaks.narrowPeak", "n": 987},
        significant={"q": 0.05, "log2_fold_counts": 123, "jsd": 86, "integrative_effect": 43},
        messages=[],
    )
