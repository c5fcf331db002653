"""Which bias threshold factor to take: candidates judged and ranked by what their models do on validation chromosomes.

In every fold counts must correlate in non-peaks and not run against accessibility in peaks (limits: the official
program's advice), and no motif of a transcription factor may be learned. The best profile of non-peaks wins then.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from bpflow.errors import InputError
from bpflow.files import stamp
from bpflow.verdicts import GRADES, OFFICIAL_ADVICE, OWN_ADVICE, verdict

__all__ = ["HEADS", "TIE", "FoldResult", "Motifs", "choose"]

HEADS = ("profile", "counts")
# Three seeds of one training differ by as much in the median normalised JSD of non-peaks (docs/numerics.md).
TIE = 0.003
GOOD_IN_PEAKS, LEAST_IN_PEAKS = -0.3, -0.5

Verdict = dict[str, Any]


@dataclass(frozen=True)
class Motifs:
    """Motifs in the contributions to one head.

    Attributes
    ----------
    share
        Share of motif instances whose motif resembles a transcription factor; NaN where no motif was found.
    factors, enzymes
        Names of known motifs, each once.
    unnamed
        Number of motifs that resemble none.
    """

    share: float
    factors: Sequence[str] = ()
    enzymes: Sequence[str] = ()
    unnamed: int = 0


@dataclass(frozen=True)
class FoldResult:
    """What the model of one candidate and fold does on validation chromosomes.

    Attributes
    ----------
    fold
        Number of the fold.
    peaks, nonpeaks
        Numbers of regions.
    counts_peaks, counts_nonpeaks
        Pearson correlation of predicted and observed ln(1 + total); NaN where there is none.
    norm_jsd
        Median normalised Jensen-Shannon distance of profiles in non-peaks; 1 is perfect.
    motifs
        By head.
    """

    fold: int
    peaks: int
    nonpeaks: int
    counts_peaks: float
    counts_nonpeaks: float
    norm_jsd: float
    motifs: Mapping[str, Motifs]


@dataclass(frozen=True)
class _Candidate:
    factor: float
    folds: Sequence[FoldResult]

    @property
    def norm_jsd(self) -> float:
        return float(np.mean([result.norm_jsd for result in self.folds]))

    @property
    def verdicts(self) -> list[Verdict]:
        """One on each rule: that of the worst fold."""
        return [_worst([judged for _, judged in rule]) for rule in self._rules()]

    @property
    def passed(self) -> bool:
        return all(item["verdict"] != "fail" for item in self.verdicts)

    @property
    def reasons(self) -> list[str]:
        """Why it is out, rule by rule and fold by fold."""
        return [
            f"fold {result.fold}: {_in_words(judged['key'], result)}"
            for rule in self._rules()
            for result, judged in rule
            if judged["verdict"] == "fail"
        ]

    @property
    def faults(self) -> tuple[float, bool, bool]:
        """How bad it is: motifs of factors weigh more than counts, and counts in peaks more than in non-peaks."""
        nonpeaks, peaks, *motifs = self.verdicts
        share = max(item["value"] or 0.0 for item in motifs)
        return share, peaks["verdict"] == "fail", nonpeaks["verdict"] == "fail"

    def _rules(self) -> list[list[tuple[FoldResult, Verdict]]]:
        motifs = [partial(_judge_motifs, head) for head in HEADS]
        rules: list[Callable[[FoldResult], Verdict]] = [_judge_nonpeaks, _judge_peaks, *motifs]
        return [[(result, rule(result)) for result in self.folds] for rule in rules]


def choose(results: Mapping[float, Sequence[FoldResult]]) -> dict[str, Any]:
    """Choose one factor over all folds.

    Candidates whose counts or motifs fail in any fold are out. Of the others, the one with the best mean over folds
    of the median normalised JSD in non-peaks is taken, or the lowest factor of those within `TIE` of it. Where none
    remains, it is the one with the smallest share of factors' motifs, then one that does not fail in peaks, then one
    that does not fail in non-peaks, then as before; its verdicts fail.

    Parameters
    ----------
    results
        By factor, the results of its folds, in any order.

    Returns
    -------
    dict
        The record: ``chosen`` (the factor), ``passed`` (whether it passed all rules), ``reasoning`` (sentences),
        ``folds``, ``limits``, ``tie``, ``verdicts`` of the chosen one, ``messages``, and ``candidates`` by factor, each
        with ``factor``, ``rank`` (1 is the best; None for those out), ``out`` (reasons), ``grade``, ``norm_jsd`` (mean
        over folds) and the numbers of its ``folds``.

    Raises
    ------
    InputError
        There is no candidate, or a candidate lacks a fold that another has.
    """
    candidates = [
        _Candidate(factor, sorted(found, key=lambda result: result.fold)) for factor, found in sorted(results.items())
    ]
    folds = _same_folds(candidates)
    finalists = _by_profile([candidate for candidate in candidates if candidate.passed])
    if finalists:
        chosen = finalists[0]
    else:
        least = min(candidate.faults for candidate in candidates)
        chosen = _by_profile([candidate for candidate in candidates if candidate.faults == least])[0]
    reasoning = _reasoning(candidates, finalists, chosen, folds)
    return stamp(
        "bias_choice",
        split="valid",
        folds=folds,
        limits={"counts_nonpeaks": [0.0], "counts_peaks": [GOOD_IN_PEAKS, LEAST_IN_PEAKS]},
        tie=TIE,
        chosen=chosen.factor,
        passed=bool(finalists),
        reasoning=reasoning,
        candidates=[_record(candidate, finalists) for candidate in candidates],
        verdicts=chosen.verdicts,
        messages=[] if finalists else [" ".join(reasoning)],
    )


def _same_folds(candidates: Sequence[_Candidate]) -> list[int]:
    folds = sorted({result.fold for candidate in candidates for result in candidate.folds})
    if not folds:
        raise InputError("no candidate", expected="one or more factors, each with its results")
    for candidate in candidates:
        found = [result.fold for result in candidate.folds]
        if found != folds:
            odd = next(fold for fold in folds if found.count(fold) != 1)
            raise InputError(
                f"{'two results' if odd in found else 'no result'} of fold {odd}",
                where=f"the candidate {candidate.factor:g}",
                expected=f"one of each fold that any candidate has ({', '.join(map(str, folds))})",
            )
    return folds


def _by_profile(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """The best first: each time the lowest factor of those that tie with the best that is left."""
    left, ranked = sorted(candidates, key=lambda candidate: candidate.factor), []
    while left:
        best = max(map(_score, left))
        first = next(candidate for candidate in left if _score(candidate) >= best - TIE)
        left.remove(first)
        ranked.append(first)
    return ranked


def _score(candidate: _Candidate) -> float:
    return -math.inf if math.isnan(candidate.norm_jsd) else candidate.norm_jsd


def _judge_nonpeaks(result: FoldResult) -> Verdict:
    failed = (
        "The bias model does not predict how deep the background is: check the non-peaks for peaks and artefacts, try "
        "higher factors in training.bias_threshold_factor, or give a bias model of the same protocol in the sheet."
    )
    judged = verdict(
        "bias_counts_nonpeaks",
        "Counts of the chosen bias model in validation non-peaks (Pearson r, worst fold)",
        result.counts_nonpeaks,
        good=0.0,
        check=0.0,
        threshold="above 0",
        source=OFFICIAL_ADVICE,
        advice=("The bias model predicts how deep the background is.", failed, failed),
    )
    # A correlation that there is none of is not above 0.
    return judged if judged["value"] is not None else {**judged, "verdict": "fail", "advice": failed}


def _judge_peaks(result: FoldResult) -> Verdict:
    return verdict(
        "bias_counts_peaks",
        "Counts of the chosen bias model in validation peaks (Pearson r, worst fold)",
        result.counts_peaks,
        good=GOOD_IN_PEAKS,
        # The limit itself is not below the limit.
        check=math.nextafter(LEAST_IN_PEAKS, -1),
        threshold="above -0.3; from -0.5 to -0.3 needs a look; below -0.5 is out",
        source=OFFICIAL_ADVICE,
        advice=(
            "The bias model does not oppose accessibility.",
            "The bias model's counts run against accessibility somewhat: compare the corrected tracks and footprints, "
            "and try other factors in training.bias_threshold_factor.",
            "The bias model has captured AT-rich or inaccessible sequence: try higher factors in "
            "training.bias_threshold_factor, or give a bias model of the same protocol in the sheet.",
        ),
    )


def _judge_motifs(head: str, result: FoldResult) -> Verdict:
    failed = (
        f"The bias model has learned factors ({', '.join(result.motifs[head].factors)}), and would take their sites "
        "for the enzyme's: try lower factors in training.bias_threshold_factor."
    )
    return verdict(
        f"bias_motifs_{head}",
        f"Motifs of factors in the chosen bias model's {head} (share of motif instances, worst fold)",
        result.motifs[head].share,
        good=1e-9,
        check=1e-9,
        lower_is_better=True,
        threshold="none; of counts that differ by less than 5 % motifs mean nothing",
        source=OWN_ADVICE,
        advice=("The bias model's motifs are the enzyme's, or resemble no factor.", failed, failed),
    )


def _worst(judged: Sequence[Verdict]) -> Verdict:
    """The worst grade; of several, the one with the lowest correlation, or the largest share."""

    def badness(item: Verdict) -> tuple[int, float]:
        value = item["value"]
        sign = 1 if item["key"].startswith("bias_motifs") else -1
        return GRADES.index(item["verdict"]), math.inf if value is None else sign * value

    return max(judged, key=badness)


def _in_words(key: str, result: FoldResult) -> str:
    """What is wrong with a fold by the rule `key`."""
    if key == "bias_counts_nonpeaks":
        found = result.counts_nonpeaks
        return "counts in non-peaks do not correlate with what is observed " + (
            "(no correlation could be computed)" if math.isnan(found) else f"(r = {found:.3g}, above 0 is wanted)"
        )
    if key == "bias_counts_peaks":
        return f"counts in peaks run against accessibility (r = {result.counts_peaks:.3g}, below {LEAST_IN_PEAKS})"
    head = key.removeprefix("bias_motifs_")
    motifs = result.motifs[head]
    return f"has learned {', '.join(motifs.factors)} in its {head} ({100 * motifs.share:.3g} % of motif instances)"


def _reasoning(
    candidates: Sequence[_Candidate], finalists: Sequence[_Candidate], chosen: _Candidate, folds: Sequence[int]
) -> list[str]:
    number = f"{len(candidates)} factors were tried" if len(candidates) > 1 else "One factor was tried"
    of = f"fold{'s' if len(folds) > 1 else ''} {', '.join(map(str, folds))}"
    sentences = [f"{number} and judged on the validation chromosomes of {of}."]
    sentences += [f"{one.factor:g} is out: {'; '.join(one.reasons)}." for one in candidates if not one.passed]
    if not finalists:
        return [
            *sentences,
            f"None remains. {chosen.factor:g} is the least bad: the smallest share of factors' motifs, then counts "
            "that do not fail in peaks, then counts that do not fail in non-peaks, then the best profile of non-peaks. "
            "Do not trust what is built on it.",
        ]
    if len(finalists) == 1:
        sentences.append(f"{chosen.factor:g} is the only one that remains.")
    else:
        best = max(finalists, key=_score)
        sentences.append(
            f"Of the {len(finalists)} that remain, the factor {best.factor:g} has the best median normalised JSD in "
            f"non-peaks, {best.norm_jsd:.4f}."
        )
        if chosen is not best:
            sentences.append(f"{chosen.factor:g}, with {chosen.norm_jsd:.4f}, is the lowest within {TIE:g} of it.")
    looks = [item["name"] for item in chosen.verdicts if item["verdict"] == "check"]
    return sentences + [f"It needs a look: {name}." for name in looks]


def _record(candidate: _Candidate, finalists: Sequence[_Candidate]) -> dict[str, Any]:
    return {
        "factor": candidate.factor,
        "rank": finalists.index(candidate) + 1 if candidate in finalists else None,
        "grade": max((item["verdict"] for item in candidate.verdicts), key=GRADES.index),
        "out": candidate.reasons,
        "norm_jsd": candidate.norm_jsd,
        "folds": [
            {
                "fold": result.fold,
                "peaks": result.peaks,
                "nonpeaks": result.nonpeaks,
                "counts_peaks": result.counts_peaks,
                "counts_nonpeaks": result.counts_nonpeaks,
                "norm_jsd": result.norm_jsd,
                "motifs": {
                    head: {
                        "share": result.motifs[head].share,
                        "factors": list(result.motifs[head].factors),
                        "enzymes": list(result.motifs[head].enzymes),
                        "unnamed": result.motifs[head].unnamed,
                    }
                    for head in HEADS
                },
            }
            for result in candidate.folds
        ],
    }
