"""Render a run as one HTML file that needs nothing else: no network, no second file."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import jinja2
import plotly.graph_objects as go
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from bpflow import __version__
from bpflow.files import atomic_path
from bpflow.report.blocks import Badge, Link, Section
from bpflow.report.fold import Limits
from bpflow.report.palette import DARK, ROLES
from bpflow.report.provenance import provenance_section
from bpflow.report.run import Run
from bpflow.report.sample import genome_section, sample_section
from bpflow.report.side_by_side import side_by_side_section
from bpflow.report.summary import overall, stage_table, verdict_rows

__all__ = ["environment", "limits_for", "page_of", "render", "safe_json", "write_page"]

# What all figures of a page share out among themselves, so that it stays well under 15 MB.
PAGE_POINTS = 200_000
PAGE_EXAMPLES = 400
MOST = Limits(points=5_000, examples=9)
LEAST = Limits(points=500, examples=2)
MOST_SAMPLES = 4
SCRIPTS = ("report", "tables", "loci")

WORDS = {"good": ("✓", "good"), "check": ("!", "check"), "fail": ("✕", "fail"), "none": ("?", "open")}


def write_page(run: Run, path: str | os.PathLike[str], *, title: str, sample_pages: str | None = None) -> int:
    """Write the page of `run`, see `render`; returns its bytes."""
    with atomic_path(path) as temporary:
        return temporary.write_bytes(render(run, title=title, sample_pages=sample_pages).encode())


def render(run: Run, *, title: str = "bpflow report", sample_pages: str | None = None) -> str:
    """The page of `run` as HTML text, the same for the same run.

    Parameters
    ----------
    run
        What `collect` read.
    title
        Heading of the page; any text, escaped like all others.
    sample_pages
        Name of the page that each sample has in its own folder beside this page, if they have one. Then a page of more
        than ``MOST_SAMPLES`` leaves their details to those.
    """
    limits = limits_for(len(run.samples) * len(run.folds["folds"]))
    details = (
        {sample.name: sample_section(run, sample, index, limits) for index, sample in enumerate(run.samples, start=1)}
        if not sample_pages or len(run.samples) <= MOST_SAMPLES
        else {}
    )
    names = [
        Link(sample.name, f"#{details[sample.name].id}" if details else f"{quote(sample.name)}/{sample_pages}")
        for sample in run.samples
    ]
    sections = [
        *([side_by_side_section(run, names)] if len(run.samples) > 1 else []),
        genome_section(run),
        *details.values(),
        provenance_section(run),
    ]
    return page_of(run, names, sections, title=title)


def page_of(run: Run, names: Sequence[Link], sections: Sequence[Section], *, title: str) -> str:
    """A page of given sections, under what was checked.

    Parameters
    ----------
    run
        Whose checks and warnings come first.
    names
        Of each sample its name, leading to where its details are.
    sections
        The page, in order.
    title
        Heading of the page.
    """
    templates = files("bpflow.report").joinpath("templates")
    scripts = {
        "plotly": get_plotlyjs(),
        **{name: templates.joinpath(f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS},
    }
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            title=title,
            version=__version__,
            run=run,
            overall=overall(run),
            stages=stage_table(run, names),
            rows=verdict_rows(run),
            fold_numbers=[entry["fold"] for entry in run.folds["folds"]],
            sections=sections,
            scripts=[Markup(script) for script in scripts.values()],
            policy=_policy(scripts.values()),
            roles=ROLES,
            dark=safe_json(DARK),
            words=WORDS,
        )
    )


def limits_for(units: int) -> Limits:
    """Points a scatter plot and examples a fold, for a page with `units` folds of samples in all.

    Each fold has two scatter plots. Up to 20 folds draw in full; more share what a page may hold.
    """
    units = max(units, 1)
    return Limits(
        points=min(MOST.points, max(LEAST.points, PAGE_POINTS // (2 * units))),
        examples=min(MOST.examples, max(LEAST.examples, PAGE_EXAMPLES // units)),
    )


def safe_json(value: Any) -> Markup:
    """JSON that can stand inside a script element whatever texts it holds."""
    text = value.to_json() if isinstance(value, go.Figure) else json.dumps(value)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)


def _policy(scripts: Iterable[str]) -> str:
    """A content security policy under which the browser itself refuses the network and foreign scripts."""
    digests = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    return (
        f"default-src 'none'; script-src {digests}; style-src 'unsafe-inline'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )


def environment() -> jinja2.Environment:
    """The templates with the filters and tests that they use."""
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("bpflow.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["safe_json"] = safe_json
    made.tests["badge"] = lambda value: isinstance(value, Badge)
    made.tests["link"] = lambda value: isinstance(value, Link)
    return made
