"""What Snakemake plans: jobs and files of each kind of configuration, and commands that the command line accepts."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import pytest
from plans import ROOT, Project, job_counts, made, make_all, shell_commands, snakemake

from bpflow.cli import COMMANDS
from bpflow.run_status import STAGE_OF

# Each takes seconds, as Snakemake's own start does.
pytestmark = pytest.mark.slow

ONCE = {"genome": 1, "folds": 1, "resolved_config": 1, "qc_report": 1, "full_report": 1, "browser_files": 1}
#: Jobs of one sample with reads, in one fold.
PER_SAMPLE = {
    "signal": 1,
    "peaks": 1,
    "tracks": 1,
    "average_contributions": 2,
    "motifs": 4,
    "loci": 1,
    "sample_page": 1,
    "official_bias": 1,
    "official_weights": 1,
}
PER_FOLD = {
    "nonpeaks": 1,
    "select_bias": 1,
    "select_chrombpnet": 1,
    "train_bias": 1,
    "evaluate_bias": 1,
    "train_chrombpnet": 1,
    "evaluate_chrombpnet": 1,
    "contributions": 2,
}


def expected(*, samples: int = 1, folds: int = 1, **changes: int) -> dict[str, int]:
    jobs = {
        **ONCE,
        "average_footprints": samples if folds > 1 else 0,
        "compare": int(samples > 1),
        **{name: n * samples for name, n in PER_SAMPLE.items()},
        **{name: n * samples * folds for name, n in PER_FOLD.items()},
        **changes,
    }
    return {name: n for name, n in jobs.items() if n}


def planned(project: Project) -> tuple[dict[str, int], list[str]]:
    """Jobs by rule, and the shell commands, of a dry run."""
    done = project.snakemake("--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    text = done.stdout + done.stderr
    return job_counts(text), list(shell_commands(text))


def in_parts(*, contributions: int, gathered: int = 2) -> dict[str, int]:
    """Changes to the jobs where contributions are divided."""
    return {"contributions": 0, "contribution_parts": contributions, "gather_contributions": gathered}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone as far as a plan can see: tracked configurations, and nothing that a run made."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path


@pytest.mark.parametrize("config", [None, "config/demo/config.yaml", "config/demo/config.dnase.yaml"])
def test_fresh_clone_shows_the_demo(clone: Path, config: str | None) -> None:
    done = snakemake("--dry-run", *(["--configfile", config] if config else []), folder=clone)
    assert done.returncode == 0, done.stdout + done.stderr
    assert job_counts(done.stdout + done.stderr) == expected(
        demo_data=1, recovery=1, **in_parts(contributions=4), variant_scores=2, variants=1
    )


def test_yeast(clone: Path) -> None:
    """Absent data are said to be absent; with them, two folds are planned."""
    arguments = ("--dry-run", "--configfile", "config/yeast/config.yaml", "--config", "data=yeast")
    done = snakemake(*arguments, folder=clone)
    assert done.returncode != 0
    assert "config, key data: no folder 'yeast'" in done.stdout + done.stderr
    (clone / "yeast").mkdir()
    for name in ("sacCer3.fa.gz", "fragments.tsv.gz", "blacklist.bed"):
        (clone / "yeast" / name).touch()
    done = snakemake(*arguments, folder=clone)
    assert job_counts(done.stdout + done.stderr) == expected(folds=2)


def test_genome_by_name(project: Project) -> None:
    """One job fetches it, and all others find its files in the results."""
    project.config |= {"genome": "hg38", "folds": {"n": 5, "run": [0, 1]}}
    done = project.snakemake("--dry-run")
    text = done.stdout + done.stderr
    assert job_counts(text) == expected(folds=2, fetch_genome=1)
    assert {f"results/genome/fetched/{name}" for name in ("fetched.json", "hg38.fa.gz", "fold_4.json")} <= made(text)
    (fetch,) = commands_of(text, "fetch-genome")
    assert "fetch-genome hg38 --parts fasta blacklist fold_0 fold_1 fold_2 fold_3 fold_4 " in fetch
    (encode,) = commands_of(text, "genome")
    assert "--fasta results/genome/fetched/hg38.fa.gz" in encode
    (folds,) = commands_of(text, "folds")
    assert "--given results/genome/fetched/fold_0.json" in folds
    (peaks,) = commands_of(text, "peaks")
    assert "--blacklist results/genome/fetched/ENCFF356LFX.bed.gz" in peaks
    project.config["genome"] = {"name": "mm39", "fasta": "{data}/genome.fa"}
    assert project.plan() == expected(folds=2)


def test_reads(project: Project) -> None:
    assert project.plan() == expected()


def test_several_samples_and_all_folds(project: Project) -> None:
    project.rows = [{**project.rows[0], "sample": name} for name in ("A", "A.1", "B")]
    project.config["folds"] = {"n": 3, "run": [0, 1, 2]}
    assert project.plan() == expected(samples=3, folds=3)


def test_given_peaks(project: Project) -> None:
    project.rows = [{**project.rows[0], "peaks": "{data}/given.narrowPeak"}]
    done = project.snakemake("--dry-run")
    assert job_counts(done.stdout + done.stderr) == expected()
    (command,) = (line for line in shell_commands(done.stdout + done.stderr) if "bpflow peaks" in line)
    assert "--peaks data/given.narrowPeak" in command


def test_a_set_of_peaks_is_the_consensus_of_its_samples(project: Project) -> None:
    row = {**project.rows[0], "peak_set": "blood"}
    project.rows = [row, {**row, "sample": "B", "peaks": "{data}/given.narrowPeak"}, {**project.rows[0], "sample": "C"}]
    project.config["peak_sets"] = {"min_samples": 2}
    jobs, commands = planned(project)
    assert jobs == expected(samples=3, own_peaks=2, consensus_peaks=1)
    (joined,) = (line for line in commands if "bpflow consensus" in line)
    assert "--sample A results/A/peaks/own.narrowPeak --sample B results/B/peaks/own.narrowPeak" in joined
    assert "--min-samples 2 " in joined
    given = {name: f"--output results/{name}/peaks/peaks.narrowPeak" for name in "ABC"}
    (shared,) = (line for line in commands if given["B"] in line)
    assert "--peaks results/peak_sets/blood.narrowPeak" in shared
    assert "--peaks" not in next(line for line in commands if given["C"] in line)
    (own,) = (line for line in commands if "--output results/B/peaks/own.narrowPeak" in line)
    assert "--peaks data/given.narrowPeak" in own


def test_a_shared_bias_model_is_trained_once(project: Project) -> None:
    """Another sample's, or that of a sample for which nothing else is trained."""
    row = project.rows[0]
    project.rows = [{**row, "train": "bias"}, *({**row, "sample": name, "bias_from": "A"} for name in "BC")]
    project.config["folds"] = {"n": 2, "run": [0, 1]}
    jobs, commands = planned(project)
    # The sample of bias models alone has its own page of what it has.
    changes = {"train_bias": 2, "average_footprints": 2, "official_bias": 1, "official_weights": 2}
    assert {name: jobs[name] for name in changes} == changes
    assert jobs["train_chrombpnet"] == 4
    assert jobs["sample_page"] == 3
    scaling = [line for line in commands if "bpflow scale-bias" in line]
    for fold in (0, 1):
        source = f"--model results/A/fold_{fold}/models/bias.safetensors "
        assert sum(source in line for line in scaling) == 2
    (page,) = (line for line in commands if "--stage all" in line and "--sample-pages" in line)
    assert "--samples B C " in page
    (folds,) = (line for line in commands if "bpflow folds" in line)
    assert all(f"results/{name}/peaks/peaks.narrowPeak" in folds for name in "ABC")


