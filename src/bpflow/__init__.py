"""bpflow: base-resolution models of chromatin accessibility, from reads to report."""

__version__ = "0.1.0"
