"""One self-contained HTML page over a run, made only from the JSON and tables that the stages wrote."""

from __future__ import annotations

from bpflow.report.collect import collect
from bpflow.report.page import render
from bpflow.report.run import Run

__all__ = ["Run", "collect", "render"]
