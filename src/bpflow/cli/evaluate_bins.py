"""``bpflow evaluate-bins``."""

from __future__ import annotations

import argparse
import copy
import logging
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpflow.cli.model_options import Computing, add_computing, resolve_computing
from bpflow.cli.options import add_genome
from bpflow.errors import InputError
from bpflow.folds import SPLITS

if TYPE_CHECKING:
    from bpflow.bin_evaluation import Judged
    from bpflow.bin_file import Bins
    from bpflow.bin_metrics import TrackSums
    from bpflow.folds import Fold
    from bpflow.models import Basenji2

SUMMARY = (
    "Predict the windows of held-out chromosomes by a Basenji2, and compare them with what was observed: Pearson r, R2 "
    "and Poisson loss of each track over all bins, beside those of each track's mean and of its average profile. The "
    "predictions can be kept, and written as one bigWig a track. Of several models, each predicts the chromosomes of "
    "its own fold."
)

SHOWN = ("pearsonr", "r2", "poisson")

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow evaluate-bins``."""
    parser.add_argument(
        "--model", "--models", required=True, nargs="+", metavar="FILE", help="models of 'bpflow train basenji2'"
    )
    parser.add_argument(
        "--fold", "--folds", required=True, nargs="+", metavar="JSON", help="their folds, in the same order"
    )
    parser.add_argument("--split", choices=SPLITS, default="test", help="chromosomes to predict")
    parser.add_argument("--bins", required=True, metavar="H5", help="windows and tracks, of 'bpflow bins'")
    add_genome(parser)
    parser.add_argument("--reverse-complement", action="store_true", help="predict the mean over both strands")
    parser.add_argument(
        "--shifts", type=int, nargs="+", default=[0], metavar="N", help="predict the mean over sequences moved so far"
    )
    add_computing(parser)
    parser.set_defaults(batch_size=4)
    parser.add_argument("--output", required=True, metavar="JSON", help="metrics to write")
    parser.add_argument("--table", required=True, metavar="TSV", help="one line a track to write; gzipped if .gz")
    parser.add_argument("--predictions", metavar="H5", help="also keep the predictions by window")
    parser.add_argument("--bigwig-dir", metavar="DIR", help="also write predictions as one bigWig a track there")


def run(args: argparse.Namespace) -> None:
    """Predict and compare."""
    if len(args.model) != len(args.fold):
        raise InputError(
            f"{len(args.model)} models and {len(args.fold)} folds",
            where="--model and --fold",
            expected="one fold for each model, in the same order",
        )
    from bpflow.bin_evaluation import metrics_of, table_of, tracks_verdict
    from bpflow.bin_file import open_bins
    from bpflow.bin_prediction import bigwig_names
    from bpflow.files import require_writable, stamp, write_json
    from bpflow.folds import check_fold_set, read_fold
    from bpflow.genome import Genome
    from bpflow.tables import write_table

    genome = Genome.open(args.genome)
    folds = [read_fold(path, genome) for path in args.fold]
    if args.split == "test":
        check_fold_set(folds, ", ".join(args.fold))
    require_writable(args.output, args.table)
    with open_bins(args.bins, genome) as bins:
        bigwig_names(bins.identifiers)
        computing = resolve_computing(args)
        found = _evaluate(args, bins, folds, computing)
        together = _added(found)
        metrics = metrics_of(together)
        write_table(table_of(bins.identifiers, together), args.table)
        tested = [bins.disjoint(bins.rows_on(fold.split(args.split))) for fold in folds]
        record = stamp(
            "evaluate_bins",
            split=args.split,
            tracks=len(bins.identifiers),
            bin_width=bins.layout.bin_width,
            windows=sum(map(len, tested)),
            bins=sum(map(len, tested)) * bins.layout.bins,
            reverse_complement=args.reverse_complement,
            shifts=args.shifts,
            precision=computing.precision_name,
            metrics=metrics,
            folds=[
                {"chromosomes": list(fold.split(args.split)), "windows": len(rows), "metrics": metrics_of(sums)}
                for fold, rows, sums in zip(folds, tested, found, strict=True)
            ],
            verdicts=[tracks_verdict(metrics)],
            messages=[],
        )
    write_json(args.output, record)
    for method, values in metrics.items():
        if "pearsonr" in values:
            log.info("%s: Pearson r %.4f, R2 %.4f, Poisson loss %.4f", method, *(values[key] for key in SHOWN))


def _evaluate(
    args: argparse.Namespace, bins: Bins, folds: list[Fold], computing: Computing
) -> list[dict[str, TrackSums]]:
    """Sums of each fold; predictions and bigWigs are written as they are asked for."""
    import numpy as np

    from bpflow.bin_evaluation import evaluate_bins
    from bpflow.bin_prediction import predictions_file, write_bin_tracks

    judged = [_judged(args, bins, *pair, computing) for pair in zip(args.model, folds, strict=True)]
    rows = np.sort(np.concatenate([one.tested for one in judged]))
    found = []
    with ExitStack() as stack:
        path = args.predictions
        if args.bigwig_dir and not path:
            Path(args.bigwig_dir).mkdir(parents=True, exist_ok=True)
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=args.bigwig_dir)), "predictions.h5")
        with ExitStack() as writing:
            stored = writing.enter_context(predictions_file(path, bins, rows)) if path else None
            for one in judged:
                places = np.searchsorted(rows, one.tested)

                def keep(part: slice, predicted: Any, places: np.ndarray = places) -> None:
                    if stored is not None:
                        for place, values in zip(places[part].tolist(), predicted, strict=True):
                            stored[place] = values

                found.append(evaluate_bins(bins, one, batch_size=args.batch_size, device=computing.device, keep=keep))
        if args.bigwig_dir:
            write_bin_tracks(path, args.bigwig_dir, bins, threads=computing.threads)
    return found


def _judged(args: argparse.Namespace, bins: Bins, path: str, fold: Fold, computing: Computing) -> Judged:
    from functools import partial

    from bpflow.bin_evaluation import Judged
    from bpflow.bin_prediction import predict_bins

    tested, training = bins.disjoint(bins.rows_on(fold.split(args.split))), bins.rows_on(fold.train)
    for rows, split in ((tested, args.split), (training, "train")):
        if not len(rows):
            raise InputError(
                f"no window on the {split} chromosomes",
                where=args.bins,
                mend="Check that bins and fold belong together",
            )
    predict = partial(
        predict_bins,
        _model(path, bins),
        device=computing.device,
        precision=computing.precision,
        partners=bins.partners if args.reverse_complement else None,
        shifts=args.shifts,
    )
    return Judged(predict, training, tested)


def _model(path: str, bins: Bins) -> Basenji2:
    from bpflow.checkpoints import load_model
    from bpflow.models import Basenji2

    model, metadata = load_model(path)
    if not isinstance(model, Basenji2):
        raise InputError(f"a {type(model).__name__}", where=path, expected="a model of 'bpflow train basenji2'")
    config, layout = model.config, bins.layout
    expected = (layout.input_length, layout.bin_width, layout.crop_bins, len(bins.identifiers))
    if (config.input_length, config.bin_width, config.crop_bins, config.targets) != expected:
        raise InputError(
            f"windows of {config.input_length} bases, bins of {config.bin_width}, {config.crop_bins} of them cropped, "
            f"and {config.targets} tracks",
            where=path,
            expected="{}, {}, {} and {}, as in {}".format(*expected, bins.path),
        )
    known = metadata.get("targets", {}).get("identifiers", bins.identifiers)
    if known != bins.identifiers:
        name = next(ours for ours, theirs in zip(bins.identifiers, known, strict=True) if ours != theirs)
        raise InputError(f"a model of other tracks than {name}", where=path, expected=f"those of {bins.path}, in order")
    return model


def _added(found: list[dict[str, TrackSums]]) -> dict[str, TrackSums]:
    """Sums over all folds."""
    together = copy.deepcopy(found[0])
    for sums in found[1:]:
        for method, one in sums.items():
            together[method].sums += one.sums
    return together
