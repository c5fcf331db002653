"""Genomes that the configuration names: which of their files are fetched, and where the run finds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bpflow.errors import InputError
from bpflow.genome_catalogue import PublishedFile, find_genome

__all__ = ["NO_BLACKLIST", "apply_genome_name", "fetched_files"]

#: The word that leaves the blacklist of a named genome out.
NO_BLACKLIST = "none"


def fetched_files(config: Mapping[str, Any]) -> dict[str, PublishedFile]:
    """What is fetched for a resolved configuration: files of the named genome by their place in the results.

    What the configuration gives as files of its own is not among them.
    """
    genome = config["genome"]
    if genome["name"] is None:
        return {}
    used = {genome["fasta"], genome["blacklist"], *(config["folds"]["files"] or ())}
    published = find_genome(genome["name"], genome["catalogue"]).files
    places = {_place(config, file): file for file in published.values()}
    return {place: file for place, file in places.items() if place in used}


def apply_genome_name(config: dict[str, Any]) -> None:
    """Fill in the files of the genome that ``genome.name`` names, where the configuration gives none of its own.

    Published folds are taken where ``folds.n`` is their number.

    Raises
    ------
    InputError
        There is neither a name nor a FASTA, or no genome of that name.
    """
    genome, folds = config["genome"], config["folds"]
    name, none = genome["name"], genome["blacklist"] == NO_BLACKLIST
    if none:
        genome["blacklist"] = None
    if name is None:
        if genome["fasta"] is None:
            raise InputError(
                "nothing given",
                where="config, key genome.fasta",
                expected="text, the path of a FASTA",
                mend="Or name the genome, as in genome: hg38",
            )
        return
    try:
        known = find_genome(name, genome["catalogue"])
    except InputError as error:
        where = f"config, key genome.name ({error.where})"
        raise InputError(error.found, where=where, expected=error.expected, mend=error.mend) from None
    if genome["fasta"] is None:
        genome["fasta"] = _place(config, known.fasta)
    if genome["blacklist"] is None and known.blacklist and not none:
        genome["blacklist"] = _place(config, known.blacklist)
    if folds["files"] is None and known.folds and folds["n"] == len(known.folds):
        folds["files"] = [_place(config, fold) for fold in known.folds]
    if config["report"]["genome_name"] is None:
        config["report"]["genome_name"] = known.browser


def _place(config: Mapping[str, Any], file: PublishedFile) -> str:
    return f"{config['results']}/genome/fetched/{file.file_name}"
