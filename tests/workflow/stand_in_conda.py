"""A stand-in for conda, where no channel can be reached: environments are built by pip from what their files name.

It answers what Snakemake asks of conda. Packages come from PyPI under their names there, in exactly the versions that
the file gives; what these need comes in the versions of requirements.lock. Python is the one that runs this file.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import venv
from argparse import ArgumentParser
from pathlib import Path

from environments import read_environment
from plans import ROOT

ACTIVATE = 'export CONDA_PREFIX="$1"; export PATH="$1/bin:$PATH"\n'


def place(folder: Path) -> Path:
    """Write the programs ``conda`` and ``activate``; returns the folder that PATH must name to find them."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    conda = programs / "conda"
    conda.write_text(
        f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(__file__)} {shlex.quote(str(folder))} "$@"\n'
    )
    conda.chmod(0o755)
    (programs / "activate").write_text(ACTIVATE)
    return programs


def main(folder: str, *arguments: str) -> None:
    """Answer a call of the ``conda`` that lies in ``bin`` of `folder`."""
    match [word for word in arguments if word not in ("--json", "--quiet", "--yes", "--no-default-packages")]:
        case ["info"]:
            print(json.dumps({"conda_prefix": folder, "platform": "linux-64"}))
        case ["--version"]:
            print("conda 24.7.1")
        case ["config", "--get", "channel_priority"]:
            print(json.dumps({"get": {"channel_priority": "strict"}}))
        case ["clean", *_]:
            pass
        case ["env", "create", *options]:
            parser = ArgumentParser()
            parser.add_argument("--file", type=Path, required=True)
            parser.add_argument("--prefix", type=Path, required=True)
            asked = parser.parse_args(options)
            create(asked.file, asked.prefix)
        case _:
            sys.exit(f"this stand-in for conda does not know: {shlex.join(arguments)}")


def create(file: Path, prefix: Path) -> None:
    """Build the environment that `file` describes in the new folder `prefix`."""
    environment = read_environment(file)
    pins = environment.conda | environment.pip
    python, running = pins.pop("python"), f"{sys.version_info.major}.{sys.version_info.minor}"
    if not python.startswith(f"{running}."):
        sys.exit(f"{file} asks for Python {python}, and this is {running}")
    pins.pop("pip", None)
    venv.create(prefix)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", prefix / "bin/python", "--quiet", "--disable-pip-version-check"),
            *("install", "--no-compile", "--constraint", ROOT / "requirements.lock"),
            *(f"{name}=={version}" for name, version in pins.items()),
        ],
        check=True,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
