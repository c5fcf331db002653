"""The configuration: defaults, presets, and checks that name the key."""

from __future__ import annotations

import copy
import math
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bpflow.errors import InputError
from bpflow.settings.genomes import NO_BLACKLIST, apply_genome_name
from bpflow.settings.paths import existing_path, made_by_demo
from bpflow.settings.schema import check_schema

__all__ = [
    "PRESETS",
    "SHIFT",
    "candidate_factors",
    "check_folds",
    "fill_data",
    "resolve_config",
    "stopping_verdicts",
    "threshold_factor",
    "with_defaults",
]

#: What the nulls of ``model`` and ``training.jitter`` stand for: filters and dilated layers of each tower.
PRESETS: dict[str, dict[str, Any]] = {
    "full": {
        "input_length": 2114,
        "output_length": 1000,
        "bias": {"filters": 128, "layers": 4},
        "chrombpnet": {"filters": 512, "layers": 8},
        "jitter": 500,
    },
    "small": {
        "input_length": 2114,
        "output_length": 1000,
        "bias": {"filters": 32, "layers": 4},
        "chrombpnet": {"filters": 64, "layers": 8},
        "jitter": 500,
    },
}

#: Non-peaks with fewer counts than this factor x the peaks' 1 % quantile train the bias model.
THRESHOLD_FACTORS = {"ATAC": 0.5, "DNASE": 0.8}

SHIFT = re.compile(r"auto|[+-]?\d+/[+-]?\d+")


def resolve_config(
    config: Mapping[str, Any], schema: Mapping[str, Any], *, made: Callable[[str], bool] = made_by_demo
) -> dict[str, Any]:
    """Check a configuration and fill in what it leaves open.

    Parameters
    ----------
    config
        What was read from the configuration files; not changed.
    schema
        The schema of the configuration, see `load_schema`.
    made
        Tells files that the workflow will make, so that they may be absent.

    Returns
    -------
    dict
        A copy with all keys: defaults from the schema, nulls of ``model`` and ``training.jitter`` from the preset,
        ``{data}`` filled in, and the files of a genome that is known by name, which the workflow fetches.

    Raises
    ------
    InputError
        Names the key.
    """
    filled = copy.deepcopy(dict(config))
    if isinstance(filled.get("genome"), str):
        filled["genome"] = {"name": filled["genome"]}
    filled = with_defaults(filled, schema)
    _check_finite(filled)
    check_schema(filled, schema, lambda key: f"config, key {key}" if key else "config")
    _apply_preset(filled)
    _check_lengths(filled)
    _check_widths(filled)
    check_folds(filled)
    _check_chromosomes(filled["genome"]["chromosomes"])
    if SHIFT.fullmatch(filled["reads_already_shifted"]) is None:
        raise InputError(
            f"{filled['reads_already_shifted']!r} is not a shift",
            where="config, key reads_already_shifted",
            expected="auto, or the shifts of the two strands as in 0/0 or +4/-5",
        )
    filled["results"] = os.path.normpath(filled["results"])
    if filled["results"] == ".":
        raise InputError("'.' is no folder of its own", where="config, key results", expected="a folder's name")
    _fill_paths(filled, made)
    apply_genome_name(filled)
    return filled


def threshold_factor(config: Mapping[str, Any], assay: str) -> float:
    """The bias threshold factor of an assay: ATAC 0.5 and DNASE 0.8 where the configuration says ``auto``.

    So they are where it lists candidates, for samples that bring a bias model and try none.
    """
    given = config["training"]["bias_threshold_factor"]
    if given == "auto" or candidate_factors(config):
        return THRESHOLD_FACTORS[assay]
    return float(given[0] if isinstance(given, list) else given)


def candidate_factors(config: Mapping[str, Any]) -> list[float]:
    """Bias threshold factors to choose among, in rising order: a list of several, else none."""
    given = config["training"]["bias_threshold_factor"]
    return sorted(map(float, given)) if isinstance(given, list) and len(given) > 1 else []


def stopping_verdicts(gates: Mapping[str, str | None]) -> list[str]:
    """Keys of the verdicts that end a run where they fail; a null does what ``on_fail`` says."""
    keys = dict(gates)
    on_fail = keys.pop("on_fail")
    return [key for key, action in keys.items() if (action or on_fail) == "stop"]


