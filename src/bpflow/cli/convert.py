"""``bpflow convert``."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bpflow.errors import InputError

if TYPE_CHECKING:
    from bpflow.formats.keras import Layout
    from bpflow.models import ProfileModel

SUMMARY = (
    "Convert a model between bpflow (.safetensors), MultiMolecule (a folder) and the official chrombpnet (.h5, for "
    "Keras 2.8); BPNet's own .h5 and ProCapNet's own weights (.torch) are read too. Weights stay equal bit for bit, "
    "and none of these programs is needed. A combined .h5 keeps the configuration of the official file that it came "
    "from; its marshalled code is never run."
)
KINDS_OF_TRAINING = {"bias": "bias", "chrombpnet_nobias": "nobias"}

log = logging.getLogger("bpflow")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow convert``."""
    parser.add_argument(
        "input", metavar="IN", help=".safetensors, .h5, .torch or MultiMolecule folder; told by what it holds"
    )
    parser.add_argument(
        "output",
        metavar="OUT",
        help="model to write; its suffix, .safetensors or .h5, decides how; without one, a MultiMolecule folder",
    )
    parser.add_argument("more", metavar="IN OUT", nargs="*", help="more pairs of them")
    parser.add_argument(
        "--like", metavar="H5", help="with OUT.h5: an official file of the same kind and sizes, whose layout to follow"
    )
    parser.add_argument(
        "--kind",
        choices=("bias", "nobias"),
        help="with OUT.h5: names of the layers of a model of one tower; without it, what IN says that it is",
    )


def run(args: argparse.Namespace) -> None:
    """Convert one model after another."""
    if len(args.more) % 2:
        raise InputError(f"{args.more[-1]} without a model to write", expected="pairs of IN and OUT")
    for source, target in [(args.input, args.output), *zip(args.more[::2], args.more[1::2], strict=True)]:
        _convert(argparse.Namespace(**{**vars(args), "input": source, "output": target}))


def _convert(args: argparse.Namespace) -> None:
    from bpflow.checkpoints import load_model, save_model
    from bpflow.formats.keras import official, write_keras
    from bpflow.formats.multimolecule import write_multimolecule
    from bpflow.formats.originals import KERAS_SUFFIXES

    suffix = "" if Path(args.output).is_dir() else Path(args.output).suffix
    if suffix not in (".safetensors", "", *KERAS_SUFFIXES):
        raise InputError(
            f"the suffix {suffix!r}",
            where=args.output,
            expected=".safetensors, or .h5 for the official program, or none for a MultiMolecule folder",
        )
    for option in ("like", "kind"):
        if suffix not in KERAS_SUFFIXES and getattr(args, option):
            what = f"a {suffix}" if suffix else "a folder"
            raise InputError(f"--{option} with {what} to write", expected="it only with an .h5")
    model, metadata = load_model(args.input)
    if suffix == ".safetensors":
        save_model(model, args.output, metadata=metadata)
    elif not suffix:
        write_multimolecule(model, args.output)
    else:
        model = official(model, args.input)
        kind = _kind(args, model, metadata)
        write_keras(model, args.output, kind=kind, layout=_layout(args, model, metadata, kind))
    log.info("wrote %s, with %d weights", args.output, sum(tensor.numel() for tensor in model.state_dict().values()))


def _kind(args: argparse.Namespace, model: ProfileModel, metadata: dict[str, Any]) -> str:
    from bpflow.models import ChromBPNet

    if isinstance(model, ChromBPNet):
        if args.kind:
            raise InputError(
                f"--kind {args.kind} for a whole ChromBPNet",
                where=args.input,
                expected="a model of one tower",
                mend="Leave --kind out, or give the bias or nobias model",
            )
        return "chrombpnet"
    kind = args.kind or KINDS_OF_TRAINING.get(metadata.get("model", ""))
    if kind is None:
        raise InputError(
            "a model that does not say whether it is a bias or a nobias model",
            where=args.input,
            mend="Say it: --kind bias or --kind nobias",
        )
    return kind


def _layout(args: argparse.Namespace, model: ProfileModel, metadata: dict[str, Any], kind: str) -> Layout | None:
    """The layout of the file to follow: that of --like, else of the official file that the model came from."""
    from bpflow.formats.keras import Layout, read_keras

    if not args.like:
        carried = metadata.get("keras", {})
        return Layout(**carried) if carried.get("kind") == kind else None
    other, layout = read_keras(args.like)
    if layout.kind != kind or other.config != model.config:
        raise InputError(
            f"a {layout.kind} model of {other.config.model_dump()}",
            where=f"--like {args.like}",
            expected=f"a {kind} model of {model.config.model_dump()}",
        )
    return layout