def test_cells_are_split_once_and_their_clusters_share_a_bias_model(project: Project) -> None:
    (project.folder / "cells.tsv").write_text("AC\tT cell\nGT\t10\nTT\t9\n")
    row = {**project.rows[0], "reads": "{data}/c.fragments.tsv.gz", "barcodes": "cells.tsv"}
    project.rows = [{**row, "sample": "x"}, {**row, "sample": "y.z", "bias_from": "x"}]
    jobs, commands = planned(project)
    assert (jobs["signal"], jobs["peaks"], jobs["sample_page"]) == (7, 7, 7)
    assert (jobs["train_bias"], jobs["train_chrombpnet"]) == (1, 6)
    splits = sorted(line for line in commands if "bpflow split" in line)
    assert len(splits) == 2
    assert (
        "--fragments data/c.fragments.tsv.gz --barcodes cells.tsv --format auto --output-dir results/x/c" in splits[0]
    )
    reads = [re.search("--reads (.+?) --format", line)[1] for line in commands if "bpflow signal" in line]
    assert sorted(reads) == [
        "data/c.fragments.tsv.gz",
        *(
            f"results/{name}/clusters/{cluster}.fragments.tsv.gz"
            for name in ("x", "y.z")
            for cluster in ("10", "9", "T_cell")
        ),
    ]
    scaling = [line for line in commands if "scale-bias" in line]
    assert all("--model results/x/fold_0/models/bias.safetensors " in line for line in scaling)


def test_samples_have_keys_of_their_own(project: Project) -> None:
    (project.folder / "deep.yaml").write_text(
        "model: {preset: full}\ntraining: {epochs: 7, bias_threshold_factor: [0.4, 0.6]}\n"
        "contributions: {views: [corrected], parts: 3}\nvariants: {file: '{data}/v.vcf', parts: 2}\ndevice: cpu\n"
    )
    project.rows = [project.rows[0], {**project.rows[0], "sample": "B", "config": "deep.yaml"}]
    jobs, commands = planned(project)
    assert (jobs["train_candidate"], jobs["train_bias"], jobs["chosen_bias"]) == (2, 1, 1)
    assert (jobs["variant_scores"], jobs["variants"]) == (2, 1)
    assert (jobs["contribution_parts"], jobs["gather_contributions"]) == (3, 1)
    assert (jobs["contributions"], jobs["average_contributions"]) == (2, 2 + 1)
    training = {
        name: next(x for x in commands if f"--output results/{name}/fold_0/models/chrombpnet" in x) for name in "AB"
    }
    assert "--filters 64 --layers 8" in training["A"]
    assert "--epochs 50 " in training["A"]
    assert "--device auto" in training["A"]
    assert "--filters 512 --layers 8" in training["B"]
    assert "--epochs 7 " in training["B"]
    assert "--device cpu" in training["B"]
    assert "--devices 0 " in training["B"]


def test_given_signal_is_checked_and_not_made(project: Project) -> None:
    project.rows = [{"sample": "A", "assay": "ATAC", "signal": "{data}/given.bw"}]
    done = project.snakemake("--dry-run")
    text = done.stdout + done.stderr
    assert job_counts(text) == expected(signal=0, check_signal=1)
    commands = [line for line in shell_commands(text) if "--signal" in line]
    assert len(commands) > 5
    assert all("--signal data/given.bw" in line for line in commands)


def test_given_bias_model_is_not_trained(project: Project) -> None:
    project.rows = [
        {**project.rows[0], "bias_model": "{data}/models/fold_{fold}.safetensors"},
        {**project.rows[0], "sample": "B"},
    ]
    project.config["folds"] = {"n": 3, "run": [0, 1]}
    done = project.snakemake("--dry-run")
    text = done.stdout + done.stderr
    assert job_counts(text) == expected(samples=2, folds=2, train_bias=2, official_bias=1)
    scalings = [line for line in shell_commands(text) if "scale-bias" in line]
    assert sorted(re.findall(r"--model (\S+)", " ".join(scalings))) == [
        "data/models/fold_0.safetensors",
        "data/models/fold_1.safetensors",
        "results/B/fold_0/models/bias.safetensors",
        "results/B/fold_1/models/bias.safetensors",
    ]