def with_defaults(section: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in the schema's defaults (changes `section`)."""
    for key, part in schema.get("properties", {}).items():
        if "properties" in part:
            # "training:" with nothing under it is null in YAML; it means the section as it is by default.
            if section.get(key) is None:
                section[key] = {}
            if isinstance(section[key], dict):
                with_defaults(section[key], part)
        elif key not in section and "default" in part:
            section[key] = copy.deepcopy(part["default"])
    return section


def _check_finite(value: Any, key: str = "") -> None:
    if isinstance(value, Mapping):
        for name, item in value.items():
            _check_finite(item, f"{key}.{name}" if key else str(name))
    elif isinstance(value, list):
        for item in value:
            _check_finite(item, key)
    elif isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{value} found", where=f"config, key {key}", expected="a finite number")


def _apply_preset(config: dict[str, Any]) -> None:
    preset, model = PRESETS[config["model"]["preset"]], config["model"]
    for key in ("input_length", "output_length"):
        model[key] = preset[key] if model[key] is None else model[key]
    for tower in ("bias", "chrombpnet"):
        for key, value in preset[tower].items():
            model[tower][key] = value if model[tower][key] is None else model[tower][key]
    if config["training"]["jitter"] is None:
        config["training"]["jitter"] = preset["jitter"]


def _check_lengths(config: Mapping[str, Any]) -> None:
    model = config["model"]
    for key in ("input_length", "output_length"):
        if model[key] % 2:
            raise InputError(
                f"{model[key]} is odd",
                where=f"config, key model.{key}",
                expected="an even number of bases, so that a window has a middle",
            )
    for tower in ("bias", "chrombpnet"):
        # Unpadded convolutions: the first of 21 bases, dilated ones of 3 at 2, 4, .. 2^layers, the profile's of 75.
        needed = model["output_length"] + 20 + 2 * (2 ** (model[tower]["layers"] + 1) - 2) + 74
        if model["input_length"] < needed:
            raise InputError(
                f"{model['input_length']} is too short for output_length {model['output_length']} "
                f"and {model[tower]['layers']} layers of model.{tower}",
                where="config, key model.input_length",
                expected=f"{needed} or more",
                mend=f"Lengthen it, or lower model.{tower}.layers",
            )


def _check_widths(config: Mapping[str, Any]) -> None:
    length = config["model"]["input_length"]
    for section, key in (("mutagenesis", "width"), ("motifs", "window")):
        if config[section][key] > length:
            raise InputError(
                f"{config[section][key]} bases",
                where=f"config, key {section}.{key}",
                expected=f"at most model.input_length, {length}",
            )


def check_folds(config: Mapping[str, Any]) -> None:
    """See that the folds that are run exist, and that there is a given file for each."""
    folds = config["folds"]
    beyond = [fold for fold in folds["run"] if fold >= folds["n"]]
    if beyond:
        raise InputError(
            f"fold {beyond[0]} of {folds['n']} folds",
            where="config, key folds.run",
            expected=f"numbers from 0 to {folds['n'] - 1}",
            mend="Folds are counted from 0",
        )
    if folds["files"] is not None and len(folds["files"]) != folds["n"]:
        raise InputError(
            f"{len(folds['files'])} files for {folds['n']} folds",
            where="config, key folds.files",
            expected="one file for each fold",
            mend=f"Set folds.n: {len(folds['files'])}",
        )


def _check_chromosomes(rule: str | list[str]) -> None:
    where = "config, key genome.chromosomes"
    if isinstance(rule, list):
        return
    if "," in rule:
        raise InputError(f"a comma in {rule!r}", where=where, expected="auto, one pattern, or a YAML list of names")
    try:
        re.compile(rule)
    except re.error as error:
        raise InputError(f"{rule!r} is not a pattern ({error})", where=where) from None


def fill_data(config: dict[str, Any], made: Callable[[str], bool]) -> str | None:
    """See that the folder of the key ``data`` is there, and give its path, if there is one."""
    data = config["data"]
    if data is not None:
        config["data"] = data = os.path.normpath(data)
        # The demo's folder is made by the workflow.
        if not Path(data).is_dir() and not made(f"{data}/genome.fa.gz"):
            raise InputError(
                f"no folder {data!r}",
                where="config, key data",
                expected="the folder that the paths with {data} lie in, seen from the working directory",
                mend="Get the data, or set data to where they are",
            )
    return data


def _fill_paths(config: dict[str, Any], made: Callable[[str], bool]) -> None:
    data = fill_data(config, made)

    def path(value: str | None, key: str) -> str | None:
        if value is None or (key == "genome.blacklist" and value == NO_BLACKLIST):
            return value
        return existing_path(value, data, f"config, key {key}", made)

    for section, key in (
        ("genome", "fasta"),
        ("genome", "blacklist"),
        ("genome", "catalogue"),
        ("footprints", "motifs"),
        ("motifs", "database"),
        ("mutagenesis", "regions"),
        ("variants", "file"),
        ("report", "loci"),
    ):
        config[section][key] = path(config[section][key], f"{section}.{key}")
    for key in ("samples", "truth"):
        config[key] = path(config[key], key)
    if config["folds"]["files"] is not None:
        config["folds"]["files"] = [path(name, "folds.files") for name in config["folds"]["files"]]
