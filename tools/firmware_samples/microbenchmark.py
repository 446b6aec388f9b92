"""The microbenchmark that characterizes a core: one image for each build, which differ in what the rows may contain."""

from __future__ import annotations

from firmware_samples.recipe import Recipe

__all__ = ["microbenchmark_recipe", "microbenchmark_recipes"]

_BUILDS = ("cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "rv32imc")
_PATTERN = r"instsim-microbenchmark 1\nbuild \S+\ncounter \S+\n(?:row [a-z0-9-]+(?: [0-9]+){7}\n)+end [0-9]+ [0-9]+\n"


def microbenchmark_recipe(core: str, build: str, defines: tuple[str, ...] = ()) -> Recipe:
    """Return the recipe of one build.

    Parameters
    ----------
    core : str
        Key of `CORES`.
    build : str
        What its log calls it: the core, or the chip whose counter is another.
    defines : tuple of str
        Further macros.
    """
    rows = "rows_riscv.S" if core.startswith("rv32") else "rows_arm.S"
    return Recipe(
        name="microbenchmark" if build == core else f"microbenchmark-{build}",
        purpose="measures what instructions cost, one line for each kind",
        cores=(core,),
        sources=("microbenchmark/main.c", "microbenchmark/microbenchmark.c", f"microbenchmark/{rows}"),
        include=("microbenchmark",),
        defines=(f'MICROBENCHMARK_BUILD="{build}"', *defines),
        region="microbenchmark_run",
        stdout_pattern=_PATTERN,
        runs_in_qemu=False,
    )


def microbenchmark_recipes() -> tuple[Recipe, ...]:
    """Return the recipes of the bundled builds."""
    return (*(microbenchmark_recipe(core, core) for core in _BUILDS), microbenchmark_recipe("rv32imc", "esp32-c3", ("MICROBENCHMARK_ESP32C3",)))
