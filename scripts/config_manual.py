"""Write the tables of keys and columns in config/README.md from the schemas; --check only compares.

python scripts/config_manual.py [--check]
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bpflow.settings import load_schema, schema_keys

ROOT = Path(__file__).resolve().parents[1]
MANUAL = ROOT / "config" / "README.md"
TABLES = {"config": "Key", "samples": "Column", "sister_config": "Key", "sister_samples": "Column"}


def main(arguments: list[str] | None = None) -> int:
    """Write the manual, or say whether it is up to date."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 where the manual is out of date")
    args = parser.parse_args(arguments)
    old = MANUAL.read_text(encoding="utf-8")
    new = render(old)
    if args.check:
        if new != old:
            sys.stderr.write(f"{MANUAL} is out of date; run: python scripts/config_manual.py\n")
        return int(new != old)
    MANUAL.write_text(new, encoding="utf-8")
    return 0


def render(manual: str) -> str:
    """Replace what is between the markers of each table."""
    for name, heading in TABLES.items():
        schema = load_schema(ROOT / "workflow" / "schemas" / f"{name}.schema.yaml")
        table = "\n".join([f"| {heading} | Default | Meaning |", "|---|---|---|", *rows(schema)])
        begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
        manual = re.sub(f"{begin}.*?{end}", lambda _, t=f"{begin}\n\n{table}\n\n{end}": t, manual, flags=re.DOTALL)
    return manual


def rows(schema: Mapping[str, Any]) -> Iterator[str]:
    """One row of the table for each key that holds a value."""
    for key, part in schema_keys(schema):
        if "properties" in part:
            continue
        value = part.get("default", "")
        default = f"`{json.dumps(value)}`" if value != "" else "" if "default" in part else "must be given"
        names = [f"`{choice or 'null'}`" for choice in part.get("enum", ())]
        choices = f" One of {', '.join(names)}." if names else ""
        yield f"| `{key}` | {default} | {part['description']}{choices} |".replace("|  |", "| |")


if __name__ == "__main__":
    sys.exit(main())
