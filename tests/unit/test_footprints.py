"""Marginal footprints: the official formula, and models whose response is known beforehand."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from bpflow.checkpoints import save_model
from bpflow.cli import main
from bpflow.errors import InputError
from bpflow.footprints import implant, marginal_footprint, measure
from bpflow.genome import encode, reverse_complement_codes
from bpflow.inserts import Insert
from bpflow.models import ChromBPNet
from bpflow.models.encoding import one_hot, reverse_complement
from bpflow.motif_files import Motif, frequencies_of, write_meme
from bpflow.regions import from_centers, write_regions
from bpflow.views import Tracks, predictor
from unit.simulated_footprints import INPUT, backgrounds, tiny_model


def naive_footprint(model: ChromBPNet, codes: np.ndarray, view: str) -> tuple[np.ndarray, float]:
    """The official program's rule, one sequence at a time."""
    profiles, counts = [], []
    for row in codes:
        strands = []
        for sequence in (torch.from_numpy(row)[None], reverse_complement(torch.from_numpy(row)[None])):
            with torch.no_grad():
                part = getattr(model.parts(one_hot(sequence)), view)
            track = torch.softmax(part.profile_logits[0].double(), 0) * (part.log_counts[0].double().exp() - 1)
            strands.append(track.numpy())
        both = strands[0] + strands[1][::-1]
        profiles.append(both / both.sum())
        counts.append(both.sum() / 2)
    return np.mean(profiles, axis=0), float(np.mean(counts))


@pytest.mark.parametrize("view", ["corrected", "with_bias"])
def test_footprints_follow_the_official_formula(view):
    model, codes = tiny_model(), backgrounds()
    predict = predictor(model, batch_size=4, device=torch.device("cpu"), precision=torch.float32)
    insert = Insert("probe", "ACGTTGCAA", "motif")
    control, probe = measure(codes, [insert], predict)
    assert control.insert.name == "control"
    for footprint, sequences in ((control, codes), (probe, implant(codes, encode(insert.sequence)))):
        profile, counts = naive_footprint(model, sequences, view)
        np.testing.assert_allclose(footprint.effects[view].profile, profile, rtol=1e-4)
        assert footprint.effects[view].counts == pytest.approx(counts, rel=1e-4)
        assert footprint.effects[view].profile.sum() == pytest.approx(1, abs=1e-6)
    assert not np.allclose(control.effects[view].profile, probe.effects[view].profile, rtol=0.01)


def test_a_motif_and_its_reverse_complement_leave_mirrored_footprints():
    predict = predictor(tiny_model(), batch_size=64, device=torch.device("cpu"), precision=torch.float32)
    codes = backgrounds()
    forward = measure(codes, [Insert("m", "GATTACAG", "motif")], predict)[1].effects["corrected"]
    mirrored = measure(reverse_complement_codes(codes), [Insert("m", "CTGTAATC", "motif")], predict)[1]
    np.testing.assert_allclose(mirrored.effects["corrected"].profile, forward.profile[::-1], rtol=1e-5)
    assert mirrored.effects["corrected"].counts == pytest.approx(forward.counts, rel=1e-5)


@pytest.mark.parametrize("width", [1, 4, 5, INPUT])
def test_implant_overwrites_the_middle_and_nothing_else(width):
    codes = np.full((2, INPUT), 4, dtype=np.uint8)
    result = implant(codes, np.arange(width, dtype=np.uint8) % 4)
    start = INPUT // 2 - width // 2
    assert (result[:, start : start + width] == np.arange(width) % 4).all()
    assert (result == 4).sum() == 2 * (INPUT - width)
    assert (codes == 4).all(), "the backgrounds themselves stay as they are"
    with pytest.raises(InputError, match="at most the model's input length"):
        implant(codes, np.zeros(INPUT + 1, dtype=np.uint8))


def test_strands_weigh_by_their_counts_and_equally_when_nothing_is_expected():
    forward = Tracks(np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0]]), np.array([30.0, 0.0]))
    reverse = Tracks(np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]), np.array([10.0, 0.0]))
    effect = marginal_footprint(forward, reverse)
    first = 0.75 * np.array([0.5, 0.5, 0]) + 0.25 * np.array([1, 0, 0])
    second = 0.5 * np.array([1, 0, 0]) + 0.5 * np.array([0, 0, 1])
    np.testing.assert_allclose(effect.profile, (first + second) / 2)
    assert effect.counts == 10.0


