"""Tracks over peaks, against a base-by-base computation."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pyBigWig
import pytest
import torch

from bpflow import tracks
from bpflow.bigwig_writer import write_bigwig
from bpflow.checkpoints import save_model
from bpflow.cli import main
from bpflow.errors import InputError
from bpflow.folds import Fold
from bpflow.genome import Genome
from bpflow.models import BPNet, BPNetConfig, ChromBPNet
from bpflow.models.encoding import one_hot
from bpflow.regions import from_centers, write_regions
from bpflow.signal import SignalTrack

INPUT, OUTPUT = 64, 20
SIZES = {"chr1": 600, "chr2": 500, "chr3": 400, "chr4": 300}
# Overlapping windows, one centre twice, not sorted, and one region too close to an end.
CENTRES = [("chr2", 100), ("chr1", 200), ("chr1", 211), ("chr1", 207), ("chr2", 100), ("chr1", 400), ("chr3", 150)]
CENTRES += [("chr2", 119), ("chr1", 10), ("chr2", 300)]


def tiny_model(seed: int) -> ChromBPNet:
    generator = torch.Generator().manual_seed(seed)
    sizes = {"input_length": INPUT, "output_length": OUTPUT, "layers": 1, "first_kernel": 5, "profile_kernel": 5}
    parts = [BPNet(BPNetConfig(filters=filters, **sizes), generator) for filters in (6, 3)]
    for part in parts:
        with torch.no_grad():
            part.profile.weight.mul_(8)  # far from flat
            part.counts.bias.fill_(1.5)
    return ChromBPNet(*parts).eval()


@pytest.fixture
def genome(tmp_path) -> Genome:
    rng = np.random.default_rng(0)
    path = tmp_path / "genome.fa"
    path.write_text("".join(f">{name}\n{''.join(rng.choice(list('ACGT'), size))}\n" for name, size in SIZES.items()))
    return Genome.open(path)


@pytest.fixture
def signal(tmp_path, genome) -> SignalTrack:
    counts = np.random.default_rng(1).poisson(0.7, genome.array.size)
    blocks = []
    for name in genome.names:
        values = counts[genome.offsets[name] : genome.offsets[name] + genome.sizes[name]]
        blocks.append((name, np.flatnonzero(values), values[values > 0]))
    write_bigwig(tmp_path / "signal.bw", SIZES, blocks)
    return SignalTrack.open(tmp_path / "signal.bw", genome)


@pytest.fixture
def regions(tmp_path) -> pd.DataFrame:
    names, positions = zip(*CENTRES, strict=True)
    frame = from_centers(names, np.array(positions), 10)
    write_regions(frame, tmp_path / "peaks.narrowPeak")
    return frame


@pytest.fixture
def files(tmp_path):
    """Two models and their folds on disk: fold 0 tests chr1, fold 1 chr2; none tests chr3."""
    folds = [Fold(("chr3",), ("chr2",), ("chr1",)), Fold(("chr3",), ("chr1",), ("chr2", "chr4"))]
    for index, fold in enumerate(folds):
        save_model(tiny_model(index), tmp_path / f"model_{index}.safetensors", metadata={})
        (tmp_path / f"fold_{index}.json").write_text(json.dumps(fold._asdict()))
    return tmp_path


def predict_one(model: ChromBPNet, genome: Genome, chrom: str, center: int):
    """Probabilities and log counts of one region by the model itself, for each view."""
    codes = torch.from_numpy(genome.codes(chrom)[center - INPUT // 2 : center + INPUT // 2].copy())[None]
    with torch.no_grad():
        parts = model.parts(one_hot(codes))
    return {
        name: (torch.softmax(part.profile_logits[0], 0).double().numpy(), float(part.log_counts[0]))
        for name, part in parts._asdict().items()
    }


def naive_track(models, genome, view, chrom):
    """Value of every base (NaN: none): the region with the nearest centre gives it; a tie goes to the right one."""
    values = np.full(genome.sizes[chrom], np.nan)
    centers = sorted({center for name, center in CENTRES if name == chrom and center >= INPUT // 2})
    predicted = {center: [predict_one(model, genome, chrom, center)[view] for model in models] for center in centers}
    for position in range(genome.sizes[chrom]):
        near = [center for center in centers if center - OUTPUT // 2 <= position < center + OUTPUT // 2]
        if not near:
            continue
        owner = near[0]
        for left, right in pairwise(near):
            owner = right if position >= (left + right) // 2 else owner
        profile = np.mean([profile for profile, _ in predicted[owner]], axis=0)
        log_counts = np.mean([log_counts for _, log_counts in predicted[owner]])
        values[position] = profile[position - owner + OUTPUT // 2] * max(np.exp(log_counts) - 1, 0)
    return values


def run_command(folder, combine, *extra):
    models = [str(folder / f"model_{index}.safetensors") for index in range(2)]
    folds = [str(folder / f"fold_{index}.json") for index in range(2)]
    options = ["--models", *models, "--folds", *folds, "--genome", str(folder / "genome.fa")]
    options += ["--regions", str(folder / "peaks.narrowPeak"), "--signal", str(folder / "signal.bw")]
    options += ["--combine", combine, "--output-dir", str(folder / combine), "--device", "cpu"]
    main(["tracks", *options, *extra])


def read(path, chrom):
    with pyBigWig.open(str(path)) as handle:
        return handle.values(chrom, 0, SIZES[chrom], numpy=True), handle.chroms()


@pytest.mark.parametrize("block", [2, 256])
def test_crossfit_gives_each_chromosome_the_model_that_tests_it(
    files, genome, signal, regions, monkeypatch, caplog, block
):
    monkeypatch.setattr(tracks, "BLOCK", block)
    caplog.set_level("INFO", logger="bpflow")
    run_command(files, "crossfit", "--precision", "float32")
    for view in ("with_bias", "corrected", "bias"):
        for index, chrom in enumerate(("chr1", "chr2")):
            values, header = read(files / f"crossfit/{view}.bw", chrom)
            assert header == SIZES
            expected = naive_track([tiny_model(index)], genome, view, chrom)
            np.testing.assert_allclose(values, expected, rtol=2e-4, atol=1e-6)
        with pyBigWig.open(str(files / f"crossfit/{view}.bw")) as handle:
            assert handle.intervals("chr3") is None, "no given fold tests chr3"
    assert "left out 1 regions that are on chromosomes that no given fold tests" in caplog.text
    assert "left out 1 regions that are too close to their chromosome's end" in caplog.text
    assert "over 8 regions" in caplog.text


def test_mean_averages_probabilities_and_log_counts(files, genome, signal, regions, caplog):
    caplog.set_level("INFO", logger="bpflow")
    run_command(files, "mean", "--precision", "float32")
    models = [tiny_model(index) for index in range(2)]
    for view in ("with_bias", "corrected", "bias"):
        for chrom in ("chr1", "chr2", "chr3"):
            values, _ = read(files / f"mean/{view}.bw", chrom)
            np.testing.assert_allclose(values, naive_track(models, genome, view, chrom), rtol=2e-4, atol=1e-6)
    assert "for viewing only" in caplog.text


def test_observed_holds_the_counts_over_the_same_bases(files, genome, signal, regions):
    run_command(files, "crossfit")
    for chrom in ("chr1", "chr2"):
        observed, _ = read(files / "crossfit/observed.bw", chrom)
        predicted, _ = read(files / "crossfit/with_bias.bw", chrom)
        assert (np.isnan(observed) == np.isnan(predicted)).all()
        there = ~np.isnan(observed)
        place = genome.offsets[chrom] + np.flatnonzero(there)
        assert there.sum() > 40
        assert observed[there].tolist() == signal.windows(place, 1)[:, 0].tolist()


def test_layout_is_in_genome_order_and_disjoint(genome, regions):
    layout, left = tracks.lay_out(regions, genome, input_length=INPUT, output_length=OUTPUT, tested=["chr1", "chr2"])
    assert (left.edge, left.other_chromosome, left.untested) == (1, 0, 1)
    assert layout.chrom.tolist() == sorted(layout.chrom)
    for chrom in ("chr1", "chr2"):
        rows = (layout.chrom == chrom) & (layout.end > layout.start)
        assert (layout.start[rows][1:] >= layout.end[rows][:-1]).all()
    assert len(layout) == 8
    assert (layout.end == layout.start).sum() == 1, "of two regions with one centre, one owns nothing"


def test_models_by_chromosome_refuses_a_chromosome_tested_twice():
    fold = Fold(("chr1",), ("chr2",), ("chr3",))
    assert tracks.models_by_chromosome([fold, Fold(("chr1",), ("chr3",), ("chr2",))]) == {"chr3": 0, "chr2": 1}
    with pytest.raises(InputError, match="'chr3' is tested in more than one fold"):
        tracks.models_by_chromosome([fold, fold])


def test_same_command_gives_the_same_bytes(files, genome, signal, regions):
    run_command(files, "crossfit")
    first = {path.name: path.read_bytes() for path in (files / "crossfit").iterdir()}
    run_command(files, "crossfit")
    assert {path.name: path.read_bytes() for path in (files / "crossfit").iterdir()} == first
    assert sorted(first) == ["bias.bw", "corrected.bw", "observed.bw", "with_bias.bw"]


def test_wrong_models_and_regions_are_named(files, genome, signal, regions, capsys):
    save_model(tiny_model(0).bias, files / "model_1.safetensors", metadata={})
    with pytest.raises(SystemExit) as caught:
        run_command(files, "mean")
    assert caught.value.code == 2
    assert "model_1.safetensors: a model of kind 'bpnet'" in capsys.readouterr().err
    assert not (files / "mean").exists()

    sizes = {"input_length": INPUT + 2, "output_length": OUTPUT, "layers": 1, "first_kernel": 5, "profile_kernel": 5}
    longer = [BPNet(BPNetConfig(filters=2, **sizes)) for _ in range(2)]
    save_model(ChromBPNet(*longer), files / "model_1.safetensors", metadata={})
    with pytest.raises(SystemExit):
        run_command(files, "mean")
    assert "different window lengths" in capsys.readouterr().err

    save_model(tiny_model(1), files / "model_1.safetensors", metadata={})
    write_regions(regions[regions["chrom"] == "chr3"], files / "peaks.narrowPeak")
    with pytest.raises(SystemExit):
        run_command(files, "crossfit")
    assert "no region is left" in capsys.readouterr().err
