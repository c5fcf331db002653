"""Marginal footprints: the official formula, and models whose response is known beforehand."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pytest
import torch

from bpflow.checkpoints import save_model
from bpflow.cli import main
from bpflow.errors import InputError
from bpflow.footprints import (
    Effect,
    Footprint,
    Insert,
    bias_probes,
    central,
    implant,
    marginal_footprint,
    measure,
    official_response,
    read_motifs,
    report,
    write_profiles,
)
from bpflow.genome import encode, reverse_complement_codes
from bpflow.models import BPNet, BPNetConfig, ChromBPNet
from bpflow.models.encoding import one_hot, reverse_complement
from bpflow.regions import from_centers, write_regions
from bpflow.views import Tracks, predictor

INPUT, OUTPUT = 64, 20


def tiny_model(seed: int = 0) -> ChromBPNet:
    generator = torch.Generator().manual_seed(seed)
    sizes = {"input_length": INPUT, "output_length": OUTPUT, "layers": 1, "first_kernel": 5, "profile_kernel": 5}
    parts = [BPNet(BPNetConfig(filters=filters, **sizes), generator) for filters in (6, 3)]
    for part in parts:
        with torch.no_grad():
            part.profile.weight.mul_(8)
            part.counts.bias.fill_(1.5)
    return ChromBPNet(*parts).eval()


def backgrounds(n: int = 6, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 4, (n, INPUT)).astype(np.uint8)


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


def enzyme_only(length: int, sequences: list[str], *, corrected_spike: float):
    """A predictor whose bias answers to given sequences with a spike of half the profile, and corrected by less.

    Wherever a sequence (of either strand) stands, counts go from 20 to 80.
    """
    patterns = [encode(sequence) for sequence in sequences]
    patterns += [reverse_complement_codes(pattern[None])[0] for pattern in patterns]

    def has_probe(row: np.ndarray) -> bool:
        return any(
            (np.lib.stride_tricks.sliding_window_view(row, len(pattern)) == pattern).all(axis=1).any()
            for pattern in patterns
        )

    def spiked(found: np.ndarray, height: float) -> np.ndarray:
        profile = np.full((len(found), length), 1.0 / length)
        profile[found] *= (1 - height) / (1 - 1 / length)
        profile[found, length // 2 + 3] = height
        return profile

    def predict(codes: np.ndarray) -> dict[str, Tracks]:
        found = np.array([has_probe(row) for row in codes])
        counts = np.where(found, 80.0, 20.0)
        spikes = {"with_bias": 0.5, "corrected": corrected_spike, "bias": 0.5}
        return {view: Tracks(spiked(found, height), counts) for view, height in spikes.items()}

    return predict


@pytest.mark.parametrize(
    ("multiple", "expected"), [(1.5, "good"), (4.9, "good"), (5.1, "check"), (10.9, "check"), (11.1, "fail")]
)
def test_verdict_at_known_responses(multiple, expected):
    length = 1_000
    probes = bias_probes("ATAC")
    # The spike lies off the middle, so each strand puts it elsewhere: half a spike over half a flat profile.
    spike = multiple / length
    predict = enzyme_only(length, [probe.sequence for probe in probes], corrected_spike=spike)
    record = report(measure(backgrounds(3), probes, predict), backgrounds=3)
    flat = (1 - spike) / (length - 1)
    assert record["bias_response"]["corrected"] == pytest.approx((spike + flat) / 2)
    assert record["bias_response"]["with_bias"] == pytest.approx((0.5 + 0.5 / (length - 1)) / 2)
    assert record["bias_response"]["threshold"] == pytest.approx(0.003)
    assert record["bias_response"]["control"] == pytest.approx(1 / length)
    (item,) = record["verdicts"]
    assert item["verdict"] == expected
    assert item["value"] == pytest.approx((spike + flat) / 2, rel=1e-4), "the value is not rounded to 3 decimals"


def test_report_holds_the_numbers_of_the_contract():
    probes = bias_probes("DNASE")
    motif = Insert("other", "CCCCCCCCCCCCCC", "motif")
    predict = enzyme_only(400, [probe.sequence for probe in probes], corrected_spike=0.002)
    record = report(measure(backgrounds(4), [*probes, motif], predict), backgrounds=4)
    assert record["stage"] == "footprints"
    assert record["backgrounds"] == 4
    assert record["output_length"] == 400
    assert record["bias_response"]["threshold"] == pytest.approx(3 / 400)
    by_name = {entry["name"]: entry for entry in record["motifs"]}
    assert list(by_name) == ["dnase_1", "dnase_2", "other"]
    assert [entry["kind"] for entry in record["motifs"]] == ["bias_probe", "bias_probe", "motif"]
    assert by_name["dnase_2"]["sequence"] == "TGTACTTACGAA"
    for view in ("corrected", "with_bias"):
        assert by_name["dnase_1"][view]["log2_fold_counts"] == pytest.approx(np.log2(81 / 21))
        assert by_name["other"][view]["log2_fold_counts"] == 0
        assert len(by_name["dnase_1"][view]["profile"]) == record["window"] == 200
        assert by_name["dnase_1"][view]["max"] == by_name["dnase_1"][view]["max_centre"]
        assert record["control"][view]["max"] == pytest.approx(1 / 400)


def test_the_response_looks_at_the_whole_output_and_the_centre_apart():
    profile = np.full(1_000, 0.0005)
    profile[10] = 0.4
    control = Footprint(Insert("control", "", "motif"), dict.fromkeys(("corrected", "with_bias"), Effect(profile, 5.0)))
    probe = Footprint(bias_probes("ATAC")[0], control.effects)
    entry = report([control, probe], backgrounds=1)["motifs"][0]["corrected"]
    assert entry["max"] == 0.4
    assert entry["max_centre"] == 0.0005
    assert central(np.arange(10.0)).tolist() == list(range(10))
    assert central(np.arange(1_000.0))[[0, -1]].tolist() == [400, 599]


def test_official_line_rounds_as_the_official_program_does():
    def probe(height: float) -> Footprint:
        profile = np.zeros(1_000)
        profile[0] = height
        return Footprint(Insert("tn5", "A", "bias_probe"), {"corrected": Effect(profile, 1.0)})

    assert official_response([probe(0.0012), probe(0.00249)]) == "corrected_0.002_0.001/0.002"
    assert official_response([probe(0.0012), probe(0.0031)]) == "uncorrected_0.002_0.001/0.003"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("AP1\tTGACTCA\nbad\n", "line 2: 1 column"),
        ("AP1\tTGANTCA\n", "line 1: the sequence 'TGANTCA'"),
        ("AP1\tTGACTCA\n\nAP1\tTGAGTCA\n", "line 3: the name 'AP1' is taken"),
        ("tn5_1\tTGACTCA\n", "line 1: the name 'tn5_1' is taken"),
        ("control\tTGACTCA\n", "line 1: the name 'control' is taken"),
        ("a/b\tTGACTCA\n", "line 1: the name 'a/b'"),
        ("# nothing\n", "no motifs"),
    ],
)
def test_motif_files_name_the_line_that_is_wrong(tmp_path, text, message):
    (tmp_path / "motifs.tsv").write_text(text)
    with pytest.raises(InputError) as caught:
        read_motifs(tmp_path / "motifs.tsv", taken=["tn5_1"])
    assert message in str(caught.value)


def test_motif_files_are_read(tmp_path):
    (tmp_path / "motifs.tsv").write_text("# name\tsequence\nAP1\ttgactca\r\n\nGATA\tAGATAAG\n")
    assert read_motifs(tmp_path / "motifs.tsv") == [
        Insert("AP1", "TGACTCA", "motif"),
        Insert("GATA", "AGATAAG", "motif"),
    ]


def test_profiles_are_written_unrounded(tmp_path):
    footprints = measure(backgrounds(2), bias_probes("ATAC"), enzyme_only(OUTPUT, ["GCACAGTACAG"], corrected_spike=0.1))
    write_profiles(footprints, tmp_path / "f.h5")
    with h5py.File(tmp_path / "f.h5") as handle:
        assert sorted(handle["corrected"]) == ["control", "tn5_1", "tn5_2", "tn5_3", "tn5_4", "tn5_5"]
        dataset = handle["with_bias/tn5_1"]
        assert (dataset[:] == footprints[1].effects["with_bias"].profile).all()
        assert dataset.attrs["sequence"] == "GCACAGTACAGAGCTG"
        assert dataset.attrs["counts"] == 80


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
    (folder / "fold.json").write_text(json.dumps({"train": ["chr2"], "valid": ["chr1"], "test": ["chr3"]}))
    with pytest.raises(SystemExit):
        command(folder, "a")
    assert "no region is left" in capsys.readouterr().err
    save_model(tiny_model().bias, folder / "model.safetensors", metadata={})
    with pytest.raises(SystemExit):
        command(folder, "a")
    assert "a model of kind 'bpnet'" in capsys.readouterr().err
    assert not (folder / "a.json").exists()
