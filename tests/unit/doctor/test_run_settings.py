from __future__ import annotations

from pathlib import Path

import pytest

from bpflow.doctor import load_run
from bpflow.errors import InputError


def test_files_are_laid_over_each_other_as_snakemake_does(small):
    run = small.load(seed=1)
    Path("config").mkdir()
    Path("config/config.yaml").write_text("seed: 3\ntraining: {epochs: 7, patience: 2}\ngenome: hg38\n")
    Path("over.yaml").write_text("training: {epochs: 9}\n")
    run = load_run(["config.yaml", "over.yaml"], run.snakefile)
    assert (run.config["seed"], run.config["training"]["epochs"], run.config["training"]["patience"]) == (1, 9, 2)
    # A section takes the place of a name.
    assert run.config["genome"]["name"] is None


def test_all_inputs_are_named_once(small):
    named = {file.what: file.path for file in small.load().inputs}
    assert named == {
        "genome.fasta": "genome.fa",
        "genome.blacklist": "black.bed",
        "folds.files": "fold_1.json",
        "reads of A": "reads.tsv.gz",
        "peaks of A": "peaks.bed",
    }
    assert len(small.load().inputs) == 6


def test_files_that_are_fetched_need_not_be_there(small):
    run = small.load(genome="hg38", folds={"n": 5})
    made = [file.path for file in run.inputs if file.made]
    assert made[0] == "results/genome/fetched/hg38.fa.gz"
    assert len(made) == 7


@pytest.mark.parametrize(
    ("text", "words"),
    [("a: [", "not YAML"), ("- a\n", "no keys"), ("sed: 1\n", "unknown key 'sed'")],
)
def test_wrong_configurations(small, text, words):
    small.load()
    Path("wrong.yaml").write_text(text)
    with pytest.raises(InputError, match=words):
        load_run(["config.yaml", "wrong.yaml"])
    with pytest.raises(InputError, match=r"no\.yaml: cannot be read"):
        load_run(["no.yaml"])
    with pytest.raises(InputError, match="no workflow of bpflow"):
        load_run(["config.yaml"], "elsewhere/Snakefile")


def test_files_of_one_sample_alone_are_among_the_inputs(small):
    run = small.load()
    Path("own.yaml").write_text("variants: {file: only.vcf}\ntrain: 1\n")
    Path("only.vcf").touch()
    sheet = Path(run.config["samples"])
    header, *rows = sheet.read_text().splitlines()
    sheet.write_text("\n".join([f"{header}\tconfig", *(f"{row}\town.yaml" for row in rows)]) + "\n")
    with pytest.raises(InputError, match=r"own\.yaml, key train: unknown key"):
        load_run(["config.yaml"], run.snakefile)
    Path("own.yaml").write_text("variants: {file: only.vcf}\n")
    assert "only.vcf" in [file.path for file in load_run(["config.yaml"], run.snakefile).inputs]
