"""The commands, each loaded when it is called."""

from __future__ import annotations

import importlib

import click

import instsim
from instsim.cli.groups import SuggestingGroup

__all__ = ["app"]

_COMMANDS = {
    "estimate": ("instsim.cli.estimate", "Latency, energy and cycles of a firmware."),
    "predict": ("instsim.cli.predict", "Latency, energy and memory of a model without a firmware."),
    "sweep": ("instsim.cli.sweep", "Many models: in a firmware, or predicted; resumable, in parallel."),
    "predictor": ("instsim.cli.predictor", "Teach, show and check predictors."),
    "annotate": ("instsim.cli.annotate", "A function's instructions with what each costs."),
    "profile": ("instsim.cli.profile", "Run a firmware and save what ran."),
    "calibrate": ("instsim.cli.calibrate", "Fit a board to a few runs measured on it."),
    "characterize": ("instsim.cli.characterize", "What an unknown core's instructions cost, by the microbenchmark."),
    "plan": ("instsim.cli.plan", "Which runs to measure next."),
    "whatif": ("instsim.cli.whatif", "The same run at other clocks, wait states and placements."),
    "compare": ("instsim.cli.compare", "What changed between two firmwares."),
    "check": ("instsim.cli.check", "Hold firmwares against budgets."),
    "baseline": ("instsim.cli.baseline", "Keep the figures that budgets compare with."),
    "inspect": ("instsim.cli.inspect", "What a firmware image is and what would be measured."),
    "boards": ("instsim.cli.boards", "List and show boards, or start a file for your own."),
    "cores": ("instsim.cli.cores", "List cores."),
    "tables": ("instsim.cli.tables", "Show, check and explain cost tables."),
}


class _LazyGroup(SuggestingGroup):
    """A group that imports a command's module only to run it or to show its own help."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(_COMMANDS[cmd_name][0]).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(instsim.__version__, "-V", "--version", prog_name="instsim")
def app() -> None:
    """Predict what a microcontroller firmware costs in time and energy, from the compiled image alone.

    \b
    instsim estimate firmware.elf
    instsim estimate firmware.elf --board nucleo-l4r5zi
    instsim estimate --sample kws --board nucleo-l4r5zi
    """
