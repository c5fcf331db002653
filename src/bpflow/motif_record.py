"""The record of motifs: what was found, what it resembles, and whether a model learned the enzyme or its factors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import entropy

from bpflow.files import stamp
from bpflow.motif_discovery import Pattern
from bpflow.motif_files import built_in_table, consensus
from bpflow.motif_matches import Match
from bpflow.verdicts import OFFICIAL_ADVICE, verdict

__all__ = ["LARGEST_Q", "is_enzyme", "known_name", "label", "motif_table", "report"]

# A match with a larger false discovery rate gives no name.
LARGEST_Q = 0.05
# Nor does one of a pattern that is nearly flat, in bits of all positions and of each on average: it resembles every
# known motif that has unspecific positions. Soft preferences of Tn5 have 5 bits and more, 0.35 a position.
LEAST_INFORMATION, LEAST_MEAN_INFORMATION = 5.0, 0.3
# Log counts that differ from the references' by less, 5 % of the counts, say nothing about a sequence.
LEAST_EFFECT = 0.05
TABLE = [
    *("pattern", "label", "consensus", "seqlets", "instances"),
    *(f"{what}_{rank}" for rank in (1, 2, 3) for what in ("match", "p", "q")),
]


def is_enzyme(name: str) -> bool:
    """Whether a motif of a database is an enzyme's preference: one of our table's, or called TN5 or DNASE."""
    return name in _built_in_enzymes() or bool(re.match(r"(tn5|dnase)", name, flags=re.IGNORECASE))


@cache
def _built_in_enzymes() -> frozenset[str]:
    return frozenset(entry.name for entry in built_in_table() if entry.kind == "enzyme")


def known_name(pattern: Pattern, matches: Sequence[Match]) -> str | None:
    """The known motif that a pattern is taken for, if any."""
    frequencies = pattern.frequencies[pattern.core]
    bits = np.log2(4) - entropy(frequencies, base=2, axis=1)
    informative = bits.sum() >= LEAST_INFORMATION and bits.mean() >= LEAST_MEAN_INFORMATION
    return matches[0].name if informative and matches and matches[0].q < LARGEST_Q else None


def label(pattern: Pattern, matches: Sequence[Match]) -> str:
    """What to call a pattern: the known motif that it is taken for, or else its consensus."""
    return known_name(pattern, matches) or consensus(pattern.frequencies[pattern.core])


def motif_table(patterns: Sequence[Pattern], matches: Sequence[Sequence[Match]], instances: pd.Series) -> pd.DataFrame:
    """One row a pattern: name, label, consensus, seqlets, instances, and the best three matches with p and q."""
    rows = []
    for pattern, found in zip(patterns, matches, strict=True):
        row: dict[str, Any] = {
            "pattern": pattern.name,
            "label": label(pattern, found),
            "consensus": consensus(pattern.frequencies[pattern.core]),
            "seqlets": pattern.seqlets,
            "instances": int(instances.get(pattern.name, 0)),
        }
        for rank in range(3):
            known = found[rank] if rank < len(found) else Match("", float("nan"), float("nan"))
            row |= {f"match_{rank + 1}": known.name, f"p_{rank + 1}": known.p, f"q_{rank + 1}": known.q}
        rows.append(row)
    return pd.DataFrame(rows, columns=TABLE)


def report(
    patterns: Sequence[Pattern],
    matches: Sequence[Sequence[Match]],
    table: pd.DataFrame,
    *,
    head: str,
    view: str,
    regions: int,
    window: int,
    database: int,
    split: str | None = None,
    effect: float = float("nan"),
) -> dict[str, Any]:
    """Numbers and matrices of all patterns, and the verdict on a ChromBPNet's part.

    Parameters
    ----------
    patterns, matches
        What was found, and what each resembles.
    table
        Of :func:`motif_table`.
    head, view
        What contributions are of: ``counts`` or ``profile``, of the ``corrected`` or the ``bias`` part, or of a task by
        its name.
    regions, window
        Sequences, and the bases of each that were searched.
    database
        Number of known motifs.
    split
        The split whose chromosomes the regions are on, where they are of one only.
    effect
        How much predictions typically differ from those of the references, in log counts or weighted logits. Motifs of
        a bias model whose log counts hardly differ are not held against it.
    """
    named = [known_name(pattern, found) for pattern, found in zip(patterns, matches, strict=True)]
    enzymes, factors = (_share(patterns, [_kind(name) == kind for name in named]) for kind in ("enzyme", "factor"))
    messages = []
    if not patterns:
        messages.append(f"No motif recurs often enough in {regions} regions: explain more of them, or train longer.")
    if database < 50:
        messages.append(f"TOMTOM's p-values are rough against {database} known motifs; 50 or more are better.")
    return stamp(
        "motifs",
        head=head,
        view=view,
        split=split,
        regions=regions,
        window=window,
        database=database,
        effect=effect,
        patterns=[
            {
                **{name: _plain(value) for name, value in row.items()},
                "kind": _kind(name),
                "frequencies": pattern.frequencies[pattern.core].round(4),
                "contributions": pattern.contributions[pattern.core].astype(float).round(6),
            }
            for pattern, row, name in zip(patterns, table.to_dict("records"), named, strict=True)
        ],
        verdicts=_verdicts(head, view, named, enzymes=enzymes, factors=factors, effect=effect),
        messages=messages,
    )


def _kind(name: str | None) -> str | None:
    """What a known motif is of: ``enzyme`` or ``factor``."""
    return name and ("enzyme" if is_enzyme(name) else "factor")


def _share(patterns: Sequence[Pattern], wanted: Sequence[bool]) -> float:
    """Share of all seqlets that are in the patterns wanted; NaN without any."""
    seqlets = np.array([pattern.seqlets for pattern in patterns], dtype=float)
    return float(seqlets[np.array(wanted, dtype=bool)].sum() / seqlets.sum()) if len(seqlets) else float("nan")


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and np.isnan(value) else value


def _verdicts(
    head: str, view: str, named: Sequence[str | None], *, enzymes: float, factors: float, effect: float
) -> list[dict[str, Any]]:
    """Whether enzyme and factors were told apart; nothing to tell in a task of another model."""
    if view == "bias":
        return [_bias_verdict(head, factors, named, effect)]
    return [_corrected_verdict(head, enzymes, named)] if view == "corrected" else []


def _corrected_verdict(head: str, share: float, named: Sequence[str | None]) -> dict[str, Any]:
    enzymes = ", ".join(sorted({name for name in named if name and is_enzyme(name)}))
    return verdict(
        f"motifs_{head}",
        f"Motifs of the corrected {head}",
        share,
        good=1e-9,
        check=0.1,
        lower_is_better=True,
        threshold="no motif of the enzyme; below 10 % of all instances needs a look",
        source=OFFICIAL_ADVICE,
        advice=(
            "None of the motifs is the enzyme's preference.",
            f"The enzyme's preference is among the motifs ({enzymes}): look at the footprints of the bias probes.",
            f"The enzyme's preference is among the motifs ({enzymes}): the bias model did not learn it. Check the "
            "shift, and train the bias model on more regions.",
        ),
    )


def _bias_verdict(head: str, share: float, named: Sequence[str | None], effect: float) -> dict[str, Any]:
    good = "The bias model's motifs are the enzyme's, or resemble no factor."
    if head == "counts" and effect < LEAST_EFFECT:
        share = 0.0
        good = f"Its counts hardly depend on the sequence (by {100 * effect:.2g} %), so motifs in them mean nothing."
    factors = ", ".join(sorted({name for name in named if name and not is_enzyme(name)}))
    return verdict(
        f"bias_motifs_{head}",
        f"Motifs of the bias model's {head}",
        share,
        good=0.1,
        check=0.5,
        lower_is_better=True,
        threshold="motifs of transcription factors below 10 % of all instances, unless counts differ by less than 5 %; "
        "up to half needs a look",
        source=OFFICIAL_ADVICE,
        advice=(
            good,
            f"Some of the bias model's motifs resemble factors ({factors}): lower training.bias_threshold_factor.",
            f"The bias model has learned factors ({factors}): lower training.bias_threshold_factor and train it again.",
        ),
    )