def command(folder, name, *extra) -> dict:
    options = ["--model", str(folder / "model.safetensors"), "--genome", str(folder / "genome.fa")]
    options += ["--regions", str(folder / "nonpeaks.bed"), "--fold", str(folder / "fold.json"), "--assay", "ATAC"]
    options += ["--output", str(folder / f"{name}.h5"), "--qc", str(folder / f"{name}.json"), "--device", "cpu"]
    main(["footprints", *options, *extra])
    return json.loads((folder / f"{name}.json").read_text())


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    names = ("chr1", "chr2", "chr3")
    records = [f">{name}\n{''.join(rng.choice(list('ACGT'), 900))}\n" for name in names]
    (tmp_path / "genome.fa").write_text("".join(records))
    frame = from_centers(["chr1"] * 8 + ["chr2"] * 3, np.r_[100:900:100, 100:400:100], 20)
    write_regions(frame, tmp_path / "nonpeaks.bed")
    (tmp_path / "fold.json").write_text(json.dumps({"train": ["chr2"], "valid": ["chr3"], "test": ["chr1"]}))
    save_model(tiny_model(), tmp_path / "model.safetensors", metadata={})
    return tmp_path


def test_command_line(folder):
    (folder / "motifs.tsv").write_text("AP1\tTGACTCA\n")
    record = command(folder, "a", "--backgrounds", "5", "--seed", "1", "--motifs", str(folder / "motifs.tsv"))
    assert record["backgrounds"] == 5
    assert [entry["name"] for entry in record["motifs"]] == [*(f"tn5_{i}" for i in range(1, 6)), "AP1"]
    assert record["messages"] == []
    command(folder, "b", "--backgrounds", "5", "--seed", "1", "--motifs", str(folder / "motifs.tsv"))
    for suffix in ("json", "h5"):
        assert (folder / f"a.{suffix}").read_bytes() == (folder / f"b.{suffix}").read_bytes()
    other = command(folder, "c", "--backgrounds", "5", "--seed", "2")
    assert other["control"] != record["control"], "another seed draws other backgrounds"


def test_given_and_built_in_motifs_are_tried_and_drawn(folder):
    (folder / "motifs.tsv").write_text("CTCF\tCCACTAGGGGGCGC\n")
    write_meme([Motif("MA1.1 GATA", frequencies_of("WGATAR"))], folder / "motifs.meme")
    options = ["--motifs", str(folder / "motifs.tsv"), str(folder / "motifs.meme"), "--tf-motifs", "vertebrate"]
    record = command(folder, "a", "--backgrounds", "2", *options, "--figures", str(folder / "figures"))
    sequences = {entry["name"]: entry["sequence"] for entry in record["motifs"]}
    assert sequences["CTCF"] == "CCACTAGGGGGCGC", "a given motif goes before the built-in one of its name"
    assert sequences["MA1.1 GATA"] == "AGATAA"
    assert sequences["AP1"] == "CGATATGACTCATCCC"
    assert len(sequences) == len(record["motifs"]) == 5 + 2 + 13
    drawn = {path.name for path in (folder / "figures").iterdir()}
    assert len(drawn) == 1 + len(sequences)
    assert {"control.footprint.svg", "MA1.1_GATA.footprint.svg"} <= drawn


def test_backgrounds_are_the_test_split_and_a_shortage_is_said(folder):
    record = command(folder, "a", "--backgrounds", "100")
    assert record["backgrounds"] == 8, "all regions on chr1, the test chromosome, and none of chr2"
    assert "There are 8 test regions" in record["messages"][0]


def test_wrong_inputs_exit_with_2(folder, capsys):
    (folder / "motifs.tsv").write_text(f"long\t{'A' * (INPUT + 1)}\n")
    with pytest.raises(SystemExit) as caught:
        command(folder, "a", "--motifs", str(folder / "motifs.tsv"))
    assert caught.value.code == 2
    assert "the motif 'long' has 65 bases" in capsys.readouterr().err
    (folder / "motifs.meme").write_text("MEME version 4\nMOTIF x\nletter-probability matrix: w= 1\n1 0 0\n")
    with pytest.raises(SystemExit) as caught:
        command(folder, "a", "--motifs", str(folder / "motifs.meme"))
    assert caught.value.code == 2
    assert "motifs.meme, line 4: 3 number(s)" in capsys.readouterr().err
    (folder / "fold.json").write_text(json.dumps({"train": ["chr2"], "valid": ["chr1"], "test": ["chr3"]}))
    with pytest.raises(SystemExit):
        command(folder, "a")
    assert "no region is left" in capsys.readouterr().err
    save_model(tiny_model().bias, folder / "model.safetensors", metadata={})
    with pytest.raises(SystemExit):
        command(folder, "a")
    assert "a model of kind 'bpnet'" in capsys.readouterr().err
    assert not (folder / "a.json").exists()
