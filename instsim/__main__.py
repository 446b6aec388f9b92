"""``python -m instsim``."""

from instsim.cli import console

console()
