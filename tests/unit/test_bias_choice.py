"""The choice among bias threshold factors: each rule to its letter, ties, folds, and what is done if none remains."""

from __future__ import annotations

import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpflow.bias_choice import TIE, FoldResult, Motifs, choose
from bpflow.errors import InputError
from bpflow.files import write_json
from bpflow.verdicts import STAGES
from unit.made_up_candidates import CLEAN, learned, result

NAN = float("nan")

correlations = st.sampled_from([NAN, -0.9, -0.5, -0.4, -0.3, -0.1, 0.0, 0.2])
jsds = st.sampled_from([0.05, 0.0515, 0.052, 0.0545, 0.06])
found = st.sampled_from([CLEAN, Motifs(NAN), learned(0.02), learned(0.6)])


@st.composite
def candidates(draw) -> dict[float, list[FoldResult]]:
    factors = draw(st.lists(st.sampled_from([0.2, 0.3, 0.5, 0.8, 1.0]), min_size=1, unique=True))
    folds = draw(st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True))
    return {
        factor: [
            result(
                fold,
                peaks=draw(correlations),
                nonpeaks=draw(correlations),
                jsd=draw(jsds),
                counts=draw(found),
                profile=draw(found),
            )
            for fold in folds
        ]
        for factor in factors
    }


def passes(results: list[FoldResult]) -> bool:
    """The rules in as many words."""
    return all(
        one.counts_nonpeaks > 0
        and not one.counts_peaks < -0.5
        and not any(motifs.share > 0 for motifs in one.motifs.values())
        for one in results
    )


def mean_jsd(results: list[FoldResult]) -> float:
    return sum(one.norm_jsd for one in results) / len(results)


def entries(record: dict) -> dict[float, dict]:
    return {entry["factor"]: entry for entry in record["candidates"]}


@given(candidates())
def test_who_is_out_and_who_is_chosen(results):
    record = choose(results)
    remaining = {factor: mean_jsd(folds) for factor, folds in results.items() if passes(folds)}
    assert {factor for factor, entry in entries(record).items() if not entry["out"]} == set(remaining)
    assert sorted(entry["rank"] for entry in entries(record).values() if entry["rank"]) == [
        *range(1, len(remaining) + 1)
    ]
    assert record["passed"] == bool(remaining)
    if remaining:
        best = max(remaining.values())
        assert record["chosen"] == min(factor for factor, jsd in remaining.items() if jsd >= best - TIE)
        assert entries(record)[record["chosen"]]["rank"] == 1
        assert "fail" not in {item["verdict"] for item in record["verdicts"]}
        assert record["messages"] == []
    else:
        assert record["chosen"] in results
        assert "fail" in {item["verdict"] for item in record["verdicts"]}
        assert "None remains" in record["messages"][0]


@given(candidates(), st.randoms())
def test_the_order_of_what_is_given_does_not_matter(results: dict, order: random.Random):
    shuffled = [(factor, order.sample(folds, len(folds))) for factor, folds in results.items()]
    order.shuffle(shuffled)
    assert json.dumps(choose(dict(shuffled))) == json.dumps(choose(results))


@given(candidates())
def test_every_candidate_that_is_out_has_a_reason_in_words(results):
    record = choose(results)
    for factor, entry in entries(record).items():
        assert bool(entry["out"]) == (entry["grade"] == "fail") == (entry["rank"] is None)
        said = any(sentence.startswith(f"{factor:g} is out: ") for sentence in record["reasoning"])
        assert said == bool(entry["out"])


@pytest.mark.parametrize(
    ("numbers", "grade", "reason"),
    [
        ({"nonpeaks": 0.01}, "good", ""),
        ({"nonpeaks": 0.0}, "fail", "counts in non-peaks do not correlate with what is observed (r = 0, above 0"),
        ({"nonpeaks": -0.1}, "fail", "(r = -0.1, above 0 is wanted)"),
        ({"nonpeaks": NAN}, "fail", "(no correlation could be computed)"),
        ({"peaks": -0.29}, "good", ""),
        ({"peaks": -0.3}, "check", ""),
        ({"peaks": -0.5}, "check", ""),
        ({"peaks": -0.51}, "fail", "counts in peaks run against accessibility (r = -0.51, below -0.5)"),
        ({"peaks": NAN}, "check", ""),
        ({"profile": learned(0.02, "CTCF", "SP1")}, "fail", "fold 0: has learned CTCF, SP1 in its profile (2 %"),
        ({"counts": learned(0.7)}, "fail", "has learned CTCF in its counts (70 % of motif instances)"),
        ({"profile": Motifs(NAN)}, "check", ""),
    ],
)
def test_each_rule(numbers, grade, reason):
    record = choose({0.5: [result(0, **numbers)]})
    (entry,) = record["candidates"]
    assert entry["grade"] == grade
    assert reason in "".join(entry["out"])
    assert record["passed"] == (grade != "fail")


def test_a_candidate_that_needs_a_look_ranks_like_others_and_is_said_to():
    record = choose({0.3: [result(jsd=0.1)], 0.8: [result(jsd=0.2, peaks=-0.4)]})
    assert record["chosen"] == 0.8
    graded = {item["key"]: (item["verdict"], item["value"]) for item in record["verdicts"]}
    assert graded["bias_counts_peaks"] == ("check", -0.4)
    assert record["reasoning"][-1].startswith("It needs a look: Counts of the chosen bias model in validation peaks")


