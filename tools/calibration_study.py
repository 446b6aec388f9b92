"""Fit what ships, and measure how far calibrations can be trusted, from published runs.

Usage::

    python tools/calibration_study.py                     # spreads, shipped calibrations, docs/linearity.md, a section of docs/accuracy.md
    python tools/calibration_study.py --images FOLDER     # predict the cycles of the published images again first
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from accuracy.figures_file import load_figures
from accuracy.publishing import FIGURES
from calibration.linearity import write_linearity
from calibration.page import put_section, section
from calibration.published import ENERGY_RUNS, IMAGE_RUNS, predict_images, read_rows
from calibration.shipped import shipped_calibrations
from calibration.spreads import energy_spread, write_spreads
from calibration.transfer import learning_curve
from calibration.trials import run_trials
from calibration.unseen_core import programs_on_unseen_cores, transfer_curve

from instsim.calibrate.calibration_file import calibration_toml
from instsim.resources import cost_tables

_ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, metavar="FOLDER", help="images of the result repositories, by round")
    arguments = parser.parse_args()
    if arguments.images is not None:
        predict_images(arguments.images)
    energy_rows, image_rows = read_rows(ENERGY_RUNS), read_rows(IMAGE_RUNS)
    folder = cost_tables() / "calibrations"
    write_spreads(load_figures(FIGURES).comparisons)
    spread = energy_spread(energy_rows)
    assert spread.reading is not None
    for name, calibration in shipped_calibrations(energy_rows, spread):
        (folder / f"{name}.toml").write_text(calibration_toml(calibration), encoding="utf-8")
        print(f"wrote {name}")
    trials = run_trials(energy_rows, image_rows)
    text = section(trials, spread.reading, [learning_curve(energy_rows, image_rows), programs_on_unseen_cores(), transfer_curve()])
    print(text)
    put_section(_ROOT / "docs" / "accuracy.md", text)
    write_linearity(_ROOT / "docs", energy_rows, image_rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