SWEEP = {
    "select_bias": 0,
    "train_bias": 0,
    **dict.fromkeys(("select_candidate", "train_candidate", "evaluate_candidate"), 1),
    "candidate_contributions": 1,
    "candidate_motifs": 2,
}


def swept(*, factors: int, folds: int) -> dict[str, int]:
    """Changes to the jobs of one sample where so many factors are tried."""
    jobs = {name: n * factors * folds for name, n in SWEEP.items()}
    return {**jobs, "choose_bias": 1, "chosen_bias": folds}


def test_factors_are_tried_and_one_is_chosen(project: Project) -> None:
    project.config |= {
        "folds": {"n": 3, "run": [0, 2]},
        "training": {"bias_threshold_factor": [1, 0.5, 0.8], "bias_motif_regions": 70},
        "contributions": {"parts": 3, "views": []},
    }
    done = project.snakemake("--dry-run")
    text = done.stdout + done.stderr
    unexplained = dict.fromkeys(("contributions", "average_contributions", "motifs"), 0)
    assert job_counts(text) == expected(folds=2, **swept(factors=3, folds=2), **unexplained)
    here = "results/A/fold_2/bias_sweep/0.8"
    (select,) = (line for line in commands_of(text, "select") if here in line)
    assert "select bias " in select
    assert "--threshold-factor 0.8 " in select
    (train,) = (line for line in commands_of(text, "train") if here in line)
    assert f"--nonpeaks {here}/regions/bias_nonpeaks.narrowPeak" in train
    assert f"--selection {here}/regions/bias_selection.json" in train
    (predict,) = (line for line in commands_of(text, "predict") if here in line)
    # The regions of all candidates, whatever each was trained on, and the fold's validation chromosomes alone.
    assert (
        "--regions results/A/peaks/peaks.narrowPeak --nonpeaks results/A/fold_2/regions/nonpeaks.narrowPeak " in predict
    )
    assert "--fold results/folds/fold_2.json --split valid " in predict
    (evaluate,) = (line for line in commands_of(text, "evaluate") if here in line)
    assert f"--predictions {here}/predictions/bias.h5 " in evaluate
    assert "--model-kind bias " in evaluate
    (explain,) = (line for line in commands_of(text, "contributions") if here in line)
    assert f"--model {here}/models/bias.safetensors --view bias " in explain
    assert "--max-regions 70 " in explain
    assert "--fold results/folds/fold_2.json --split valid " in explain
    assert sum(here in line for line in commands_of(text, "motifs")) == 2
    (choose,) = commands_of(text, "choose-bias")
    words = [line.split() for line in choose.split(" --output ")[0].split("--candidate ")[1:]]
    assert words == [
        [factor, fold, *(f"results/A/fold_{fold}/bias_sweep/{factor}/{file}" for file in files)]
        for factor in ("0.5", "0.8", "1.0")
        for fold in ("0", "2")
        for files in [("evaluation/bias_metrics.json", "motifs/counts/motifs.json", "motifs/profile/motifs.json")]
    ]
    assert {
        f"results/A/fold_2/{name}" for name in ("models/bias.safetensors", "regions/bias_peaks.narrowPeak")
    } <= made(text)


def test_the_chosen_model_alone_meets_the_test_chromosomes(project: Project) -> None:
    project.config["training"] = {"bias_threshold_factor": [0.5, 0.8]}
    text = project.snakemake("bias", "--dry-run").stdout
    tested = [line for line in commands_of(text, "predict") if "--split test" in line]
    assert [re.findall(r"--model (\S+)", line) for line in tested] == [["results/A/fold_0/models/bias.safetensors"]]


def test_one_factor_in_a_list_is_that_factor(project: Project) -> None:
    project.config["training"] = {"bias_threshold_factor": [0.7]}
    done = project.snakemake("--dry-run")
    assert job_counts(done.stdout) == expected()
    (select,) = (line for line in commands_of(done.stdout, "select") if "select bias" in line)
    assert "--threshold-factor 0.7 " in select


def test_a_given_bias_model_skips_the_choice(project: Project) -> None:
    project.rows = [
        {**project.rows[0], "bias_model": "{data}/models/fold_{fold}.safetensors"},
        {**project.rows[0], "sample": "B"},
    ]
    project.config["training"] = {"bias_threshold_factor": [0.3, 0.8]}
    done = project.snakemake("--dry-run")
    jobs = {**swept(factors=2, folds=1), "select_bias": 1}
    assert job_counts(done.stdout) == expected(samples=2, official_bias=1, **jobs)
    (select,) = (line for line in commands_of(done.stdout, "select") if "select bias" in line and "results/A/" in line)
    assert "--threshold-factor 0.5 " in select
    (choose,) = commands_of(done.stdout, "choose-bias")
    assert "--output results/B/bias_choice/choice.json " in choose


def test_nothing_is_trained_for_the_first_report(project: Project) -> None:
    project.config["training"] = {"bias_threshold_factor": [0.3, 0.8]}
    assert "train_candidate" not in project.plan("qc")


def test_official_files_are_a_choice_and_a_given_bias_model_may_be_one(project: Project) -> None:
    project.rows = [{**project.rows[0], "bias_model": "{data}/models/bias_{fold}.h5"}]
    (project.folder / "data/models/bias_0.h5").touch()
    done = project.snakemake("--dry-run")
    text = done.stdout + done.stderr
    assert job_counts(text) == expected(train_bias=0, official_bias=0)
    commands = shell_commands(text)
    assert any("scale-bias --model data/models/bias_0.h5" in line for line in commands)
    assert any("convert results/A/fold_0/models/bias_scaled.safetensors" in line for line in commands)
    project.config["official_h5"] = False
    assert project.plan() == expected(train_bias=0, official_bias=0, official_weights=0)


