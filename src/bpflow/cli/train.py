"""``bpflow train``: a bias model, a ChromBPNet, a BPNet, a ProCapNet or a Basenji2."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpflow.cli.bin_training import add_bin_data, prepare_bins
from bpflow.cli.enzyme_training import prepare_enzyme
from bpflow.cli.launch import is_launched, launch, local_processes, local_rank, scheduled_gpus
from bpflow.cli.model_options import Computing, add_computing, make_deterministic, resolve_computing
from bpflow.cli.options import (
    HelpFormatter,
    add_genome,
    add_seed,
    even_length,
    non_negative_float,
    non_negative_int,
    positive_float,
    positive_int,
)
from bpflow.cli.stranded_training import add_stranded_data, prepare_stranded
from bpflow.cli.training_files import (
    curves,
    digests,
    write_history,
    write_last_good,
    write_record,
    write_trained,
)
from bpflow.errors import InputError
from bpflow.files import require_writable

if TYPE_CHECKING:
    from bpflow.cli.training_inputs import Prepared, PreparedBins
    from bpflow.models import ProfileModel
    from bpflow.training import Recipe
    from bpflow.training_state import Checkpoint, HistoryRow

SUMMARY = (
    "Train a bias model on background regions, a ChromBPNet with a frozen bias model inside, or a sister model of "
    "stranded signals or of binned tracks."
)
BIAS_SUMMARY = (
    "Train a model of the enzyme's sequence bias on background regions. The best epoch by validation loss is saved."
)
CHROMBPNET_SUMMARY = (
    "Train a ChromBPNet on peaks and background regions, with a scaled and frozen bias model inside. The best epoch by "
    "validation loss is saved, whole and without the bias model."
)
BPNET_SUMMARY = (
    "Train a BPNet: a profile and a count for each strand of each task, by the published recipe. The best epoch by "
    "validation loss is saved."
)
PROCAPNET_SUMMARY = (
    "Train a ProCapNet: one profile over both strands and one count, by the published recipe. The best epoch by "
    "validation loss is saved."
)
BASENJI2_SUMMARY = (
    "Train a Basenji2: coverage of any number of tracks in bins, by the published recipe. The best epoch by Pearson "
    "r + R2 / 4 on the validation chromosomes is saved."
)
# A forward pass above this many 10^9 operations is a full-size model: not for a CPU unless it is asked for.
CPU_GIGAFLOPS = 5.0

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands and their options."""
    commands = parser.add_subparsers(dest="model", required=True, metavar="MODEL")

    def add(name: str, what: str, summary: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=what, description=summary, formatter_class=HelpFormatter)

    bias = add("bias", "a bias model", BIAS_SUMMARY)
    _add_enzyme_data(bias)
    _add_sizes(bias, filters=128, layers=4)
    _add_recipe(bias)
    chrombpnet = add("chrombpnet", "a ChromBPNet", CHROMBPNET_SUMMARY)
    _add_enzyme_data(chrombpnet)
    chrombpnet.add_argument("--peaks", required=True, metavar="BED", help="peaks chosen by 'bpflow select chrombpnet'")
    chrombpnet.add_argument("--bias-model", required=True, metavar="FILE", help="bias model of 'bpflow scale-bias'")
    chrombpnet.add_argument(
        "--negative-ratio",
        type=non_negative_float,
        default=0.1,
        help="non-peaks for each peak in an epoch, drawn afresh; 1 or more takes all",
    )
    chrombpnet.add_argument(
        "--output-nobias", required=True, metavar="FILE", help="the bias-corrected part alone, to write"
    )
    _add_jitter(chrombpnet, 500)
    _add_sizes(chrombpnet, filters=512, layers=8)
    _add_recipe(chrombpnet)
    bpnet = add("bpnet", "a BPNet of one task or several", BPNET_SUMMARY)
    add_stranded_data(bpnet)
    bpnet.add_argument(
        "--control", nargs=2, metavar=("PLUS", "MINUS"), help="bigWigs of a control, whose signal is added"
    )
    _add_jitter(bpnet, 200)
    _add_sizes(bpnet, filters=64, layers=9, input_length=1000)
    _add_recipe(bpnet, epochs=200, learning_rate=0.004, batch_size=128, average=0.0)
    procapnet = add("procapnet", "a ProCapNet", PROCAPNET_SUMMARY)
    add_stranded_data(procapnet)
    procapnet.add_argument(
        "--nonpeaks",
        metavar="BED",
        help="regions without initiation, such as DNase peaks; 4 of each 32 examples",
    )
    procapnet.add_argument(
        "--mappability",
        metavar="BW",
        help="share of reads over each base that are unique; bases where not all are train no profile",
    )
    _add_jitter(procapnet, 200)
    _add_sizes(procapnet, filters=512, layers=8)
    _add_recipe(procapnet, epochs=500, patience=10, learning_rate=0.0005, batch_size=32, average=0.0)
    basenji2 = add("basenji2", "a Basenji2 of binned tracks", BASENJI2_SUMMARY)
    add_bin_data(basenji2)
    _add_recipe(basenji2, epochs=300, patience=16, learning_rate=0.15, batch_size=4, average=0.0)


