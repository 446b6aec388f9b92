"""Driving the cross compilers and the emulators they are checked with."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from firmware_samples.recipe import Core, Recipe

__all__ = ["COMPILE_FLAGS", "compiler_version", "link_image", "run_in_qemu"]

COMPILE_FLAGS = (
    "-O2", "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-ffunction-sections", "-fdata-sections",
    "-fno-unwind-tables", "-fno-asynchronous-unwind-tables",
)  # fmt: skip
_C_FLAGS = ("-std=gnu11",)
_CXX_FLAGS = ("-std=gnu++20", "-fno-exceptions", "-fno-rtti", "-fno-threadsafe-statics", "-fno-use-cxa-atexit")
_LINK_FLAGS = (
    "-nostdlib", "-Wl,--gc-sections", "-Wl,--build-id=none", "-Wl,-z,max-page-size=4096", "-Wl,-z,noexecstack", "-Wl,--no-warn-rwx-segments",
    "-Wl,--strip-debug",
)  # fmt: skip


def compiler_version(core: Core) -> str:
    """Return the compiler's own first line of ``--version``.

    Raises
    ------
    FileNotFoundError
        If the compiler is not installed.
    """
    text = subprocess.run([f"{core.toolchain}-gcc", "--version"], check=True, capture_output=True, text=True).stdout
    return text.splitlines()[0]


def link_image(recipe: Recipe, core: Core, folder: Path, target: Path, *, model: Path | None = None, origins: tuple[int, int] | None = None) -> None:
    """Compile and link one image.

    Parameters
    ----------
    recipe, core : Recipe, Core
        What to build, for what.
    folder : Path
        ``firmware_elf/src``; the compiler works there, so that no other path gets into the image.
    target : Path
        The file to write.
    model : Path or None
        The model file, relative to `folder`.
    origins : tuple of int or None
        Other addresses of code and data memory, for an emulator.

    Raises
    ------
    subprocess.CalledProcessError
        If a step fails; the compiler's own words are on standard error.
    """
    includes = [f"-I{place}" for place in ("board", *recipe.include)]
    defines = [f"-D{macro}" for macro in recipe.defines]
    if model is not None:
        defines.append(f'-DMODEL_FILE="{model}"')
    with tempfile.TemporaryDirectory() as build:
        objects = []
        for number, source in enumerate((*core.start, *recipe.sources)):
            # Named after the source alone: the name gets into the image.
            place = Path(build) / str(number) / Path(source).with_suffix(".o").name
            place.parent.mkdir()
            is_cxx = source.endswith(".cc")
            language = _CXX_FLAGS if is_cxx else _C_FLAGS if source.endswith(".c") else ()
            compiler = f"{core.toolchain}-{'g++' if is_cxx else 'gcc'}"
            subprocess.run(
                [compiler, *core.flags, *COMPILE_FLAGS, *recipe.flags, *language, *includes, *defines, "-c", source, "-o", str(place)],
                cwd=folder,
                check=True,
            )
            objects.append(str(place))
        moved = [] if origins is None else [f"-Wl,--defsym=__flash_origin={origins[0]:#x}", f"-Wl,--defsym=__ram_origin={origins[1]:#x}"]
        subprocess.run(
            [
                f"{core.toolchain}-gcc",
                *core.flags,
                *_LINK_FLAGS,
                *core.link_flags,
                *recipe.link_flags,
                *moved,
                "-T",
                core.script,
                *objects,
                "-lgcc",
                "-o",
                str(target),
            ],
            cwd=folder,
            check=True,
        )
    if recipe.stripped:
        subprocess.run([f"{core.toolchain}-strip", "--strip-all", str(target)], check=True)


def run_in_qemu(core: Core, image: Path, seconds: float = 60.0) -> tuple[str, int]:
    """Run an image that ends by itself; return what it printed through semihosting and its exit status.

    Raises
    ------
    FileNotFoundError
        If QEMU is not installed.
    subprocess.TimeoutExpired
        If the image does not end.
    """
    command = [*core.qemu, "-nographic", "-monitor", "none", "-serial", "none", "-semihosting-config", "enable=on,target=native"]
    done = subprocess.run([*command, "-kernel", str(image)], check=False, capture_output=True, text=True, timeout=seconds)
    # QEMU's native semihosting console is its own standard error.
    return done.stdout + done.stderr, done.returncode