def test_replicates_have_a_signal_each(project: Project) -> None:
    project.rows = [
        {**project.rows[0], "reads": "{data}/a.bam,{data}/b.bam", "reads_already_shifted": "0/0,+4/-5"},
        {**project.rows[0], "sample": "B", "peaks": "{data}/given.narrowPeak"},
    ]
    project.config["peaks"] = {"reproducible": "replicates"}
    done = project.snakemake("--dry-run")
    text = done.stdout + done.stderr
    assert job_counts(text) == expected(samples=2, signal_replicate=2)
    commands = shell_commands(text)
    replicates = [line for line in commands if "/replicates/" in line and "bpflow signal" in line]
    assert sorted(re.findall(r"--reads (\S+) .*--input-shift (\S+) ", "\n".join(replicates))) == [
        ("data/a.bam", "0/0"),
        ("data/b.bam", "+4/-5"),
    ]
    assert any("--reads data/a.bam data/b.bam" in line and "--input-shift 0/0 +4/-5" in line for line in commands)
    (peaks,) = (line for line in commands if "bpflow peaks" in line and "results/A/" in line)
    assert "--replicates results/A/signal/replicates/0.bw results/A/signal/replicates/1.bw" in peaks


def test_braces_spaces_and_quotes_reach_the_commands(project: Project) -> None:
    (project.folder / "data" / "my reads.bam").touch()
    project.rows = [{**project.rows[0], "reads": "{data}/my reads.bam"}]
    project.config["genome"]["chromosomes"] = r"chr\d{1}"
    project.config["report"] = {"title": "{mine} & it's"}
    text = project.snakemake("--dry-run").stdout
    words = [shlex.split(line.split(" > ")[0]) for line in shell_commands(text)]
    assert ("--reads", "data/my reads.bam") in {pair for line in words for pair in pairwise(line)}
    assert r"--chromosomes=chr\d{1}" in {word for line in words for word in line}
    assert "--title={mine} & it's" in {word for line in words for word in line}


def test_names_that_hold_commands_are_names_to_the_shell(project: Project) -> None:
    """Every command of a run is given to a shell in which `python` writes down its arguments."""
    name = """d; touch pwned; $(touch pwned) `touch pwned` it's "q" & | * \\ # é日"""
    (project.folder / "data").rename(project.folder / name)
    given = {"peaks": "{data}/given.narrowPeak", "bias_model": "{data}/models/fold_0.safetensors"}
    project.rows = [
        {"sample": "A", "assay": "ATAC", "reads": "{data}/a.bam,{data}/b.bam"},
        {"sample": "B", "assay": "ATAC", "signal": "{data}/given.bw", **given},
    ]
    project.config |= {
        "data": name,
        "genome": {"fasta": "{data}/genome.fa", "blacklist": "{data}/blacklist.bed", "chromosomes": "$(touch pwned)"},
        "folds": {"n": 2, "files": ["{data}/fold_a.json", "{data}/fold_b.json"]},
        "footprints": {"motifs": "{data}/motifs.tsv"},
        "predictions": {"parts": 2},
        "contributions": {"parts": 2},
        "motifs": {"database": "{data}/motifs.tsv"},
        "mutagenesis": {"regions": "{data}/given.narrowPeak"},
        "variants": {"file": "{data}/v.vcf"},
        "truth": "{data}/truth.json",
        "report": {
            "title": "; touch pwned; $(touch pwned) `touch pwned` ' \"",
            "loci": "{data}/blacklist.bed",
            "email": "$(touch${IFS}pwned);",
        },
    }
    done = project.snakemake("--dry-run")
    assert done.returncode == 0, done.stdout + done.stderr
    commands = [re.sub(r" >>? results/logs/\S+ 2>&1", "", line) for line in shell_commands(done.stdout)]
    script = "\n".join(["python() { printf '%s\\n' \"$@\"; }", *(line for line in commands if line != "None")])
    shell = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=project.folder, capture_output=True, text=True, check=False
    )
    assert (shell.returncode, shell.stderr) == (0, "")
    assert not list(project.folder.rglob("pwned"))
    words = set(shell.stdout.splitlines())
    files = ["genome.fa", "a.bam", "b.bam", "given.bw", "given.narrowPeak", "blacklist.bed", "motifs.tsv", "v.vcf"]
    files += ["models/fold_0.safetensors", "fold_a.json", "fold_b.json", "truth.json"]
    assert {f"{name}/{file}" for file in files} <= words
    report = project.config["report"]
    assert {f"--title={report['title']}", f"--email={report['email']}", "--chromosomes=$(touch pwned)"} <= words


def test_the_report_is_printed_where_it_is_asked_for(project: Project) -> None:
    reports = [line for line in shell_commands(project.snakemake("--dry-run").stdout) if "bpflow report" in line]
    assert not any("--pdf" in line for line in reports)
    project.config["report"] = {"pdf": True}
    text = project.snakemake("--dry-run").stdout
    assert "results/report.pdf" in made(text)
    (printed,) = (line for line in shell_commands(text) if "--pdf results/report.pdf" in line)
    assert "--output results/report.html" in printed


def test_variants_are_scored_in_parts_for_each_sample(project: Project) -> None:
    project.rows = [{**project.rows[0], "sample": name} for name in ("A", "B")]
    project.config |= {
        "folds": {"n": 3, "run": [0, 2]},
        "variants": {"file": "{data}/v.vcf", "null_variants": 500, "parts": 3, "top": 5},
    }
    done = project.snakemake("--dry-run")
    text = done.stdout + done.stderr
    assert job_counts(text) == expected(samples=2, folds=2, variant_scores=6, variants=2)
    commands = shell_commands(text)
    scoring = [line for line in commands if "bpflow variants" in line and "results/A/" in line]
    assert sorted(re.findall(r"--part (\S+) --scores (\S+) ", "\n".join(scoring))) == [
        (f"{part}/3", f"results/A/variants/parts/{part}.h5") for part in (1, 2, 3)
    ]
    models = "--models results/A/fold_0/models/chrombpnet.safetensors results/A/fold_2/models/chrombpnet.safetensors"
    assert all(f"{models} --folds 0 2 " in line for line in scoring)
    assert all("--variants data/v.vcf " in line and "--null 500 --seed 1234" in line for line in scoring)
    (gathering,) = (line for line in commands if "gather-variants" in line and "results/B/" in line)
    assert "--figures results/B/variants/figures --top 5" in gathering
    files = {"variants.tsv.gz", "variants.vcf.gz", "variants.json", "figures", *(f"parts/{k}.h5" for k in (1, 2, 3))}
    assert {f"results/{name}/variants/{file}" for name in "AB" for file in files} <= made(text)


