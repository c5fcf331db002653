"""Weights of other programs: official Keras files, BPNet's and ProCapNet's own, and MultiMolecule folders."""
