"""Marginal footprints: what a motif alone does to the predicted profile and counts.

A motif is written into the middle of background sequences, the model predicts both strands, and the profiles are
averaged. Bias probes are sequences that the enzyme likes to cut: a model without bias must not respond to them.

The footprint follows the official program: per background, the tracks (probabilities x expected counts) of the
sequence and of its reverse complement, the latter flipped back, are added and normalised to sum 1; the footprint is
the mean over backgrounds. The response is its largest value, unrounded.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import h5py
import numpy as np

from bpflow.errors import InputError
from bpflow.files import atomic_path, existing, stamp
from bpflow.genome import encode, reverse_complement_codes
from bpflow.progress import track
from bpflow.verdicts import OFFICIAL_ADVICE, verdict
from bpflow.views import Predict, Tracks

__all__ = [
    "BIAS_PROBES",
    "CENTRE_WINDOW",
    "Effect",
    "Footprint",
    "Insert",
    "bias_probes",
    "implant",
    "marginal_footprint",
    "measure",
    "read_motifs",
    "report",
    "write_profiles",
]

# The official program's probes, per assay (its second DNASE probe was meant to be this one).
BIAS_PROBES = {
    "ATAC": {
        "tn5_1": "GCACAGTACAGAGCTG",
        "tn5_2": "GTGCACAGTTCTAGAGTGTGCAG",
        "tn5_3": "CCTCTACACTGTGCAGAA",
        "tn5_4": "GCACAGTTCTAGACTGTGCAG",
        "tn5_5": "CTGCACAGTGTAGAGTTGTGC",
    },
    "DNASE": {"dnase_1": "TTTACAAGTCCA", "dnase_2": "TGTACTTACGAA"},
}
CONTROL = "control"
CENTRE_WINDOW = 200
# A response of 0.003 at 1000 bases is three times a flat profile; other widths are held to the same multiple.
RESPONSE_IN_FLAT_PROFILES = 3.0

Kind = Literal["bias_probe", "motif"]
REPORTED = ("corrected", "with_bias")


@dataclass(frozen=True)
class Insert:
    """A sequence to write into backgrounds."""

    name: str
    sequence: str
    kind: Kind


class Effect(NamedTuple):
    """A footprint (O,), summing to 1, and expected counts, the mean over backgrounds and both strands."""

    profile: np.ndarray
    counts: float


@dataclass(frozen=True)
class Footprint:
    """The effect of one insert in each view."""

    insert: Insert
    effects: Mapping[str, Effect]


def bias_probes(assay: str) -> list[Insert]:
    """The built-in probes of an assay."""
    return [Insert(name, sequence, "bias_probe") for name, sequence in BIAS_PROBES[assay].items()]


def read_motifs(path: str | os.PathLike[str], *, taken: Iterable[str] = ()) -> list[Insert]:
    """Read motifs from lines of name, tab, sequence; empty lines and lines starting with ``#`` are skipped.

    Parameters
    ----------
    path
        The file.
    taken
        Names that may not be used again.

    Raises
    ------
    InputError
        Naming the line: no two columns, letters other than A, C, G, T, or a name twice.
    """
    existing(path, "motifs: a name, a tab and a sequence a line")
    names = {CONTROL, *taken}
    motifs = []
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise InputError("not text", where=str(path), expected="lines of name, tab, sequence") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        where = f"{path}, line {number}"
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) != 2 or not all(fields):
            raise InputError(f"{len(fields)} column(s)", where=where, expected="a name, a tab and a sequence")
        name, sequence = fields[0], fields[1].upper()
        if set(sequence) - set("ACGT"):
            raise InputError(f"the sequence {fields[1]!r}", where=where, expected="the letters A, C, G and T alone")
        if name in names:
            raise InputError(f"the name {name!r} is taken", where=where, expected="a name of its own for each motif")
        if "/" in name:
            raise InputError(f"the name {name!r}", where=where, expected="a name without a slash")
        names.add(name)
        motifs.append(Insert(name, sequence, "motif"))
    if not motifs:
        raise InputError("no motifs", where=str(path), expected="at least one line of name, tab, sequence")
    return motifs


def implant(codes: np.ndarray, insert: np.ndarray) -> np.ndarray:
    """Overwrite the middle of each background, as the official program does.

    Parameters
    ----------
    codes
        (N, L) uint8.
    insert
        (width,) uint8, or (N, width) for one of its own for each background.

    Returns
    -------
    (N, L) uint8 with the insert at [L // 2 - width // 2, + width).
    """
    width, length = insert.shape[-1], codes.shape[1]
    if width > length:
        raise InputError(f"a motif of {width} bases", expected=f"at most the model's input length, {length}")
    start = length // 2 - width // 2
    result = codes.copy()
    result[:, start : start + width] = insert
    return result


def marginal_footprint(forward: Tracks, reverse: Tracks) -> Effect:
    """Combine the predictions of sequences and of their reverse complements."""
    flipped = reverse.probabilities[:, ::-1]
    both = forward.counts + reverse.counts
    # With no count expected on either strand there is no track to weigh by: both strands weigh the same.
    share = np.divide(forward.counts, both, out=np.full(len(both), 0.5), where=both > 0)[:, None]
    profile = (share * forward.probabilities + (1 - share) * flipped).mean(axis=0)
    return Effect(profile=profile, counts=float(both.mean() / 2))


def measure(backgrounds: np.ndarray, inserts: Iterable[Insert], predict: Predict) -> list[Footprint]:
    """Footprint of the untouched backgrounds (named ``control``, first) and of each insert.

    Parameters
    ----------
    backgrounds
        (N, L) uint8 codes.
    inserts
        What to write into them.
    predict
        Gives the tracks of each view for (N, L) codes.
    """
    inserts = [Insert(CONTROL, "", "motif"), *inserts]
    results = []
    for insert in track(inserts, what="footprints", unit="motifs"):
        codes = implant(backgrounds, encode(insert.sequence))
        forward, reverse = predict(codes), predict(reverse_complement_codes(codes))
        effects = {view: marginal_footprint(forward[view], reverse[view]) for view in REPORTED}
        results.append(Footprint(insert, effects))
    return results


def report(footprints: list[Footprint], *, backgrounds: int) -> dict[str, Any]:
    """Numbers, central profiles and the verdict on the bias probes.

    Parameters
    ----------
    footprints
        Result of :func:`measure`: the control first.
    backgrounds
        Number of background sequences.
    """
    control, *others = footprints
    length = len(control.effects["corrected"].profile)
    threshold = RESPONSE_IN_FLAT_PROFILES / length
    probes = [footprint for footprint in others if footprint.insert.kind == "bias_probe"]
    responses = {
        view: float(np.mean([footprint.effects[view].profile.max() for footprint in probes])) for view in REPORTED
    }
    return stamp(
        "footprints",
        backgrounds=backgrounds,
        window=min(CENTRE_WINDOW, length),
        output_length=length,
        motifs=[
            {
                "name": footprint.insert.name,
                "sequence": footprint.insert.sequence,
                "kind": footprint.insert.kind,
                **{view: _numbers(footprint.effects[view], control.effects[view]) for view in REPORTED},
            }
            for footprint in others
        ],
        control={view: _numbers(control.effects[view], control.effects[view]) for view in REPORTED},
        bias_response={
            **responses,
            "control": float(control.effects["corrected"].profile.max()),
            "threshold": threshold,
            "official": official_response(probes),
        },
        verdicts=[_verdict(probes, control, threshold)],
        messages=[],
    )


def official_response(probes: list[Footprint]) -> str:
    """The one-line summary of the official program: maxima over the whole output, rounded to 3 decimals."""
    rounded = [round(float(footprint.effects["corrected"].profile.max()), 3) for footprint in probes]
    word = "corrected" if all(value < 0.003 for value in rounded) else "uncorrected"
    return f"{word}_{round(float(np.mean(rounded)), 3)}_{'/'.join(str(value) for value in rounded)}"


def write_profiles(footprints: list[Footprint], path: str | os.PathLike[str]) -> None:
    """Write every footprint, unrounded: ``VIEW/NAME`` (O,), with its expected counts and sequence as attributes."""
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as handle:
        for footprint in footprints:
            for view, effect in footprint.effects.items():
                dataset = handle.create_dataset(f"{view}/{footprint.insert.name}", data=effect.profile)
                dataset.attrs["counts"] = effect.counts
                dataset.attrs["sequence"] = footprint.insert.sequence


def central(profile: np.ndarray, width: int = CENTRE_WINDOW) -> np.ndarray:
    """The middle `width` values of a profile, or all of a shorter one."""
    start = max(len(profile) // 2 - width // 2, 0)
    return profile[start : start + width]


def _numbers(effect: Effect, control: Effect) -> dict[str, Any]:
    centre = central(effect.profile)
    return {
        "max": float(effect.profile.max()),
        "max_centre": float(centre.max()),
        # One insertion is added to both, so that a background of no counts gives a number.
        "log2_fold_counts": float(np.log2((1 + effect.counts) / (1 + control.counts))),
        "profile": centre.astype(np.float32).astype(float).tolist(),
    }


def _verdict(probes: list[Footprint], control: Footprint, threshold: float) -> dict[str, Any]:
    worst = max(probes, key=lambda footprint: footprint.effects["corrected"].profile.max())
    largest = float(worst.effects["corrected"].profile.max())
    uncorrected = max(float(footprint.effects["with_bias"].profile.max()) for footprint in probes)
    compare = f"The same with bias is {uncorrected:.3g}."
    if control.effects["corrected"].profile.max() >= threshold:
        compare += " The backgrounds alone reach the threshold too: average over more of them."
    return verdict(
        "Response of the corrected model to bias probes",
        largest,
        good=threshold,
        check=2 * threshold,
        lower_is_better=True,
        threshold=f"largest value below {threshold:.3g}, three times a flat profile; up to twice that needs a look",
        source=OFFICIAL_ADVICE,
        advice=(
            f"The enzyme's preference is gone from the corrected profile. {compare}",
            f"{worst.insert.name} still shows a little; look at its footprint. Counts and strong motifs are usable, "
            f"fine footprints are not. {compare}",
            f"{worst.insert.name} still shows: the bias model did not learn the enzyme's preference. Check the shift, "
            f"and train the bias model on more regions. {compare}",
        ),
    )
