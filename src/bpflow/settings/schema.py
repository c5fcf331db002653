"""JSON schemas of the configuration and the sheet, and what a value that does not fit them is told."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from bpflow.errors import InputError

__all__ = ["check_schema", "load_schema", "schema_keys"]

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a section",
    "null": "nothing (null)",
}


def load_schema(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a JSON schema written in YAML."""
    return yaml.safe_load(Path(path).read_text(encoding="utf-8"))


def schema_keys(schema: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every key of a schema as ``section.key`` with its part of the schema, sections before what is in them."""
    for key, part in schema.get("properties", {}).items():
        yield prefix + key, part
        yield from schema_keys(part, f"{prefix}{key}.")


def check_schema(content: Any, schema: Mapping[str, Any], place: Callable[[str], str]) -> None:
    """Raise an `InputError` for the first thing in `content` that does not fit; `place` turns its key into a place."""
    errors = list(Draft202012Validator(schema).iter_errors(content))
    # A misspelt key explains a missing one, so it is told first.
    errors.sort(key=lambda error: (error.validator != "additionalProperties", error.validator != "required"))
    if errors:
        raise _explain(errors[0], schema, place)


def _explain(error: ValidationError, schema: Mapping[str, Any], place: Callable[[str], str]) -> InputError:
    key = ".".join(str(part) for part in error.absolute_path if isinstance(part, str))
    found = error.instance
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = next(str(name) for name in found if name not in known)
        near = difflib.get_close_matches(unknown, known, 1)
        elsewhere = [name for name, _ in schema_keys(schema) if name.split(".")[-1] == unknown]
        meant = near or elsewhere
        return InputError(
            f"unknown key {unknown!r}",
            where=place(f"{key}.{unknown}" if key else unknown),
            expected="one of " + ", ".join(known),
            mend=f"Perhaps {meant[0]} is meant" if meant else None,
        )
    if error.validator == "required":
        absent = next(name for name in error.validator_value if name not in found)
        return InputError(
            "is missing",
            where=place(f"{key}.{absent}" if key else absent),
            expected=error.schema["properties"][absent]["description"],
        )
    return InputError(
        "nothing given" if found in (None, "") else f"{found!r} found",
        where=place(key),
        expected=_expected(error.schema),
        mend=_scientific_hint(found, error.schema),
    )


def _scientific_hint(found: Any, schema: Mapping[str, Any]) -> str | None:
    wants_number = "number" in str(schema.get("type", schema.get("anyOf", "")))
    if wants_number and isinstance(found, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", found):
        return f"YAML reads {found} as text; write it with a point and a sign, as in 1.0e-3"
    return None


def _expected(schema: Mapping[str, Any]) -> str:
    """Say in words what a part of a schema accepts."""
    if "anyOf" in schema:
        return " or ".join(_expected(part) for part in schema["anyOf"])
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        return " or ".join("nothing (null)" if value is None else str(value) for value in schema["enum"])
    types = schema.get("type", [])
    words = " or ".join(_TYPES[name] for name in ([types] if isinstance(types, str) else types))
    for rule, word in (
        ("minimum", "not below"),
        ("exclusiveMinimum", "above"),
        ("maximum", "not above"),
        ("exclusiveMaximum", "below"),
    ):
        if rule in schema:
            words += f", {word} {schema[rule]}"
    if "pattern" in schema:
        words += f" ({schema['x-expected']})" if "x-expected" in schema else f" like {schema['pattern']}"
    if schema.get("minItems"):
        words += ", not empty"
    if schema.get("uniqueItems"):
        words += ", none twice"
    if isinstance(schema.get("items"), Mapping):
        words += f", each {_expected(schema['items'])}"
    return words