def test_no_figures_of_variants_where_none_are_wanted(project: Project) -> None:
    project.config["variants"] = {"file": "{data}/v.vcf", "top": 0}
    done = project.snakemake("--dry-run")
    assert job_counts(done.stdout + done.stderr) == expected(variant_scores=1, variants=1)
    (gathering,) = (line for line in shell_commands(done.stdout + done.stderr) if "gather-variants" in line)
    assert "--top 0 " in gathering
    project.config["variants"] = None
    assert project.plan() == expected()


def test_named_targets(project: Project) -> None:
    region_stages = {"genome", "signal", "peaks", "folds", "nonpeaks", "select_bias", "select_chrombpnet"}
    pages = {"resolved_config", "sample_page"}
    assert set(project.plan("qc")) == region_stages | pages | {"qc_report"}
    bias_stages = {"train_bias", "evaluate_bias"}
    assert set(project.plan("bias")) == region_stages | bias_stages | pages
    training = {"train_chrombpnet", "official_bias", "official_weights"}
    assert set(project.plan("train")) == region_stages | bias_stages | training
    assert project.plan("all") == project.plan() == expected()


def test_output_tree(project: Project) -> None:
    """Every file of the documented tree is made, under the name that it is documented with."""
    project.config |= {"truth": "{data}/truth.json", "results": "out/run", "folds": {"n": 2, "run": [1]}}
    done = project.snakemake("--dry-run")
    fold = "out/run/A/fold_1"
    views, scores = ("corrected", "bias"), ("counts.h5", "profile.h5")
    regions = ("nonpeaks", "bias_peaks", "bias_nonpeaks", "chrombpnet_peaks", "chrombpnet_nonpeaks", "scaling_nonpeaks")
    assert made(done.stdout + done.stderr) == {
        *(f"out/run/genome/{name}" for name in ("genome.json", "genome.seq", "chrom.sizes")),
        *(f"out/run/folds/{name}.json" for name in ("folds", "fold_0", "fold_1")),
        *(f"out/run/A/signal/{name}" for name in ("insertions.bw", "signal.json")),
        *(f"out/run/A/peaks/{name}" for name in ("peaks.narrowPeak", "peaks.json")),
        *(f"{fold}/regions/{name}.narrowPeak" for name in regions),
        *(f"{fold}/regions/{name}.json" for name in ("nonpeaks", "bias_selection", "chrombpnet_selection")),
        *(f"{fold}/models/{name}.safetensors" for name in ("bias", "bias_scaled", "chrombpnet", "chrombpnet_nobias")),
        *(f"{fold}/models/{name}.h5" for name in ("bias", "bias_model_scaled", "chrombpnet", "chrombpnet_nobias")),
        *(f"{fold}/models/{name}.history.tsv" for name in ("bias", "chrombpnet")),
        *(f"{fold}/models/{name}.json" for name in ("bias", "bias_scaled", "chrombpnet")),
        *(f"{fold}/predictions/{name}.h5" for name in ("bias", "chrombpnet")),
        *(f"{fold}/evaluation/{name}_metrics.json" for name in ("bias", "chrombpnet")),
        *(f"{fold}/evaluation/{name}_regions.tsv.gz" for name in ("bias", "chrombpnet")),
        *(f"{fold}/evaluation/{name}" for name in ("footprints.h5", "footprints.json", "recovery.json")),
        *(
            f"out/run/A/tracks/{combine}/{track}.bw"
            for combine in ("crossfit", "mean")
            for track in ("observed", "with_bias", "bias", "corrected")
        ),
        *(
            f"{folder}/contributions/{view}/{name}"
            for folder in (fold, "out/run/A/mean")
            for view in views
            for name in (*scores, "counts.bw", "profile.bw", "contributions.json")
        ),
        *(
            f"out/run/A/mean/motifs/{view}/{head}/{name}"
            for view in views
            for head in ("counts", "profile")
            for name in ("modisco.h5", "motifs.tsv", "motifs.meme", "motifs.json", "instances.bed.gz")
        ),
        "out/run/A/loci/loci.json",
        *(f"out/run/browser/{name}" for name in ("hub.txt", "igv_session.xml", "genome.2bit")),
        *(f"out/run/{name}" for name in ("config.json", "qc.html", "report.html", "A/report.html")),
    }


def test_folds_are_averaged_where_there_are_several(project: Project) -> None:
    project.config |= {"folds": {"n": 3, "run": [0, 2]}, "footprints": {"tf_motifs": "yeast"}}
    done = project.snakemake("--dry-run")
    text = done.stdout + done.stderr
    assert {f"results/A/mean/footprints.{kind}" for kind in ("h5", "json")} <= made(text)
    commands = shell_commands(text)
    (average,) = (line for line in commands if "bpflow average-footprints" in line)
    inputs = [f"results/A/fold_{fold}/evaluation/footprints.h5" for fold in (0, 2)]
    assert f"--inputs {' '.join(inputs)} --output results/A/mean/footprints.h5" in average
    footprints = [line for line in commands if "bpflow footprints" in line]
    assert len(footprints) == 2
    assert all(" --tf-motifs yeast " in line for line in footprints)


