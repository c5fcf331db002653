"""What a model is said to have recovered: all by one that knows the truth, nothing by one that does not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from bpflow.errors import InputError
from bpflow.genome import Genome, encode_fasta
from bpflow.prediction import Prediction
from bpflow.stranded_recovery import read_stranded_truth, recovered

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import make_sister_demo_data

INPUT, OUTPUT = 200, 100


@pytest.fixture(scope="module", params=["procapnet", "bpnet"])
def simulated(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    make_sister_demo_data.main(["--output", str(folder), "--system", request.param, "--scale", "0.2"])
    encode_fasta(folder / "genome.fa.gz", folder / "genome.json")
    return folder, Genome.open(folder / "genome.json"), read_stranded_truth(folder / "truth/truth.json")


def knowing(truth, task, chromosomes, *, wrong_strand=False):
    """A model that predicts what was planted, in the order in which places are asked for."""

    def predict(codes):
        places = truth.on(chromosomes)
        logits = np.zeros((len(codes), 2, OUTPUT), np.float32)
        for row, place in enumerate(places):
            if truth.system == "procapnet":
                logits[row, int(place.minus != wrong_strand), OUTPUT // 2] = 9
            else:
                logits[row, int(wrong_strand), OUTPUT // 2 - 8] = logits[
                    row, int(not wrong_strand), OUTPUT // 2 + 8
                ] = 9
        log_counts = np.log1p([truth.expected(place, task) for place in places]).astype(np.float32)
        return Prediction(logits.reshape(len(codes), -1), log_counts)

    return predict


@pytest.mark.parametrize(("wrong_strand", "share"), [(False, 1.0), (True, 0.0)])
def test_places_count_on_their_strand_alone(simulated, wrong_strand, share):
    _, genome, truth = simulated
    task = "alpha" if truth.system == "bpnet" else "any"
    found = recovered(
        truth,
        {task: knowing(truth, task, ["chr2"], wrong_strand=wrong_strand)},
        genome,
        chromosomes=["chr2"],
        input_length=INPUT,
        output_length=OUTPUT,
    )
    assert found["tasks"][task]["starts"] == share
    assert found["tasks"][task]["counts_pearsonr"] == pytest.approx(1)
    assert found["tasks"][task]["places"] == len(truth.of_task(task, ["chr2"]))
    assert [item["verdict"] for item in found["verdicts"]] == ["fail" if wrong_strand else "good", "good"]


def test_factors_own_their_places(simulated):
    _, _, truth = simulated
    chromosomes = [f"chr{number}" for number in range(1, 7)]
    both = [place for task in ("alpha", "beta") for place in truth.of_task(task, chromosomes)]
    if truth.system == "bpnet":
        assert sorted(both) == sorted(truth.places)
    else:
        assert all(place.kind != "decoy" for place in both)


def test_a_foreign_truth_is_refused(tmp_path):
    (tmp_path / "truth.json").write_text(json.dumps({"motifs": []}))
    with pytest.raises(InputError, match="not the truth of stranded data"):
        read_stranded_truth(tmp_path / "truth.json")
