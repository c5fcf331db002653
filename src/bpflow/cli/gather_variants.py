"""``bpflow gather-variants``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from bpflow.cli.model_options import add_computing, resolve_computing
from bpflow.cli.options import add_genome
from bpflow.cli.variant_outputs import add_outputs, check_outputs, write_outputs
from bpflow.errors import InputError

if TYPE_CHECKING:
    from bpflow.genome import Genome
    from bpflow.variant_parts import Identity
    from bpflow.variants import VariantScorer

SUMMARY = (
    "Join the scores of all parts that 'bpflow variants --part' wrote, and compute quantiles, p- and q-values over all "
    "variants: the same results as in one run."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``bpflow gather-variants``."""
    parser.add_argument("--parts", required=True, nargs="+", metavar="H5", help="the scores of each part, in any order")
    parser.add_argument("--variants", required=True, metavar="FILE", help="the variants that were scored")
    add_genome(parser)
    add_outputs(parser, required=True)
    parser.add_argument(
        "--models", nargs="+", metavar="FILE", help="with --figures: the models, in the order in which they scored"
    )
    add_computing(parser)


def run(args: argparse.Namespace) -> None:
    """Join the parts."""
    if args.figures and not args.models:
        raise InputError("--figures without --models", expected="the models, which predict the profiles to draw")
    check_outputs(args)
    from bpflow.genome import Genome
    from bpflow.variant_checks import Checker
    from bpflow.variant_files import VariantFile
    from bpflow.variant_parts import Parts
    from bpflow.variant_survey import survey

    genome = Genome.open(args.genome)
    source = VariantFile.open(args.variants)
    with Parts(args.parts) as parts:
        _check(args, genome, parts.identity)
        checker = Checker(genome, parts.identity.input_length, parts.identity.output_length)
        found = survey(source.alleles(), checker, genome)
        if found.scored != parts.identity.n_variants:
            raise InputError(
                f"{found.scored} alleles can be scored, and the parts have scores of {parts.identity.n_variants}",
                where=args.genome,
                expected="the genome of the parts, with the same chromosomes",
            )
        write_outputs(args, source, genome, found, parts, lambda: _scorer(args, parts.identity.task))


def _scorer(args: argparse.Namespace, task: str | None) -> VariantScorer:
    from bpflow.ensemble import corrected, load_ensemble
    from bpflow.variants import VariantScorer

    computing = resolve_computing(args)
    models = corrected(load_ensemble(args.models, task)).models
    return VariantScorer(models, args.batch_size, computing.device, computing.precision)


def _check(args: argparse.Namespace, genome: Genome, identity: Identity) -> None:
    """Stop if the parts are of other files than those given."""
    from bpflow.checkpoints import model_digest
    from bpflow.files import sha256

    given: dict[str, object] = {"variants": sha256(args.variants), "genome": genome.digest}
    if args.models:
        given["models"] = tuple(map(model_digest, args.models))
    for name, digest in given.items():
        if digest != getattr(identity, name):
            raise InputError(
                f"not the {name} that the parts were scored with",
                where=f"--{name}",
                expected="the same as in 'bpflow variants --part'",
            )
