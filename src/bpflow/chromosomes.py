"""Which sequences of an assembly are modelled: the written rule behind ``chromosomes: auto``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bpflow.errors import InputError

__all__ = ["choose_chromosomes", "explain_mismatch"]

# Name patterns of everything that is not an assembled nuclear chromosome (UCSC, Ensembl, RefSeq, TAIR, SGD habits).
DROPPED_BY_AUTO = {
    "mitochondrion": r"(chr)?(m|mt|mito|mitochondri(on|a))|chrmtdna|mtdna",
    "chloroplast": r"(chr)?(c|pt|cp|chloroplast|plastid)",
    "plasmid": r"2-?micron|plasmid.*",
    "alternative": r".*_(alt|fix|hap\d*|novel)|.*_hap\d+|hla-.*",
    "random": r".*_random",
    "unplaced": r"(chr)?un([_.].*)?|(gl|ki|jh|kb|kn|kq|kv|kz|ml|mu|aabr|aemk|cabz)\d{5,}(\.\d+)?|n[wtz]_\d+(\.\d+)?",
    "scaffold": r"(super[_-]?)?(scaffold|contig|scf|ctg|unitig|utg)[-_.]?\d.*",
    "decoy or virus": r"chrebv|ebv|hs\d+d\d+|.*decoy.*|lambda|phix.*|j02459.*",
}


def choose_chromosomes(
    names: Sequence[str], rule: str | Sequence[str], *, where: str
) -> tuple[list[str], dict[str, str]]:
    """Split an assembly's sequence names into those kept and those dropped.

    Parameters
    ----------
    names
        Sequence names in the order of the FASTA.
    rule
        ``"auto"``, a list of names, or one regular expression that whole names must match.
    where
        The file the names are from, for messages.

    Returns
    -------
    kept, dropped
        Names kept in FASTA order; names dropped with the reason.

    Raises
    ------
    InputError
        A listed name is absent, a pattern is not one, or nothing is left.
    """
    if rule == "auto":
        dropped = {name: reason for name in names if (reason := _reason_to_drop(name))}
        kept = [name for name in names if name not in dropped]
        if not kept:
            # An assembly of scaffolds alone is still worth modelling: only organelles stay out.
            organelles = {"mitochondrion", "chloroplast", "plasmid"}
            dropped = {name: reason for name, reason in dropped.items() if reason in organelles}
            kept = [name for name in names if name not in dropped]
    elif isinstance(rule, str):
        try:
            pattern = re.compile(rule)
        except re.error as error:
            raise InputError(f"{rule!r} is not a pattern ({error})", where="chromosomes") from None
        kept = [name for name in names if pattern.fullmatch(name)]
        dropped = {name: "not matched by the given pattern" for name in names if not pattern.fullmatch(name)}
    else:
        absent = [name for name in rule if name not in set(names)]
        if absent:
            raise InputError(
                f"chromosomes {_some(absent)} are not in the genome",
                where=where,
                expected=f"names among {_some(names)}",
                mend=explain_mismatch(absent, names) or "Check the list of chromosomes",
            )
        kept = [name for name in names if name in set(rule)]
        dropped = {name: "not in the given list" for name in names if name not in set(rule)}
    if not kept:
        raise InputError(
            f"no sequence is left by the chromosome rule {rule!r}",
            where=where,
            expected=f"a rule that keeps some of {_some(names)}",
            mend="Set genome.chromosomes to a list or a pattern",
        )
    return kept, dropped


def explain_mismatch(found: Iterable[str], expected: Iterable[str]) -> str | None:
    """Say how two naming habits differ ("chr1" against "1"), if that is what is wrong."""
    found, expected = list(found), set(expected)
    with_prefix = [name for name in found if f"chr{name}" in expected]
    without_prefix = [name for name in found if name.startswith("chr") and name[3:] in expected]
    for names, here, there in ((with_prefix, "1", "chr1"), (without_prefix, "chr1", "1")):
        if names and not expected.intersection(found):
            other = f"chr{names[0]}" if here == "1" else names[0][3:]
            return (
                f"The names differ in style: this file says {names[0]!r} where the genome says {other!r} "
                f"(as in {here!r} and {there!r}); rename one of them"
            )
    return None


def _reason_to_drop(name: str) -> str | None:
    for reason, pattern in DROPPED_BY_AUTO.items():
        if re.fullmatch(pattern, name, flags=re.IGNORECASE):
            return reason
    return None


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
