"""Tracks over loci, against windows that are predicted and explained one by one, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from bpflow.bigwig_writer import write_bigwig
from bpflow.checkpoints import save_model
from bpflow.cli import main
from bpflow.contributions import deep_shap
from bpflow.errors import InputError
from bpflow.folds import Fold
from bpflow.genome import Genome
from bpflow.loci import LocusModels, LocusTracks, _window_seed, locus_record, trace_locus
from bpflow.locus_selection import Locus
from bpflow.models.encoding import one_hot
from bpflow.packed_arrays import unpack
from bpflow.prediction import expected_counts, probabilities
from bpflow.regions import from_centers, write_regions
from bpflow.shuffles import dinucleotide_shuffles
from bpflow.signal import SignalTrack
from bpflow.views import VIEWS, predict_views
from unit.simulated_footprints import INPUT, OUTPUT, tiny_model

SIZES = {"chr1": 600, "chr2": 500, "chr3": 400, "tiny": 40}
CPU = {"batch_size": 8, "device": torch.device("cpu"), "precision": torch.float32}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two models whose folds test chr1 and chr2, a genome with an unknown base, and a signal."""
    path = tmp_path_factory.mktemp("loci")
    rng = np.random.default_rng(0)
    letters = {name: rng.choice(list("ACGT"), size) for name, size in SIZES.items()}
    letters["chr1"][310] = "N"
    (path / "genome.fa").write_text("".join(f">{name}\n{''.join(bases)}\n" for name, bases in letters.items()))
    blocks = []
    for name, size in SIZES.items():
        counts = rng.poisson(0.7, size)
        blocks.append((name, np.flatnonzero(counts), counts[counts > 0]))
    write_bigwig(path / "signal.bw", SIZES, blocks)
    folds = [Fold(("chr3",), ("chr2",), ("chr1",)), Fold(("chr3",), ("chr1",), ("chr2",))]
    for index, fold in enumerate(folds):
        save_model(tiny_model(index), path / f"{index}.safetensors", metadata={})
        (path / f"fold_{index}.json").write_text(json.dumps(fold._asdict()))
    places = [("chr1", 200 + 20 * k) for k in range(10)] + [("chr2", 250), ("chr3", 200)]
    names, middles = zip(*places, strict=True)
    write_regions(from_centers(names, np.array(middles), 10), path / "peaks.narrowPeak")
    (path / "loci.bed").write_text("chr3\t100\t170\tgene\n")
    return path


@pytest.fixture(scope="module")
def genome(folder) -> Genome:
    return Genome.open(folder / "genome.fa", chromosomes=list(SIZES))


@pytest.fixture(scope="module")
def signal(folder, genome) -> SignalTrack:
    return SignalTrack.open(folder / "signal.bw", genome)


@pytest.fixture(scope="module")
def given() -> LocusModels:
    models = [tiny_model(0), tiny_model(1)]
    return LocusModels(models, [3, 4], {"chr1": 0, "chr2": 1}, **CPU, references=3, seed=5)


def predicted_by_hand(models, codes) -> dict[str, np.ndarray]:
    """Expected insertions at each base of one window."""
    views = [predict_views(model, codes[None], **CPU) for model in models]
    return {
        name: np.mean([probabilities(view[name].profile_logits)[0] for view in views], axis=0)
        * expected_counts(np.mean([view[name].log_counts[0] for view in views]))
        for name in VIEWS
    }


def explained_by_hand(models, codes, seed, head) -> np.ndarray:
    encoded = one_hot(torch.from_numpy(codes)[None])
    references = one_hot(torch.from_numpy(dinucleotide_shuffles(codes[None], 3, np.array([seed]))[0]))[None]
    scores = [deep_shap(model.accessibility, encoded, references, head)[0] * encoded[0] for model in models]
    return torch.stack(scores).mean(0).sum(0).numpy()


