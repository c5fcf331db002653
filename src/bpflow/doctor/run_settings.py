"""The configuration that a run would have: files laid over each other as Snakemake does it, resolved and checked."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bpflow.errors import InputError
from bpflow.settings import (
    Sample,
    fetched_files,
    laid_over,
    load_schema,
    made_by_demo,
    overriding,
    read_keys,
    read_samples,
    resolve_config,
)

__all__ = ["InputFile", "RunSettings", "load_run"]

STARTER = "config/config.yaml"


@dataclass(frozen=True)
class InputFile:
    """A file that the run reads: what it is, its path, and whether the workflow makes it first."""

    what: str
    path: str
    made: bool


@dataclass(frozen=True)
class RunSettings:
    """What a run is asked for.

    Attributes
    ----------
    snakefile
        The workflow.
    configfiles
        As they were given, the first one lowest.
    config
        The resolved configuration.
    samples
        The sheet's samples, by name.
    """

    snakefile: Path
    configfiles: tuple[str, ...]
    config: dict[str, Any]
    samples: dict[str, Sample]

    @property
    def inputs(self) -> list[InputFile]:
        """All files that the configuration and the sheet name."""
        config = self.config
        fetched = fetched_files(config)
        named = [
            ("genome.fasta", config["genome"]["fasta"]),
            ("genome.blacklist", config["genome"]["blacklist"]),
            *(("folds.files", path) for path in config["folds"]["files"] or ()),
            ("report.loci", config["report"]["loci"]),
            *(named for sample in self.samples.values() for named in self._of_sample(sample)),
        ]
        made = {
            path for _, path in named if path and not Path(path).exists() and (path in fetched or made_by_demo(path))
        }
        unique = dict.fromkeys((what, path) for what, path in named if path)
        return [InputFile(what, path, path in made) for what, path in unique]

    def _of_sample(self, sample: Sample) -> Iterator[tuple[str, str | None]]:
        # Those of a cluster are split from all cells'.
        row = sample.cells or sample.name
        yield from ((f"reads of {row}", path) for path in sample.fragments or sample.reads)
        yield from ((f"barcodes of {row}", path) for path in sample.barcodes)
        yield f"signal of {sample.name}", sample.signal
        yield f"peaks of {sample.name}", sample.peaks
        yield "footprints.motifs", sample.config["footprints"]["motifs"]
        yield "motifs.database", sample.config["motifs"]["database"]
        yield "mutagenesis.regions", sample.config["mutagenesis"]["regions"]
        yield "variants.file", sample.config["variants"]["file"]
        yield "truth", sample.config["truth"]
        for fold in self.config["folds"]["run"]:
            yield f"bias model of {sample.name}", sample.bias_model_for(fold)


def load_run(configfiles: Sequence[str], snakefile: str | os.PathLike[str] | None = None) -> RunSettings:
    """Read the configuration as Snakemake would, from the working directory.

    Parameters
    ----------
    configfiles
        Laid over ``config/config.yaml``, if there is one, in their order.
    snakefile
        The workflow; None takes the one in the working directory, else the one this package lies beside.

    Raises
    ------
    InputError
        No workflow, a file that is no YAML, or what the run itself would end with.
    """
    workflow = _snakefile(snakefile)
    config: dict[str, Any] = {}
    for path in (*([STARTER] if Path(STARTER).is_file() else []), *configfiles):
        config = laid_over(config, read_keys(path))
    schemas = workflow.parent / "workflow" / "schemas"
    schema = load_schema(schemas / "config.schema.yaml")
    resolved = resolve_config(config, schema)
    samples = read_samples(
        resolved["samples"],
        load_schema(schemas / "samples.schema.yaml"),
        resolved,
        config_of=overriding(config, schema),
    )
    return RunSettings(workflow, tuple(configfiles), resolved, samples)


def _snakefile(given: str | os.PathLike[str] | None) -> Path:
    places = [Path(given)] if given else [Path("Snakefile"), Path(__file__).resolve().parents[3] / "Snakefile"]
    for place in places:
        if (place.parent / "workflow" / "schemas").is_dir() and place.is_file():
            return place.resolve()
    raise InputError(
        "no workflow of bpflow there",
        where=str(places[0]),
        expected="its Snakefile",
        mend="Name it: --snakefile PATH/Snakefile",
    )
