"""The record of footprints: its numbers, and its verdict at known responses."""

from __future__ import annotations

import numpy as np
import pytest

from bpflow.footprint_record import SHOULDER, central, depth, official_response, report
from bpflow.footprints import Effect, Footprint, measure
from bpflow.inserts import Insert, bias_probes
from unit.simulated_footprints import backgrounds, dipping, enzyme_only


@pytest.mark.parametrize(
    ("multiple", "expected"),
    [(1.5, "good"), (4.9, "good"), (5.1, "check"), (10.9, "check"), (11.1, "fail"), (500, "fail")],
)
def test_verdict_at_known_responses(multiple, expected):
    length = 1_000
    probes = bias_probes("ATAC")
    # 500 is what the model with bias answers: nothing was taken out.
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
    assert entry["ratio_to_control"] == 1
    assert central(np.arange(10.0)).tolist() == list(range(10))
    assert central(np.arange(1_000.0))[[0, -1]].tolist() == [400, 599]


def test_official_line_rounds_as_the_official_program_does():
    def probe(height: float) -> Footprint:
        profile = np.zeros(1_000)
        profile[0] = height
        return Footprint(Insert("tn5", "A", "bias_probe"), {"corrected": Effect(profile, 1.0)})

    assert official_response([probe(0.0012), probe(0.00249)]) == "corrected_0.002_0.001/0.002"
    assert official_response([probe(0.0012), probe(0.0031)]) == "uncorrected_0.002_0.001/0.003"


@pytest.mark.parametrize(("multiple", "expected"), [(4.9, "corrected"), (5.1, "uncorrected")])
def test_the_response_is_compared_with_the_control_and_with_the_uncorrected_model(multiple, expected):
    length = 1_000
    probes = bias_probes("DNASE")
    predict = enzyme_only(length, [probe.sequence for probe in probes], corrected_spike=multiple / length)
    response = report(measure(backgrounds(3), probes, predict), backgrounds=3)["bias_response"]
    assert response["ratio_to_control"] == pytest.approx(response["corrected"] * length)
    assert response["ratio_to_uncorrected"] == pytest.approx(response["corrected"] / response["with_bias"])
    assert response["verdict"] == expected
    assert response["official"].startswith("uncorrected_0.003_"), "rounded up to the limit, which is not below it"


def test_a_response_away_from_the_centre_is_not_one_of_the_centre():
    flat = np.full(1_000, 1e-3)
    spike = flat.copy()
    spike[10], spike[500] = 0.1, 2e-3
    views = ("corrected", "with_bias")
    control = Footprint(Insert("control", "", "motif"), dict.fromkeys(views, Effect(flat, 5.0)))
    probe = Footprint(bias_probes("ATAC")[0], {"corrected": Effect(spike, 5.0), "with_bias": Effect(spike * 2, 5.0)})
    response = report([control, probe], backgrounds=1)["bias_response"]
    assert response["corrected"] == 0.1
    assert response["ratio_to_control"] == pytest.approx(100)
    assert response["centre"] == pytest.approx(
        {
            "corrected": 0.002,
            "with_bias": 0.004,
            "control": 0.001,
            "ratio_to_control": 2.0,
            "ratio_to_uncorrected": 0.5,
        }
    )


@pytest.mark.parametrize("planted", [0.0, 0.35, 1.0, -0.8])
@pytest.mark.parametrize("sequence", ["CCTAACGGATTGC", "GATTACAGATTACA"])
def test_a_planted_dip_is_given_back(planted, sequence):
    output, width = 120, len(sequence)
    motif = Insert("planted", sequence, "motif")
    shuffled = Insert("other", sequence[::-1], "motif")
    codes = backgrounds(5, length=300)
    footprints = measure(codes, [*bias_probes("ATAC"), motif, shuffled], dipping(output, sequence, planted))
    entries = {entry["name"]: entry for entry in report(footprints, backgrounds=5)["motifs"]}
    assert entries["planted"]["corrected"]["depth"] == pytest.approx(planted)
    assert entries["other"]["corrected"]["depth"] == pytest.approx(0, abs=1e-12)
    profile = footprints[-2].effects["corrected"].profile
    start = output // 2 - width // 2
    inside = np.zeros(output, dtype=bool)
    inside[start : start + width] = True
    flat = profile[~inside]
    assert np.ptp(flat) == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(profile[inside], (1 - planted) * flat[0], atol=1e-12)


def test_depth_needs_a_motif_and_both_shoulders():
    assert np.isnan(depth(np.ones(100), 0))
    assert depth(np.ones(2 * SHOULDER + 8), 8) == 0
    assert np.isnan(depth(np.ones(2 * SHOULDER + 8), 9))
    assert np.isnan(depth(np.zeros(100), 8))
