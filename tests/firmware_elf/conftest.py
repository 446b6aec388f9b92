"""The builder's modules stand in ``tools/``, which is no package of the installation."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