def test_mutagenesis_of_chosen_regions(project: Project) -> None:
    project.config |= {
        "folds": {"n": 3, "run": [0, 2]},
        "mutagenesis": {"regions": "{data}/given.narrowPeak", "width": 50},
    }
    project.rows = [{**project.rows[0], "sample": name} for name in ("A", "B")]
    done = project.snakemake("--dry-run")
    text = done.stdout + done.stderr
    assert job_counts(text) == expected(samples=2, folds=2, mutagenesis=2)
    assert {f"results/{sample}/mean/mutagenesis.h5" for sample in "AB"} <= made(text)
    commands = [line for line in shell_commands(text) if "bpflow mutagenesis" in line and "results/A/" in line]
    models = [f"results/A/fold_{fold}/models/chrombpnet.safetensors" for fold in (0, 2)]
    assert f"--model {' '.join(models)} --genome" in commands[0]
    assert "--regions data/given.narrowPeak --width 50 " in commands[0]


def test_loci_and_files_for_genome_browsers(project: Project) -> None:
    project.config["folds"] = {"n": 3, "run": [0, 2]}
    project.config["report"] = {
        "loci": "{data}/given.narrowPeak",
        "peaks_shown": 0,
        "genome_name": "hg38",
        "email": "it's@me.org",
    }
    done = project.snakemake("--dry-run")
    text = done.stdout + done.stderr
    assert job_counts(text) == expected(folds=2)
    assert "results/browser/genome.2bit" not in made(text)
    (loci,) = commands_of(text, "loci")
    assert "--folds results/folds/fold_0.json results/folds/fold_2.json --fold-numbers 0 2 " in loci
    assert " --loci data/given.narrowPeak " in loci
    assert " --peaks 0 " in loci
    words = shlex.split(commands_of(text, "hub")[0].split(" > ")[0])
    values = dict(pairwise(words))
    assert values["--genome-name"] == "hg38"
    assert "--email=it's@me.org" in words
    project.config["report"] = {"peaks_shown": 0}
    assert project.plan() == expected(folds=2, loci=0)


def commands_of(text: str, command: str) -> list[str]:
    return [line for line in shell_commands(text) if f"bpflow {command} " in line]


def test_only_the_views_that_are_wanted_are_explained(project: Project) -> None:
    jobs = ("contributions", "average_contributions", "motifs")
    project.config["contributions"] = {"views": []}
    assert project.plan() == expected(**dict.fromkeys(jobs, 0))
    project.config["contributions"] = {"views": ["bias"]}
    assert project.plan() == expected(**dict(zip(jobs, (1, 1, 2), strict=True)))


def test_contributions_are_computed_in_parts_and_averaged_over_folds(project: Project) -> None:
    project.config |= {
        "folds": {"n": 3, "run": [0, 2]},
        "contributions": {"parts": 3, "regions": 50, "references": 7},
        "seed": 4,
    }
    text = project.snakemake("--dry-run").stdout
    assert job_counts(text) == expected(folds=2, **in_parts(contributions=12, gathered=4))
    parts = [line for line in commands_of(text, "contributions") if "fold_2" in line and "--view bias" in line]
    assert sorted(re.findall(r"--part (\S+)", " ".join(parts))) == ["1/3", "2/3", "3/3"]
    for line in parts:
        assert "--model results/A/fold_2/models/chrombpnet.safetensors" in line
        assert "--regions results/A/peaks/peaks.narrowPeak --max-regions 50 --references 7 " in line
        assert " --seed 4 " in line
    (gather,) = (line for line in commands_of(text, "gather-contributions") if "fold_2/contributions/bias" in line)
    folders = " ".join(f"results/A/fold_2/contributions/bias/parts/{part}" for part in (1, 2, 3))
    assert f"--inputs {folders} --genome" in gather
    (average,) = (line for line in commands_of(text, "average-contributions") if "contributions/bias" in line)
    folders = " ".join(f"results/A/fold_{fold}/contributions/bias" for fold in (0, 2))
    assert f"--inputs {folders} --genome" in average
    assert "--output-dir results/A/mean/contributions/bias " in average


def test_predictions_are_divided_on_request(project: Project) -> None:
    project.config |= {"folds": {"n": 3, "run": [0, 2]}, "predictions": {"parts": 2}}
    text = project.snakemake("--dry-run").stdout
    assert job_counts(text) == expected(
        folds=2, evaluate_bias=0, evaluate_chrombpnet=0, predict_parts=8, gather_bias=2, gather_chrombpnet=2
    )
    here = "results/A/fold_2/predictions/bias"
    parts = [line for line in commands_of(text, "predict") if f"--output {here}/" in line]
    assert sorted(re.findall(r"--part (\S+) --output (\S+)", " ".join(parts))) == [
        (f"{part}/2", f"{here}/parts/{part}.h5") for part in (1, 2)
    ]
    (gather,) = (line for line in commands_of(text, "gather-predictions") if here in line)
    assert f"--parts {here}/parts/1.h5 {here}/parts/2.h5 --output {here}.h5 " in gather
    assert any(f"--predictions {here}.h5 " in line for line in commands_of(text, "evaluate"))


def test_motifs_of_both_heads_and_views_are_those_of_the_mean(project: Project) -> None:
    project.config |= {"folds": {"n": 2, "run": [0, 1]}, "motifs": {"window": 300, "seqlets": 900, "threads": 2}}
    text = project.snakemake("--dry-run").stdout
    commands = commands_of(text, "motifs")
    views = {(view, head) for view in ("corrected", "bias") for head in ("counts", "profile")}
    assert len(commands) == len(views)
    for view, head in views:
        (line,) = (line for line in commands if f"results/A/mean/contributions/{view}/{head}.h5" in line)
        assert "--window 300 --max-seqlets 900 " in line
        assert f"--output-dir results/A/mean/motifs/{view}/{head} " in line
        assert "--database" not in line
    project.config["motifs"] = {"database": "{data}/motifs.tsv"}
    text = project.snakemake("--dry-run").stdout
    assert all("--database data/motifs.tsv " in line for line in commands_of(text, "motifs"))


