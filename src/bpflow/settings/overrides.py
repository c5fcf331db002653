"""What a sample has of its own: keys of a file that the sheet names, laid over the run's configuration."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

from bpflow.errors import InputError
from bpflow.settings.config import resolve_config
from bpflow.settings.paths import made_by_demo
from bpflow.settings.schema import check_schema

__all__ = ["RUN_WIDE", "differences", "laid_over", "overriding", "read_keys"]

#: Keys and sections that all samples of a run have in common.
RUN_WIDE = ("data", "samples", "results", "genome", "folds", "peak_sets", "report")


def overriding(
    config: Mapping[str, Any], schema: Mapping[str, Any], *, made: Callable[[str], bool] = made_by_demo
) -> Callable[[str], dict[str, Any]]:
    """Make a function that gives the configuration of samples whose row names a file; each file is read once.

    Parameters
    ----------
    config
        The run's configuration as it was read, not resolved, since a preset may be among what is laid over it.
    schema
        The schema of the configuration, see `load_schema`.
    made
        Tells files that the workflow will make, so that they may be absent.

    Returns
    -------
    callable
        Takes the path of a YAML file and returns the resolved configuration. It raises an `InputError` that names the
        file and the key, also for keys of the whole run (`RUN_WIDE`).
    """
    known: dict[str, dict[str, Any]] = {}

    def of_file(path: str) -> dict[str, Any]:
        if path not in known:
            changes = _read(path, schema)
            try:
                known[path] = resolve_config(laid_over(config, changes), schema, made=made)
            except InputError as error:
                where = f"{path} over the {error.where}"
                raise InputError(error.found, where=where, expected=error.expected, mend=error.mend) from None
        return known[path]

    return of_file


def differences(config: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """What `other` has otherwise than `config`, section by section."""
    result: dict[str, Any] = {}
    for key, value in other.items():
        if isinstance(value, Mapping):
            inside = differences(config[key], value)
            if inside:
                result[key] = inside
        elif value != config[key]:
            result[key] = value
    return result


def laid_over(config: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lay `changes` over a configuration as Snakemake does it: sections key by key, anything else replaced."""
    result = copy.deepcopy(dict(config))
    for key, value in changes.items():
        if isinstance(value, Mapping):
            below = result.get(key)
            result[key] = laid_over(below if isinstance(below, Mapping) else {}, value)
        else:
            result[key] = value
    return result


def read_keys(path: str) -> dict[str, Any]:
    """Read the keys of a YAML file, unchecked; what is no such file is an `InputError` that names it."""
    expected = "keys as in config/config.yaml"
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=path, expected=expected) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"not YAML ({' '.join(str(error).split())})", where=path, expected=expected) from None
    if not isinstance(content, dict):
        raise InputError("no keys", where=path, expected=expected)
    return content


def _read(path: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    changes = read_keys(path)
    if not changes:
        raise InputError("no keys", where=path, expected="keys as in config/config.yaml that this sample has otherwise")
    shared = [key for key in RUN_WIDE if key in changes]
    if shared:
        raise InputError(
            "a key of the whole run",
            where=f"{path}, key {shared[0]}",
            expected=f"keys other than {', '.join(RUN_WIDE)}",
            mend="Set it in the run's configuration, or make a run of its own for this sample",
        )
    # Nothing must be given here.
    check_schema(changes, {**schema, "required": []}, lambda key: f"{path}, key {key}" if key else path)
    return changes
