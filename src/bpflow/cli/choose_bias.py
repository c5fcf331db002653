"""``bpflow choose-bias``."""

from __future__ import annotations

import argparse
import logging
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

from bpflow.bias_choice import FoldResult, Motifs, choose
from bpflow.cli.options import non_negative_int, positive_float
from bpflow.errors import InputError
from bpflow.files import read_json, write_json

SUMMARY = (
    "Choose one bias threshold factor for a sample over all folds, by what the bias models of several candidates do on "
    "validation chromosomes: counts correlate in non-peaks (above 0), do not run against accessibility in peaks (not "
    "below -0.5), and no motif of a transcription factor was learned; of those the best median normalised JSD in "
    "non-peaks is taken."
)

WORDS = ("FACTOR", "FOLD", "METRICS", "COUNTS", "PROFILE")

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow choose-bias``."""
    parser.add_argument(
        "--candidate",
        required=True,
        action="append",
        nargs=len(WORDS),
        metavar=WORDS,
        help="once for each factor and fold: the factor, the fold's number, the metrics of 'bpflow evaluate' of "
        "predictions with --split valid, and motifs.json of 'bpflow motifs' of the contributions to counts and to the "
        "profile, of peaks with --split valid",
    )
    parser.add_argument("--output", required=True, metavar="JSON", help="the choice, its reasoning and its verdicts")


def run(args: argparse.Namespace) -> None:
    """Choose the factor."""
    results: dict[float, list[FoldResult]] = defaultdict(list)
    seen: dict[int, _Evaluated] = {}
    for words in args.candidate:
        factor, fold = _numbers(words)
        evaluated = _read_metrics(words[2])
        first = seen.setdefault(fold, evaluated)
        if (evaluated.chromosomes, evaluated.regions) != (first.chromosomes, first.regions):
            raise InputError(
                f"{_said(evaluated)}, but {_said(first)} in {first.path}",
                where=evaluated.path,
                expected=f"all candidates of fold {fold} evaluated on the same regions",
            )
        motifs = {head: _read_motifs(path, head) for head, path in zip(("counts", "profile"), words[3:], strict=True)}
        results[factor].append(FoldResult(fold=fold, motifs=motifs, **evaluated.regions, **evaluated.numbers))
    record = choose(results)
    write_json(args.output, record)
    for sentence in record["reasoning"]:
        log.log(logging.INFO if record["passed"] else logging.WARNING, "%s", sentence)


class _Evaluated(NamedTuple):
    """What is taken from a metrics file."""

    path: str
    chromosomes: list[str]
    regions: Mapping[str, Any]
    numbers: Mapping[str, Any]


def _said(evaluated: _Evaluated) -> str:
    peaks, nonpeaks = evaluated.regions["peaks"], evaluated.regions["nonpeaks"]
    return f"{peaks} peaks and {nonpeaks} non-peaks of {', '.join(evaluated.chromosomes)}"


def _numbers(words: list[str]) -> tuple[float, int]:
    """The factor and the fold."""
    try:
        return positive_float(words[0]), non_negative_int(words[1])
    except argparse.ArgumentTypeError as error:
        raise InputError(
            str(error), where=f"--candidate {' '.join(words)}", expected=f"the words {' '.join(WORDS)}"
        ) from None


def _read_metrics(path: str) -> _Evaluated:
    record = _read_record(path, "evaluate", "metrics of 'bpflow evaluate --model-kind bias'")
    _require(record, path, "model_kind", "bias", "metrics of a bias model")
    _require(record, path, "split", "valid", "metrics of predictions by 'bpflow predict --split valid'")
    return _Evaluated(
        path,
        [str(name) for name in _entry(record, path, "chromosomes")],
        {group: int(_entry(record, path, "regions", group)) for group in ("peaks", "nonpeaks")},
        {
            "counts_peaks": _value(_entry(record, path, "counts_metrics", "peaks", "pearsonr")),
            "counts_nonpeaks": _value(_entry(record, path, "counts_metrics", "nonpeaks", "pearsonr")),
            "norm_jsd": _value(_entry(record, path, "profile_metrics", "nonpeaks", "median_norm_jsd")),
        },
    )


def _read_motifs(path: str, head: str) -> Motifs:
    record = _read_record(path, "motifs", "motifs.json of 'bpflow motifs'")
    _require(record, path, "head", head, f"motifs of the contributions to {head}")
    _require(record, path, "view", "bias", "motifs of contributions with --view bias")
    _require(record, path, "split", "valid", "motifs of contributions with --split valid")
    verdicts = {item["key"]: item for item in _entry(record, path, "verdicts")}
    share = _value(_entry(verdicts, path, f"bias_motifs_{head}", "value"))
    kinds = [(_entry(item, path, "kind"), _entry(item, path, "label")) for item in _entry(record, path, "patterns")]
    return Motifs(
        share=share,
        # Motifs in counts that hardly depend on the sequence mean nothing, and are no part of the share.
        factors=_names(kinds, "factor") if share else (),
        enzymes=_names(kinds, "enzyme"),
        unnamed=sum(kind is None for kind, _ in kinds),
    )


def _names(kinds: list[tuple[str | None, str]], wanted: str) -> tuple[str, ...]:
    return tuple(sorted({name for kind, name in kinds if kind == wanted}))


def _read_record(path: str, stage: str, what: str) -> dict[str, Any]:
    record = read_json(path, what)
    if not isinstance(record, dict) or record.get("stage") != stage:
        found = f"a record of the stage {record.get('stage')!r}" if isinstance(record, dict) else "no record"
        raise InputError(found, where=path, expected=what)
    return record


def _require(record: Mapping[str, Any], path: str, key: str, wanted: str, what: str) -> None:
    if record.get(key) != wanted:
        raise InputError(f"{key} is {record.get(key)!r}", where=path, expected=f"{wanted!r}: {what}")


def _entry(record: Any, path: str, *keys: str) -> Any:
    for key in keys:
        if not isinstance(record, dict) or key not in record:
            raise InputError(
                f"no {'.'.join(keys)}",
                where=path,
                expected="a record of this version of bpflow, of peaks and non-peaks",
            )
        record = record[key]
    return record


def _value(entry: float | None) -> float:
    return float("nan") if entry is None else float(entry)