def test_one_bad_fold_puts_a_candidate_out():
    good = {0.5: [result(0), result(1)], 0.8: [result(0, jsd=0.3), result(1, jsd=0.3)]}
    assert choose(good)["chosen"] == 0.8
    record = choose({**good, 0.8: [result(0, jsd=0.3), result(1, jsd=0.3, nonpeaks=-0.2)]})
    assert record["chosen"] == 0.5
    assert entries(record)[0.8]["out"] == [
        "fold 1: counts in non-peaks do not correlate with what is observed (r = -0.2, above 0 is wanted)"
    ]
    assert "0.5 is the only one that remains." in record["reasoning"]


def test_folds_count_by_their_mean():
    record = choose({0.5: [result(0, jsd=0.1), result(1, jsd=0.3)], 0.8: [result(0, jsd=0.2), result(1, jsd=0.21)]})
    assert record["chosen"] == 0.8
    assert entries(record)[0.5]["norm_jsd"] == pytest.approx(0.2)
    assert [fold["norm_jsd"] for fold in entries(record)[0.5]["folds"]] == [0.1, 0.3]


@pytest.mark.parametrize(("behind", "chosen"), [(0.9 * TIE, 0.3), (1.1 * TIE, 0.8)])
def test_ties_go_to_the_lower_factor(behind, chosen):
    record = choose({0.8: [result(jsd=0.2)], 0.3: [result(jsd=0.2 - behind)]})
    assert record["chosen"] == chosen
    assert any("is the lowest within 0.003 of it" in text for text in record["reasoning"]) == (chosen == 0.3)


def test_ties_are_with_the_best_and_do_not_chain():
    """A row of small steps does not lead down to a much worse one."""
    step = 0.7 * TIE
    record = choose({0.8: [result(jsd=0.2)], 0.5: [result(jsd=0.2 - step)], 0.3: [result(jsd=0.2 - 2 * step)]})
    assert [entries(record)[factor]["rank"] for factor in (0.5, 0.3, 0.8)] == [1, 3, 2]


def test_a_model_that_learned_a_factor_is_out_before_ranking():
    """Though it has by far the best profile, and little of it is the factor's."""
    record = choose({0.5: [result(jsd=0.1)], 0.9: [result(jsd=0.5, profile=learned(0.01))]})
    assert record["chosen"] == 0.5
    assert entries(record)[0.9]["rank"] is None


@pytest.mark.parametrize(
    ("results", "chosen", "failed"),
    [
        pytest.param(
            {0.3: result(profile=learned(0.2)), 0.5: result(nonpeaks=-0.1, peaks=-0.9)},
            0.5,
            {"bias_counts_peaks", "bias_counts_nonpeaks"},
            id="no factor's motif",
        ),
        pytest.param(
            {0.3: result(profile=learned(0.2)), 0.5: result(counts=learned(0.1), jsd=0)},
            0.5,
            {"bias_motifs_counts"},
            id="fewer of them",
        ),
        pytest.param(
            {0.3: result(peaks=-0.6, jsd=0.2), 0.5: result(nonpeaks=NAN)}, 0.5, {"bias_counts_nonpeaks"}, id="peaks"
        ),
        pytest.param(
            {0.3: result(peaks=-0.6), 0.5: result(peaks=-0.9, jsd=0.2)}, 0.5, {"bias_counts_peaks"}, id="profile"
        ),
    ],
)
def test_the_least_bad_of_none(results, chosen, failed):
    record = choose({factor: [one] for factor, one in results.items()})
    assert (record["chosen"], record["passed"]) == (chosen, False)
    assert {item["key"] for item in record["verdicts"] if item["verdict"] == "fail"} == failed
    assert f"None remains. {chosen:g} is the least bad: " in record["messages"][0]
    assert all(entry["rank"] is None for entry in record["candidates"])


def test_verdicts_are_those_of_the_worst_fold():
    record = choose({0.5: [result(0, nonpeaks=0.3), result(1, nonpeaks=0.2, peaks=NAN), result(2, peaks=-0.2)]})
    values = {item["key"]: item["value"] for item in record["verdicts"]}
    assert set(values) <= set(STAGES["bias"])
    assert values == {
        "bias_counts_nonpeaks": 0.2,
        "bias_counts_peaks": None,
        "bias_motifs_profile": 0.0,
        "bias_motifs_counts": 0.0,
    }


def test_a_profile_that_could_not_be_compared_ranks_last():
    record = choose({0.3: [result(jsd=NAN)], 0.8: [result(jsd=0.01)]})
    assert record["chosen"] == 0.8
    assert math.isnan(entries(record)[0.3]["norm_jsd"])
    assert choose({0.3: [result(jsd=NAN)]})["chosen"] == 0.3


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ({}, "no candidate"),
        ({0.3: []}, "no candidate"),
        ({0.3: [result(0), result(1)], 0.5: [result(0)]}, "the candidate 0.5: no result of fold 1"),
        ({0.3: [result(1)], 0.5: [result(0)]}, "the candidate 0.3: no result of fold 0"),
        ({0.3: [result(0), result(0)]}, "the candidate 0.3: two results of fold 0"),
    ],
)
def test_candidates_must_have_the_same_folds(results, words):
    with pytest.raises(InputError, match=words):
        choose(results)


def test_the_record_is_plain_json(tmp_path):
    write_json(tmp_path / "choice.json", choose({0.5: [result(profile=learned(0.2), nonpeaks=NAN)]}))
    record = json.loads((tmp_path / "choice.json").read_text())
    assert (record["stage"], record["split"], record["folds"], record["tie"]) == ("bias_choice", "valid", [0], TIE)
    (fold,) = record["candidates"][0]["folds"]
    assert fold["counts_nonpeaks"] is None
    assert fold["motifs"]["profile"] == {"share": 0.2, "factors": ["CTCF"], "enzymes": ["Tn5"], "unnamed": 0}
