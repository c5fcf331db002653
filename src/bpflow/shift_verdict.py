"""Verdicts of a signal's shift: of reads by their vote, of a given bigWig by the motif around its insertions."""

from __future__ import annotations

from typing import Any

from bpflow.shift import CLEAR_MARGIN, Estimate, Shift
from bpflow.verdicts import OWN_ADVICE, verdict

__all__ = ["resemblance_verdict", "symmetry_verdict", "vote_verdict"]

KNOWN_SHIFTS = "an aligned BAM carries 0/0, a 10x or ENCODE ATAC fragment file +4/-5, DNase reads 0/0"
OTHER_SHIFT = (
    "The insertions do not lie where the enzyme acted: make the bigWig at +4/-4 (ATAC) or 0/+1 (DNASE) from the "
    "aligned 5' ends, or give the reads in its place; check also that the sheet names the right assay."
)


def vote_verdict(name: str, used: Shift, how: str, estimate: Estimate) -> dict[str, Any]:
    """Judge the shift in use for one file of reads by the vote of its cut sites.

    The number judged is the score of the shift in use, less the best score of any other. A vote that is not clear can
    be neither good nor fail; a clear one for a shift in no common use is good only if it was stated.

    Parameters
    ----------
    name
        The file's name.
    used, how
        The shift in use, and whether it was ``stated``, ``estimated`` or ``assumed``.
    estimate
        The vote.
    """
    item = verdict(
        "shift",
        f"Enzyme shift of {name}",
        estimate.lead(used),
        good=CLEAR_MARGIN / 2,
        check=-CLEAR_MARGIN / 2,
        threshold=f"a clear vote whose score for the shift in use is more than {CLEAR_MARGIN / 2} above any other; a "
        "clear vote for another shift fails",
        source=OWN_ADVICE,
        advice=(
            f"The cut sites show the shift in use, {used}.",
            f"The cut sites hardly tell {used}, in use, from {estimate.best}.",
            f"The cut sites show {estimate.best} and not {used}, in use: write {estimate.best} or auto under "
            "reads_already_shifted in the sample sheet, and check that it names the right assay.",
        ),
    )
    if estimate.verdict != "clear" and not (estimate.verdict == "nonstandard" and how == "stated"):
        item["verdict"] = "check"
        item["advice"] = (
            f"The vote is {estimate.verdict}, so {used} was {how}: if you know what the reads carry, write it under "
            f"reads_already_shifted in the sample sheet ({KNOWN_SHIFTS})."
        )
    return item


def resemblance_verdict(name: str, resemblance: float | None) -> dict[str, Any]:
    """Judge a bigWig of insertions by the correlation of its cut-site motif with the best reference; None: too few."""
    return verdict(
        "shift",
        f"Cut-site motif of {name} (r with the reference)",
        float("nan") if resemblance is None else resemblance,
        good=0.5,
        check=0.25,
        threshold="above 0.5; from 0.25 to 0.5 needs a look",
        source=OWN_ADVICE,
        advice=(
            "The motif around the insertions is the enzyme's.",
            "The motif around the insertions is the enzyme's only in part: check how the bigWig was made.",
            OTHER_SHIFT,
        ),
    )


def symmetry_verdict(name: str, symmetry: float | None) -> dict[str, Any]:
    """Judge how alike both strands see the place of the insertions, by :func:`bpflow.shift.symmetry`; None: too few."""
    return verdict(
        "shift",
        f"Cut-site motif of {name} (r with its reverse complement)",
        float("nan") if symmetry is None else symmetry,
        good=0.75,
        check=0.6,
        threshold="above 0.75; from 0.6 to 0.75 needs a look",
        source=OWN_ADVICE,
        advice=(
            "Insertions of both strands lie at one place from the cut.",
            "Insertions of the two strands may lie a base apart: check how the bigWig was made.",
            OTHER_SHIFT,
        ),
    )