def _add_enzyme_data(parser: argparse.ArgumentParser) -> None:
    add_genome(parser)
    parser.add_argument("--signal", required=True, metavar="BW", help="bigWig of observed insertions")
    parser.add_argument("--nonpeaks", required=True, metavar="BED", help="background chosen by 'bpflow select'")
    parser.add_argument(
        "--selection",
        required=True,
        metavar="JSON",
        help="record of 'bpflow select': the weight of the count loss",
    )


def _add_jitter(parser: argparse.ArgumentParser, jitter: int) -> None:
    parser.add_argument(
        "--jitter", type=non_negative_int, default=jitter, help="training peaks move by up to this many bases"
    )


def _add_sizes(parser: argparse.ArgumentParser, *, filters: int, layers: int, input_length: int = 2114) -> None:
    parser.add_argument("--filters", type=positive_int, default=filters, help="channels of the tower")
    parser.add_argument("--layers", type=positive_int, default=layers, help="dilated layers of the tower")
    parser.add_argument("--input-length", type=even_length, default=input_length, help="bases that the model reads")
    parser.add_argument("--output-length", type=even_length, default=1000, help="bases that it predicts")


def _add_recipe(
    parser: argparse.ArgumentParser,
    *,
    epochs: int = 50,
    patience: int = 5,
    learning_rate: float = 0.001,
    batch_size: int = 64,
    average: float = 1.0,
) -> None:
    parser.add_argument("--fold", required=True, metavar="JSON", help="chromosomes to train and to validate on")
    parser.add_argument("--output", required=True, metavar="FILE", help="model to write (.safetensors)")
    parser.add_argument("--history", required=True, metavar="TSV", help="losses of each epoch, to write")
    parser.add_argument("--qc", required=True, metavar="JSON", help="record to write")
    parser.add_argument("--epochs", type=positive_int, default=epochs, help="most epochs to train")
    parser.add_argument(
        "--patience",
        type=positive_int,
        default=patience,
        help="stop after this many epochs without a lower validation loss",
    )
    parser.add_argument(
        "--average-epochs",
        type=non_negative_float,
        default=average,
        help="keep the weights' average over this many epochs; 0 keeps them as they are",
    )
    parser.add_argument("--learning-rate", type=positive_float, default=learning_rate, help="it stays constant")
    add_seed(parser)
    add_computing(parser)
    parser.set_defaults(batch_size=batch_size)
    parser.add_argument(
        "--devices",
        type=non_negative_int,
        default=1,
        help="GPUs that train together, or processes that share the CPU; each has its part of every batch. "
        "0 is as many GPUs as SLURM gave the job, or one process",
    )
    parser.add_argument(
        "--checkpoint", metavar="FILE", help="where the state is kept until the end; beside the model unless given"
    )
    parser.add_argument(
        "--checkpoint-minutes",
        type=non_negative_float,
        default=10.0,
        help="save the state this often within an epoch too",
    )
    parser.add_argument(
        "--no-resume", action="store_true", help="start anew although there is the state of a training that was stopped"
    )
    parser.add_argument(
        "--deterministic",
        action="store_true",
        help="give up speed for results that are equal bit by bit on a GPU; on a CPU they are anyway",
    )
    parser.add_argument("--tensorboard", metavar="FOLDER", help="write loss curves for TensorBoard there")
    parser.add_argument("--allow-cpu", action="store_true", help="train a full-size model on a CPU all the same")


def run(args: argparse.Namespace) -> None:
    """Train."""
    devices = args.devices or (0 if args.device == "cpu" else scheduled_gpus())
    if devices > 1 and not is_launched():
        raise SystemExit(launch(devices, args.arguments))
    with ExitStack() as stack:
        _train(args, stack)