def test_gates_stand_before_what_they_guard(project: Project) -> None:
    project.config |= {
        "folds": {"n": 3, "run": [0, 2]},
        "gates": {"on_fail": "stop", "folds": "warn"},
        "variants": {"file": "{data}/v.vcf"},
        "mutagenesis": {"regions": "{data}/given.narrowPeak"},
    }
    project.rows = [{**project.rows[0], "sample": name} for name in ("A", "B")]
    commands = list(shell_commands(project.snakemake("--dry-run").stdout))
    gates = {
        (before, after) for before, after in pairwise(commands) if "bpflow gate " in before and "--sample A " in before
    }
    guarded = {
        (re.search(r"--folds ([\d ]+) --stage (\w+)", gate).groups(), re.search(r"bpflow ([a-z- ]+?) --", after)[1])
        for gate, after in gates
    }
    alone = {(fold, stage, step) for fold in "02" for stage, step in (("qc", "train bias"), ("bias", "scale-bias"))}
    assert guarded == {
        *(((fold, stage), step) for fold, stage, step in alone),
        *(((fold, "model"), "contributions") for fold in "02"),
        *((("0 2", "model"), step) for step in ("loci", "mutagenesis", "variants")),
    }
    for gate, _ in gates:
        stop = re.search(r"--stop (\S+)", gate)[1].split(",")
        assert {"shift", "bias_counts_peaks"} <= set(stop)
        assert "folds" not in stop


def test_what_a_gate_judges_is_there_before_it(project: Project) -> None:
    """A given bias model is judged too, and simulated samples by the truth."""
    project.config["truth"] = "{data}/truth.json"
    project.rows = [
        {**project.rows[0], "bias_model": "{data}/models/fold_{fold}.safetensors"},
        {**project.rows[0], "sample": "B"},
    ]
    text = project.snakemake("--dry-run").stdout
    for sample in "AB":
        fold = f"results/{sample}/fold_0"
        inputs = {
            rule: set(found.split(", "))
            for rule, found in re.findall(r"^rule (\w+):\n +input: (.*)$", text, flags=re.MULTILINE)
            if f"{fold}/" in found
        }
        assert f"{fold}/evaluation/bias_metrics.json" in inputs["train_chrombpnet"]
        for rule in ("contributions", "loci"):
            assert {f"{fold}/evaluation/{name}.json" for name in ("chrombpnet_metrics", "recovery")} <= inputs[rule]


REPORTS = {"resolved_config": 1, "qc_report": 1, "full_report": 1, "sample_page": 1}


