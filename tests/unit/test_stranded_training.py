"""From stranded ends to what their models say of them, command by command."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pandas as pd
import pyBigWig
import pytest

from bpflow.checkpoints import load_model
from bpflow.cli import main
from bpflow.models import chosen_task
from bpflow.prediction import expected_counts, predict_codes, probabilities
from bpflow.regions import centers, read_regions
from bpflow.signal_groups import open_strands
from unit import small_strands
from unit.small_training import command

TASK = ["--task", "b", "--device", "cpu"]


@pytest.fixture(scope="module")
def made(genome, genome_json, tmp_path_factory):
    """A folder with the files, their clusters and both models."""
    folder = small_strands.write_strands(tmp_path_factory.mktemp("strands"), genome)
    plus, minus = ([folder / f"{task}_{strand}.bw" for task in "ab"] for strand in ("plus", "minus"))
    command(
        "clusters", "--plus", *plus, "--minus", *minus, "--genome", genome_json, "--fold", folder / "fold.json",
        "--min-per-million", 500, "--output", folder / "clusters.narrowPeak", "--qc", folder / "clusters.json",
    )  # fmt: skip
    for model in ("procapnet", "bpnet"):
        main(small_strands.training(model, folder, genome_json, folder))
    return folder


@pytest.fixture(scope="module")
def predictions(made, genome_json):
    """A file of predictions of the task b in the clusters of the test chromosome, with tracks and a table."""
    command(
        "predict", "--model", made / "bpnet.safetensors", *TASK, "--genome", genome_json,
        "--regions", made / "clusters.narrowPeak", "--fold", made / "fold.json", "--output", made / "p.h5",
        "--bigwig", made / "p_plus.bw", made / "p_minus.bw", "--signal", *small_strands.bigwigs(made, "b"),
        "--table", made / "p.tsv",
    )  # fmt: skip
    return made / "p.h5"


def test_clusters_are_the_starts_of_both_tasks(made, genome):
    found = read_regions(made / "clusters.narrowPeak", genome)
    places = {
        (chrom, place, "+-"[strand])
        for task in (0, 1)
        for chrom, place, strand in small_strands.starts_of(genome, task)
    }
    near = [
        any((chrom, middle + shift, strand) in places for shift in range(-3, 4))
        for chrom, middle, strand in zip(found["chrom"], centers(found), found["strand"], strict=True)
    ]
    assert len(found) > 0.8 * len(places)
    assert np.mean(near) > 0.95
    record = json.loads((made / "clusters.json").read_text())
    assert record["clusters"] == len(found)
    assert record["chromosomes"] == ["chr1"]
    assert record["least"] == pytest.approx(500 * record["ends_of_rule"] / 1e6)


@pytest.mark.parametrize(
    ("name", "tasks", "recipe"),
    [
        ("procapnet", ("a",), {"counts_loss_weight": 100.0, "optimiser": "adam", "learning_rate": 0.0005}),
        ("bpnet", ("a", "b"), {"counts_loss_weight": 5.0, "optimiser": "keras_adam", "learning_rate": 0.004}),
    ],
)
def test_models_are_trained_by_their_recipes(made, name, tasks, recipe):
    model, metadata = load_model(made / f"{name}.safetensors")
    assert (model.config.kind, model.config.outputs.names, model.config.outputs.strands) == (name, tasks, 2)
    assert {key: metadata["recipe"][key] for key in recipe} == recipe
    assert (metadata["recipe"]["batch_size"], metadata["recipe"]["jitter"]) == (16, 20)
    record = json.loads((made / f"{name}.json").read_text())
    assert record["epochs_run"] == 2
    assert {f"task {task}" for task in tasks} < set(record["inputs"])
    assert ({"control"} if name == "bpnet" else {"nonpeaks", "mappability"}) < set(record["inputs"])
    # Validation regions are peaks alone.
    assert record["examples_per_epoch"] % 16 == 0 or name == "bpnet"
    assert model.config.control == (name == "bpnet")


def test_training_again_gives_the_same_bytes(made, genome_json, tmp_path):
    for name in ("procapnet", "bpnet"):
        main(small_strands.training(name, made, genome_json, tmp_path))
        assert (tmp_path / f"{name}.safetensors").read_bytes() == (made / f"{name}.safetensors").read_bytes()


def test_predictions_of_a_task_are_those_of_its_heads(made, predictions, genome):
    with h5py.File(predictions) as handle:
        middles = handle["coords/coords_center"][:]
        profiles, log_counts = handle["predictions/profs"][:], handle["predictions/logcounts"][:]
        assert (handle.attrs["strands"], handle.attrs["task"]) == (2, "b")
    places = genome.global_positions(np.full(len(middles), "chr3", dtype=object), middles)
    task = chosen_task(load_model(made / "bpnet.safetensors")[0], "b")
    expected = predict_codes(task, genome.windows(places - 100, 200))
    np.testing.assert_allclose(profiles, probabilities(expected.profile_logits), atol=1e-6)
    np.testing.assert_allclose(log_counts, expected.log_counts, atol=1e-5)
    tracks = profiles * expected_counts(log_counts)[:, None]
    for strand, name in enumerate(("plus", "minus")):
        with pyBigWig.open(str(made / f"p_{name}.bw")) as handle:
            for row in (0, len(middles) - 1):
                at = int(middles[row])
                # Half of the window: a neighbour may be nearer to the rest.
                found = handle.values("chr3", at - 5, at + 5)
                np.testing.assert_allclose(found, tracks[row, 80 * strand + 35 : 80 * strand + 45], rtol=1e-4)
    table = pd.read_csv(made / "p.tsv", sep="\t")
    observed = open_strands(small_strands.bigwigs(made, "b"), genome).sums(places - 40, 80)
    assert table["observed_counts"].tolist() == observed.tolist()


def test_both_strands_of_a_sequence_are_averaged(made, predictions, genome, genome_json, tmp_path):
    command(
        "predict", "--model", made / "bpnet.safetensors", *TASK, "--genome", genome_json, "--reverse-complement",
        "--regions", made / "clusters.narrowPeak", "--output", tmp_path / "both.h5",
    )  # fmt: skip
    with h5py.File(tmp_path / "both.h5") as handle:
        names, middles = handle["coords/coords_chrom"].asstr()[:], handle["coords/coords_center"][:]
        profiles, log_counts = handle["predictions/profs"][:], handle["predictions/logcounts"][:]
        assert handle.attrs["reverse_complement"]
    codes = genome.windows(genome.global_positions(names.astype(object), middles - 100), 200)
    task = chosen_task(load_model(made / "bpnet.safetensors")[0], "b")
    other = np.where(codes < 4, 3 - codes, codes)[:, ::-1]
    forward, reverse = (predict_codes(task, strand) for strand in (codes, other))
    # Plus of one strand is minus of the other, read from its end.
    turned = probabilities(reverse.profile_logits).reshape(-1, 2, 80)[:, ::-1, ::-1].reshape(-1, 160)
    np.testing.assert_allclose(profiles, (probabilities(forward.profile_logits) + turned) / 2, atol=1e-6)
    np.testing.assert_allclose(log_counts, (forward.log_counts + reverse.log_counts) / 2, atol=1e-5)


def test_they_are_evaluated_contribute_and_score_variants(made, predictions, genome, genome_json, tmp_path):
    command(
        "evaluate", "--predictions", predictions, "--genome", genome_json, "--model-kind", "bpnet",
        "--signal", *small_strands.bigwigs(made, "b"),
        "--output", tmp_path / "e.json", "--table", tmp_path / "e.tsv.gz",
    )  # fmt: skip
    metrics = json.loads((tmp_path / "e.json").read_text())
    assert (metrics["strands"], metrics["reverse_complement"]) == (2, False)
    assert metrics["regions"]["peaks"] == len(pd.read_csv(made / "p.tsv", sep="\t"))
    command(
        "contributions", "--model", made / "bpnet.safetensors", *TASK, "--genome", genome_json,
        "--regions", made / "clusters.narrowPeak", "--max-regions", 4, "--references", 3, "--output-dir", tmp_path,
    )  # fmt: skip
    record = json.loads((tmp_path / "contributions.json").read_text())
    assert {item["verdict"] for item in record["verdicts"]} == {"good"}
    with h5py.File(tmp_path / "counts.h5") as handle:
        assert handle.attrs["view"] == "b"
    variants = tmp_path / "v.tsv"
    codes = genome.array[genome.offsets["chr3"] + 5000 :][:3]
    rows = [f"chr3\t{5001 + row}\t{'ACGT'[code]}\t{'CGTA'[code]}" for row, code in enumerate(codes)]
    variants.write_text("\n".join(["chrom\tpos\tref\talt", *rows]) + "\n")
    options = [
        "--genome",
        genome_json,
        "--variants",
        variants,
        "--null",
        20,
        "--top",
        1,
        "--figures",
        tmp_path / "figures",
    ]
    models = ["--models", made / "bpnet.safetensors", "--device", "cpu"]
    command("variants", *models, "--task", "b", *options, "--output", tmp_path / "b.tsv")
    whole = pd.read_csv(tmp_path / "b.tsv", sep="\t")
    assert len(whole) == 3
    scores = ["--genome", genome_json, "--variants", variants, "--null", 20, "--part"]
    for part in (1, 2):
        command("variants", *models, "--task", "b", *scores, f"{part}/2", "--scores", tmp_path / f"{part}.h5")
    parts = ["--parts", tmp_path / "1.h5", tmp_path / "2.h5", "--genome", genome_json, "--variants", variants]
    command(
        "gather-variants", *parts, *models, "--figures", tmp_path / "again", "--top", 1, "--output", tmp_path / "g.tsv"
    )
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "g.tsv", sep="\t"), whole)
    command("variants", *models, "--task", "a", *scores, "2/2", "--scores", tmp_path / "2.h5")
    with pytest.raises(SystemExit):
        command("gather-variants", *parts, "--output", tmp_path / "g.tsv")


def test_mutations_of_a_task(made, genome_json, tmp_path):
    regions = (made / "nonpeaks.bed").read_text().splitlines(keepends=True)
    (tmp_path / "few.bed").write_text("".join(regions[:3]))
    command(
        "mutagenesis", "--model", made / "bpnet.safetensors", *TASK, "--genome", genome_json, "--width", 4,
        "--regions", tmp_path / "few.bed", "--both-strands", "--output", tmp_path / "m.h5",
    )  # fmt: skip
    with h5py.File(tmp_path / "m.h5") as handle:
        assert handle.attrs["task"] == "b"