def _train(args: argparse.Namespace, stack: ExitStack) -> None:
    from bpflow.divergence import TrainingError
    from bpflow.folds import read_fold
    from bpflow.genome import Genome
    from bpflow.interruption import StoppedError, stop_request
    from bpflow.world import join_world

    prepare: dict[str, Callable[..., Prepared | PreparedBins]] = {
        "bias": prepare_enzyme,
        "chrombpnet": prepare_enzyme,
        "bpnet": prepare_stranded,
        "procapnet": prepare_stranded,
        "basenji2": partial(prepare_bins, stack),
    }
    computing = _computing(args)
    checkpoint_path = Path(args.checkpoint) if args.checkpoint else Path(args.output).with_suffix(".checkpoint")
    outputs = [args.output, args.history, args.qc, checkpoint_path, getattr(args, "output_nobias", args.output)]
    require_writable(*outputs)
    add_curve = curves(args.tensorboard) if args.tensorboard else None
    genome = Genome.open(args.genome)
    prepared = prepare[args.model](args, genome, read_fold(args.fold, genome))
    model, recipe = prepared.model, prepared.recipe
    if computing.device.type == "cpu" and not args.allow_cpu and model.config.gigaflops > CPU_GIGAFLOPS:
        _refuse(prepared, computing)
    log.info("%d examples an epoch, %d to validate on", len(prepared.training), len(prepared.validation))
    inputs = digests(args, genome)
    checkpoint = _checkpoint(args, checkpoint_path, model, recipe, computing, inputs)
    world = join_world(computing.device)
    try:
        with stop_request() as stop:
            fitted = prepared.fit(
                device=computing.device,
                precision=computing.precision,
                checkpoint=checkpoint,
                stop=stop,
                world=world,
                on_epoch=_after_epoch(args, add_curve) if world.rank == 0 else None,
            )
    except StoppedError:
        world.leave()
        raise
    except TrainingError as error:
        # All processes come here alike. After other errors the rest would be waited for without end.
        if world.rank == 0 and error.best_epoch:
            path = write_last_good(args, model.cpu(), recipe, error.best_epoch)
            error = TrainingError(f"{error} The weights of epoch {error.best_epoch} are in {path}.")
        world.leave()
        raise error from None
    world.leave()
    if world.rank == 0:
        write_trained(args, model.cpu(), recipe, computing, inputs, fitted, prepared.metadata)
        write_history(args.history, fitted.history)
        write_record(args, model, recipe, computing, inputs, fitted, world.size)
        checkpoint.remove()


def _computing(args: argparse.Namespace) -> Computing:
    """Each of several processes has a GPU of its own, or its part of the threads."""
    import torch

    if is_launched():
        logging.getLogger("bpflow").setLevel(logging.WARNING if local_rank() else logging.INFO)
        if args.device not in ("auto", "cpu", "cuda"):
            raise InputError(
                f"--device {args.device}", expected="auto, cpu or cuda where several processes train together"
            )
        if args.device != "cpu" and torch.cuda.is_available():
            args.device = f"cuda:{local_rank()}"
        elif args.threads or "OMP_NUM_THREADS" not in os.environ:
            args.threads = max((args.threads or torch.get_num_threads()) // local_processes(), 1)
    computing = resolve_computing(args)
    if args.deterministic:
        make_deterministic()
    return computing


def _checkpoint(
    args: argparse.Namespace,
    path: Path,
    model: ProfileModel,
    recipe: Recipe,
    computing: Computing,
    inputs: dict[str, str],
) -> Checkpoint:
    from bpflow import __version__
    from bpflow.training_state import Checkpoint

    # More epochs or patience than before continue what there is.
    steps = {key: value for key, value in recipe.as_dict().items() if key not in ("epochs", "patience")}
    identity = {
        "version": __version__,
        "model": args.model,
        "recipe": steps,
        "architecture": model.config.model_dump(),
        "precision": computing.precision_name,
        "inputs": {**inputs, **_bias_origin(args)},
    }
    return Checkpoint(path, identity, minutes=args.checkpoint_minutes, resume=not args.no_resume)


def _bias_origin(args: argparse.Namespace) -> dict[str, Any]:
    """What a scaled bias model was made of, in place of its digest: scaled anew elsewhere, it is rounded anew."""
    from bpflow.checkpoints import read_metadata

    path = getattr(args, "bias_model", None)
    if not path or Path(path).suffix != ".safetensors":
        return {}
    scaling = read_metadata(path).get("scaling")
    return {"bias_model": scaling["inputs"]} if scaling else {}


def _after_epoch(
    args: argparse.Namespace, add_curve: Callable[[HistoryRow], None] | None
) -> Callable[[list[HistoryRow]], None]:
    def after(history: list[HistoryRow]) -> None:
        try:
            write_history(args.history, history)
            if add_curve is not None:
                add_curve(history[-1])
        except OSError as error:
            # A disk that is full for a while is no reason to lose a training.
            log.warning("the losses so far could not be written (%s)", error)

    return after


def _refuse(prepared: Prepared | PreparedBins, computing: Computing) -> None:
    from bpflow.errors import DeviceError

    # Two examples are enough: at this size the time goes with their number.
    each = prepared.seconds_per_example(batch_size=2, device=computing.device, precision=computing.precision)
    examples, epochs = len(prepared.training), prepared.recipe.epochs
    days = each * examples / 86400
    raise DeviceError(
        f"a model of this size ({prepared.model.config.gigaflops:.0f} GFLOP an example) is too slow to train on this "
        f"CPU: one training step took {each:.2g} s an example here, so an epoch of {examples} examples "
        f"would take {days:.2g} days, and {epochs} epochs {days * epochs:.2g} days. "
        "Train on a GPU, train a smaller model (--filters 64), or give --allow-cpu to train it here all the same."
    )
