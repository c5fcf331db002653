"""Weights of other programs: official Keras files (`keras`) and MultiMolecule folders (`multimolecule`)."""
