"""``python -m instsim``."""

import sys

from instsim.cli import main

sys.exit(main())