@pytest.fixture(scope="module")
def finished_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run, as far as files and what Snakemake remembers of them can tell."""
    project = Project(tmp_path_factory.mktemp("finished"))
    project.config["folds"] = {"n": 2, "run": [0]}
    make_all(project)
    for arguments in (("results/config.json", "--force"), ("--touch",)):
        done = project.snakemake(*arguments, "--cores", "1")
        assert done.returncode == 0, done.stdout + done.stderr
    assert project.plan() == {}
    return project.folder


@pytest.fixture
def finished(finished_run: Path, project: Project) -> Project:
    shutil.copytree(finished_run, project.folder, dirs_exist_ok=True)
    project.config["folds"] = {"n": 2, "run": [0]}
    return project


class TestGatesLeaveWhatIsMade:
    def test_other_gates_make_pages_anew_and_nothing_else(self, finished: Project) -> None:
        finished.config["gates"] = {"on_fail": "stop", "shift": "warn"}
        assert finished.plan() == REPORTS

    def test_a_changed_recipe_is_still_seen(self, finished: Project) -> None:
        finished.config |= {"gates": {"on_fail": "stop"}, "training": {"epochs": 7}}
        jobs = finished.plan()
        assert (jobs["train_bias"], jobs["train_chrombpnet"], jobs["contributions"]) == (1, 1, 2)
        assert "signal" not in jobs

    def test_other_footprints_are_judged_and_contributions_stay(self, finished: Project) -> None:
        finished.config["footprints"] = {"backgrounds": 7}
        assert finished.plan() == {**REPORTS, "evaluate_chrombpnet": 1}

    def test_one_more_fold_leaves_the_first(self, finished: Project) -> None:
        finished.config["folds"]["run"] = [0, 1]
        jobs = finished.plan()
        assert (jobs["train_bias"], jobs["train_chrombpnet"], jobs["contributions"]) == (1, 1, 2)

    @pytest.mark.parametrize("step", ["evaluate_bias", "evaluate_chrombpnet"])
    def test_metrics_made_anew_are_judged_and_what_is_behind_them_stays(self, finished: Project, step: str) -> None:
        assert finished.plan("--forcerun", step) == {step: 1, "sample_page": 1, "full_report": 1}

    def test_a_jitter_is_no_matter_of_the_bias_model(self, finished: Project) -> None:
        finished.config["training"] = {"jitter": 100}
        jobs = finished.plan()
        assert (jobs["select_chrombpnet"], jobs["train_chrombpnet"]) == (1, 1)
        assert not {"nonpeaks", "select_bias", "train_bias", "evaluate_bias"} & jobs.keys()

    def test_a_closed_gate_is_tried_again_for_what_is_behind_it(self, finished: Project) -> None:
        for name in ("bias_scaled", "chrombpnet", "chrombpnet_nobias"):
            (finished.folder / f"results/A/fold_0/models/{name}.safetensors").unlink()
        # A model that is not asked for by name is missed where what is made of it has to be made.
        (finished.folder / "results/A/tracks/mean/corrected.bw").unlink()
        jobs = finished.plan()
        assert jobs["train_chrombpnet"] == 1
        assert "train_bias" not in jobs


def test_status_knows_every_step_and_where_its_files_are() -> None:
    rules = "".join(path.read_text() for path in sorted((ROOT / "workflow/rules").glob("*.smk")))
    steps = set(re.findall(r'"<logs>/([^/]+)/', rules))
    # These are not timed.
    assert steps - {"resolved_config", "sister_config"} == set(STAGE_OF)
    timed = re.findall(r'log:\s+f?"<logs>/(.*)\.log",\s+benchmark:\s+f?"<benchmarks>/(.*)\.tsv"', rules)
    assert len(timed) == rules.count("benchmark:")
    assert all(log == benchmark for log, benchmark in timed)


def test_the_plan_of_a_run_is_written_when_it_begins(project: Project) -> None:
    make_all(project, "qc")
    plan = project.folder / "results/logs/plan.json"
    # Nothing is run, but the hooks are as in any run.
    touch = ("qc", "--touch", "--cores", "1")
    assert project.snakemake(*touch).returncode == 0
    (project.folder / "results/qc.html").unlink()
    plan.unlink()
    assert project.snakemake("qc", "--dry-run").returncode == 0
    assert not plan.exists()
    assert project.snakemake(*touch).returncode == 0
    jobs = {job["job"]: job for job in json.loads(plan.read_text())["jobs"]}
    assert set(jobs) == {
        *("genome/genome", "folds/folds", "signal/A", "peaks/A", "qc_report/qc_report", "sample_page/A.qc"),
        *(f"{step}/A.fold_0" for step in ("nonpeaks", "select_bias", "select_chrombpnet")),
    }
    assert jobs["nonpeaks/A.fold_0"] == {"job": "nonpeaks/A.fold_0", "sample": "A", "fold": "0", "needed": False}
    assert jobs["qc_report/qc_report"] == {"job": "qc_report/qc_report", "sample": None, "fold": None, "needed": True}


def test_training_asks_for_a_gpu_unless_told_not_to(project: Project) -> None:
    def asked(device: str) -> list[str]:
        project.config["device"] = device
        text = project.snakemake("train", "--dry-run").stdout
        return re.findall(r"^rule (train_\w+):(?:\n    .*)*?\n    resources: .*gpu=(\d)", text, flags=re.MULTILINE)

    assert asked("auto") == [("train_bias", "1"), ("train_chrombpnet", "1")]
    assert asked("cpu") == [("train_bias", "0"), ("train_chrombpnet", "0")]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"modle": {"preset": "small"}}, "config, key modle: unknown key 'modle'"),
        ({"samples": "nosheet.tsv"}, "config, key samples: no such file: nosheet.tsv"),
        ({"training": {"learning_rate": float("nan")}}, "config, key training.learning_rate: nan found"),
    ],
)
def test_mistakes_end_a_run_without_a_traceback(project: Project, change: dict, words: str) -> None:
    project.config |= change
    done = project.snakemake("--dry-run")
    text = done.stdout + done.stderr
    assert done.returncode != 0
    assert words in text
    assert "Traceback" not in text
    assert "Job stats" not in text


def test_row_with_a_mistake_ends_a_run(project: Project) -> None:
    project.rows.append({"sample": "A", "assay": "ATAC", "reads": "{data}/b.bam"})
    done = project.snakemake("--dry-run")
    assert done.returncode != 0
    assert "samples.tsv, line 3 (sample 'A'): sample 'A' is in line 2 already" in done.stdout + done.stderr


def leaf_parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    nested = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for action in nested:
        for child in action.choices.values():
            yield from leaf_parsers(child)
    if not nested:
        yield parser


def test_command_line_accepts_every_command(project: Project) -> None:
    """With all that is optional: a genome by name, given peaks and folds, motifs, truth, replicates, cells, factors."""
    project.config |= {
        "genome": {
            "name": "A",
            "blacklist": "{data}/blacklist.bed",
            "chromosomes": ["chr1", "chr2"],
            "catalogue": "{data}/genomes.tsv",
        },
        "folds": {"n": 2, "run": [0, 1], "files": ["{data}/fold_a.json", "{data}/fold_b.json"]},
        "footprints": {"motifs": "{data}/motifs.tsv"},
        "predictions": {"parts": 2},
        "contributions": {"parts": 2},
        "motifs": {"database": "{data}/motifs.tsv"},
        "mutagenesis": {"regions": "{data}/given.narrowPeak"},
        "model": {"allow_cpu": True},
        "peaks": {"reproducible": "replicates"},
        "reads": {"exclude_flags": []},
        "truth": "{data}/truth.json",
        "training": {"bias_threshold_factor": [0.5, 0.8]},
        "variants": {"file": "{data}/v.vcf"},
        "report": {"loci": "{data}/given.narrowPeak", "genome_name": "hg38", "email": "me@here.org"},
    }
    (project.folder / "data/genomes.tsv").write_text("genome\tpart\taddress\nA\tfasta\thttp://a.org/a.fa.gz\n")
    project.rows = [
        {**project.rows[0], "reads": "{data}/a.bam,{data}/b.bam", "reads_already_shifted": "+4/-5,auto"},
        {**project.rows[0], "sample": "B", "peaks": "{data}/given.narrowPeak"},
        {"sample": "C", "assay": "DNASE", "signal": "{data}/given.bw", "peaks": "{data}/given.narrowPeak"},
        {
            **{"sample": "D", "assay": "ATAC", "reads": "{data}/c.fragments.tsv.gz", "barcodes": "cells.tsv"},
            **{"peaks": "{data}/given.narrowPeak", "peak_set": "cells"},
        },
    ]
    (project.folder / "cells.tsv").write_text("AC\tT\nGT\tB\n")
    done = project.snakemake("--dry-run")
    seen = set()
    for line in shell_commands(done.stdout + done.stderr):
        words = shlex.split(re.split(" >>? ", line)[0])
        if words[:3] != ["python", "-m", "bpflow"]:
            continue
        command, arguments = words[3], words[4:]
        module = import_module(f"bpflow.cli.{command.replace('-', '_')}")
        parser = argparse.ArgumentParser(prog=f"bpflow {command}", allow_abbrev=False)
        module.configure(parser)
        for leaf in leaf_parsers(parser):
            leaf.allow_abbrev = False
        try:
            parser.parse_args(arguments)
        except SystemExit as error:
            pytest.fail(f"{error}: {line}")
        seen.add(command)
    # A person's own questions, and steps of sister models.
    of_sisters = {"clusters", "bins", "evaluate-bins", "bin-recovery", "stranded-recovery", "task-footprints"}
    assert seen == set(COMMANDS) - {"status", "doctor", "sister-report"} - of_sisters