def test_a_peak_is_one_window_of_the_fold_that_held_it_out(genome, signal, given):
    locus = Locus("a peak", "chr2", 240, 260, 0.5)
    traced = trace_locus(locus, genome, signal, given)
    window = genome.codes("chr2")[250 - INPUT // 2 :][:INPUT].copy()
    assert traced.windows == 1
    for name, expected in predicted_by_hand([given.models[1]], window).items():
        np.testing.assert_allclose(traced.insertions[name], expected, rtol=1e-5)
    for head in ("counts", "profile"):
        expected = explained_by_hand([given.models[1]], window, _window_seed(5, "chr2", 250), head)
        middle = (INPUT - OUTPUT) // 2
        np.testing.assert_allclose(traced.contributions[head], expected[middle:][:OUTPUT], atol=1e-6)
        assert np.abs(traced.contributions[head]).max() > 0
    assert traced.sequence == "".join("ACGTN"[code] for code in genome.codes("chr2")[240:260])
    place = genome.offsets["chr2"] + 240
    np.testing.assert_array_equal(traced.insertions["observed"], signal.windows(np.array([place]), 20)[0])


def test_a_long_locus_is_tiled_and_the_nearest_centre_wins(genome, signal, given):
    locus = Locus("gene", "chr1", 285, 335)
    traced = trace_locus(locus, genome, signal, given)
    # Its middle, and every half window from it.
    centers = [290, 300, 310, 320, 330]
    assert traced.windows == 5
    codes = {center: genome.codes("chr1")[center - INPUT // 2 :][:INPUT].copy() for center in centers}
    by_hand = {center: predicted_by_hand([given.models[0]], codes[center]) for center in centers}
    scores = {
        center: explained_by_hand([given.models[0]], codes[center], _window_seed(5, "chr1", center), "counts")
        for center in centers
    }
    for base in range(locus.start, locus.end):
        center = min(centers, key=lambda center: (abs(center - base - 0.5), center))
        if base == 300 + 5:
            assert center == 310
        expected = by_hand[center]["corrected"][base - center + OUTPUT // 2]
        assert traced.insertions["corrected"][base - 285] == pytest.approx(expected, rel=1e-4)
        expected = scores[center][base - center + INPUT // 2]
        assert traced.contributions["counts"][base - 285] == pytest.approx(expected, abs=1e-6)
    assert traced.sequence[310 - 285] == "N"
    assert traced.contributions["counts"][310 - 285] == 0


def test_chromosomes_that_no_fold_held_out_get_the_mean(genome, signal, given):
    locus = Locus("seen", "chr3", 190, 210)
    traced = trace_locus(locus, genome, signal, given)
    window = genome.codes("chr3")[200 - INPUT // 2 :][:INPUT].copy()
    for name, expected in predicted_by_hand(given.models, window).items():
        np.testing.assert_allclose(traced.insertions[name], expected, rtol=1e-5)
    expected = explained_by_hand(given.models, window, _window_seed(5, "chr3", 200), "profile")
    np.testing.assert_allclose(traced.contributions["profile"], expected[22:42], atol=1e-6)
    record = locus_record(locus, traced, given)
    assert (record["folds"], record["held_out"]) == ([3, 4], False)


def test_bases_that_no_window_reaches_are_left_open(genome, signal, given):
    locus = Locus("start", "chr1", 0, 60)
    traced = trace_locus(locus, genome, signal, given)
    # The first centre that fits is 32, so predictions begin at 22; contributions reach the first base.
    assert np.isnan(traced.insertions["corrected"][:22]).all()
    assert np.isfinite(traced.insertions["corrected"][22:]).all()
    assert np.isfinite(traced.contributions["counts"]).all()
    record = locus_record(locus, traced, given)
    assert record["unpredicted"] == 22
    assert record["totals"]["corrected"] == pytest.approx(np.nansum(traced.insertions["corrected"]))
    end = trace_locus(Locus("end", "chr1", 560, 600), genome, signal, given)
    assert np.isnan(end.insertions["bias"]).tolist() == [False] * 18 + [True] * 22


def test_a_chromosome_shorter_than_the_input_is_told(genome, signal, given):
    with pytest.raises(InputError, match="tiny has 40 bases"):
        trace_locus(Locus("short", "tiny", 0, 20), genome, signal, given)


def test_records_hold_what_was_traced(given):
    tracks = {name: np.array([0.5, np.nan], np.float32) for name in VIEWS}
    tracks["observed"] = np.array([3, 0], np.int32)
    scores = {"counts": np.array([0.25, -1], np.float32), "profile": np.zeros(2, np.float32)}
    record = locus_record(Locus("x", "chr1", 7, 9, 0.25), LocusTracks("AC", tracks, scores, 1), given)
    assert record["folds"] == [3]
    assert record["held_out"]
    assert record["quantile"] == 0.25
    assert unpack(record["insertions"]["observed"]).tolist() == [3, 0]
    assert unpack(record["contributions"]["counts"]).tolist() == [0.25, -1]
    assert record["totals"] == {"observed": 3.0, **dict.fromkeys(VIEWS, 0.5)}


def trace(folder: Path, output: Path, *options: str, models: int = 2) -> dict:
    names = range(models)
    words = ["loci", "--models", *(str(folder / f"{k}.safetensors") for k in names)]
    words += ["--folds", *(str(folder / f"fold_{k}.json") for k in names), "--genome", str(folder / "genome.fa")]
    words += ["--signal", str(folder / "signal.bw"), "--references", "2", "--device", "cpu", "--threads", "1"]
    main([*words, "--output", str(output), *options])
    return json.loads(output.read_text())


def test_the_command_writes_given_loci_and_peaks(folder, tmp_path):
    options = ["--regions", str(folder / "peaks.narrowPeak"), "--peaks", "3", "--fold-numbers", "0", "2"]
    options += ["--loci", str(folder / "loci.bed")]
    record = trace(folder, tmp_path / "loci.json", *options)
    assert record["stage"] == "loci"
    assert record["loci"][0]["name"] == "gene"
    # chr3 is of no test split, so its peak is not among those ranked.
    assert record["peaks"]["shown"] == 3
    assert record["peaks"]["ranked"] == 11
    assert "on chromosomes that a fold held out" in record["peaks"]["rule"]
    assert {locus["chrom"] for locus in record["loci"][1:]} <= {"chr1", "chr2"}
    assert record["loci"][0]["folds"] == [0, 2]
    assert record["messages"] == ["No fold held out the chromosomes of gene; shown is the mean of all models."]
    assert all(locus["held_out"] for locus in record["loci"][1:])


def test_runs_repeat_and_loci_do_not_depend_on_each_other(folder, tmp_path):
    alone = trace(folder, tmp_path / "a.json", "--loci", str(folder / "loci.bed"))
    both = ["--loci", str(folder / "loci.bed"), "--regions", str(folder / "peaks.narrowPeak"), "--peaks", "2"]
    first, second = (trace(folder, tmp_path / name, *both) for name in ("b.json", "c.json"))
    assert first == second
    assert alone["loci"][0] == first["loci"][0]


@pytest.mark.parametrize(("chrom", "center", "shown"), [("chr3", 200, 1), ("chr1", 5, 0)], ids=["seen", "edge"])
def test_where_no_peak_was_held_out_others_are_shown(folder, tmp_path, chrom, center, shown):
    write_regions(from_centers([chrom], np.array([center]), 10), tmp_path / "peaks.narrowPeak")
    record = trace(folder, tmp_path / "loci.json", "--regions", str(tmp_path / "peaks.narrowPeak"))
    assert record["peaks"]["shown"] == shown
    assert [(locus["chrom"], locus["held_out"]) for locus in record["loci"]] == [("chr3", False)] * shown
    assert "held out" not in record["peaks"]["rule"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "neither --loci nor --regions"),
        (["--fold-numbers", "1", "--loci", "x.bed"], "2 models, 2 folds and 1 numbers"),
    ],
    ids=["nothing to show", "numbers"],
)
def test_what_users_get_wrong(folder, tmp_path, capsys, options, words):
    with pytest.raises(SystemExit) as caught:
        trace(folder, tmp_path / "loci.json", *options)
    assert caught.value.code == 2
    assert words in capsys.readouterr().err
