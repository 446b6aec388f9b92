"""Build the bundled firmware: models, images and their manifest.

Usage::

    python tools/build_firmware.py              # build everything, write firmware_elf/
    python tools/build_firmware.py --check      # build into a temporary folder and compare with what is committed
    python tools/build_firmware.py --run        # run every image that ends by itself in QEMU and compare what it prints

Needs ``gcc-arm-none-eabi`` and ``gcc-riscv64-unknown-elf`` (Debian), for ``--run`` also ``qemu-system-arm`` and
``qemu-system-misc``. Another version of a compiler gives other bytes: ``--check`` compares images only where the version is
the manifest's.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from firmware_samples.catalogue import all_recipes
from firmware_samples.manifest import KEPT_FIELDS, read_manifest, write_manifest
from firmware_samples.recipe import CORES, Core, Recipe
from firmware_samples.toolchain import COMPILE_FLAGS, compiler_version, link_image, run_in_qemu

from instsim.model.tflite_writer import write_tflite

_FIRMWARE = Path(__file__).resolve().parent.parent / "firmware_elf"


def _jobs() -> Iterator[tuple[Recipe, Core]]:
    for recipe in all_recipes():
        for name in recipe.cores:
            yield recipe, CORES[name]


def _build(recipe: Recipe, core: Core, target: Path, models: Path, origins: tuple[int, int] | None = None) -> None:
    model = Path(os.path.relpath(models / f"{recipe.network.name}.tflite", _FIRMWARE / "src")) if recipe.network else None
    link_image(recipe, core, _FIRMWARE / "src", target, model=model, origins=origins)


def _write_models(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    networks = {recipe.network.name: recipe.network for recipe in all_recipes() if recipe.network}
    for name, network in networks.items():
        (folder / f"{name}.tflite").write_bytes(write_tflite(network))


def _entry(recipe: Recipe, core: Core, image: Path, before: dict[str, dict[str, Any]]) -> dict[str, Any]:
    file = f"elf/{recipe.name}-{core.name}.elf"
    digest = hashlib.sha256(image.read_bytes()).hexdigest()
    entry: dict[str, Any] = {
        "name": recipe.name,
        "core": core.name,
        "purpose": recipe.purpose,
        "file": file,
        "bytes": image.stat().st_size,
        "sha256": digest,
        "sources": [f"src/{source}" for source in (*core.start, *recipe.sources)],
        "model": f"models/{recipe.network.name}.tflite" if recipe.network else None,
        "compiler": compiler_version(core),
        "flags": [*core.flags, *COMPILE_FLAGS, *recipe.flags],
        "defines": list(recipe.defines) or None,
        "region": recipe.region or None,
        "outcome": recipe.outcome,
        "expected_stdout": None if recipe.stdout_pattern else recipe.stdout(core),
        "expected_stdout_pattern": recipe.stdout_pattern or None,
        "expected_exit_code": recipe.expected_exit_code if recipe.outcome == "exit" else None,
        **recipe.facts,
        **recipe.core_facts.get(core.name, {}),
    }
    entry = {name: value for name, value in entry.items() if value is not None}
    old = before.get(file, {})
    if old.get("sha256") == digest:
        entry |= {name: old[name] for name in KEPT_FIELDS if name in old}
    return entry


def build_all() -> int:
    """Build every image in place and write the manifest."""
    before = {entry["file"]: entry for entry in read_manifest(_FIRMWARE / "manifest.toml")}
    (_FIRMWARE / "elf").mkdir(exist_ok=True)
    _write_models(_FIRMWARE / "models")
    entries = []
    for recipe, core in _jobs():
        image = _FIRMWARE / "elf" / f"{recipe.name}-{core.name}.elf"
        _build(recipe, core, image, _FIRMWARE / "models")
        image.chmod(0o644)
        entries.append(_entry(recipe, core, image, before))
        print(f"{image.name}: {image.stat().st_size} bytes")
    write_manifest(_FIRMWARE / "manifest.toml", entries)
    print(f"{len(entries)} images, {sum(entry['bytes'] for entry in entries)} bytes")
    return 0


def check_all() -> int:
    """Compare what the sources give now with the committed models, images and manifest; return the number of differences."""
    differences = []
    before = {entry["file"]: entry for entry in read_manifest(_FIRMWARE / "manifest.toml")}
    with tempfile.TemporaryDirectory() as scratch:
        models = Path(scratch)
        _write_models(models)
        for model in sorted(models.iterdir()):
            committed = _FIRMWARE / "models" / model.name
            if not committed.is_file() or committed.read_bytes() != model.read_bytes():
                differences.append(f"models/{model.name}")
        for recipe, core in _jobs():
            image = models / "image.elf"
            file = f"elf/{recipe.name}-{core.name}.elf"
            old = before.pop(file, None)
            if old is None:
                differences.append(f"{file}: not in the manifest")
                continue
            if old["compiler"] != compiler_version(core):
                print(f"{file}: not compared, built by {old['compiler']}, here is {compiler_version(core)}")
                continue
            _build(recipe, core, image, _FIRMWARE / "models")
            if _entry(recipe, core, image, {file: old}) != old:
                differences.append(f"{file}: manifest")
            if image.read_bytes() != (_FIRMWARE / file).read_bytes():
                differences.append(f"{file}: image")
    differences += [f"{file}: no recipe" for file in before]
    for difference in differences:
        print("differs:", difference, file=sys.stderr)
    return len(differences)


def run_all() -> int:
    """Run every image that ends by itself in QEMU, linked to the machine's memories; return the number of wrong answers."""
    wrong = 0
    with tempfile.TemporaryDirectory() as scratch:
        for recipe, core in _jobs():
            if recipe.outcome != "exit" or not recipe.runs_in_qemu:
                continue
            image = Path(scratch) / "image.elf"
            _build(recipe, core, image, _FIRMWARE / "models", core.qemu_origins)
            text, status = run_in_qemu(core, image)
            right = (text, status) == (recipe.stdout(core), recipe.expected_exit_code)
            wrong += not right
            print(f"{recipe.name}-{core.name}: {'as expected' if right else f'WRONG, exit {status}: {text!r}, expected {recipe.stdout(core)!r}'}")
    return wrong


def main() -> int:
    """Read the command line and do one of the three."""
    parser = argparse.ArgumentParser(description="Build the bundled firmware.")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--check", action="store_true", help="compare with what is committed, change nothing")
    choice.add_argument("--run", action="store_true", help="run in QEMU and compare the output")
    options = parser.parse_args()
    if options.check:
        return min(check_all(), 1)
    return min(run_all(), 1) if options.run else build_all()


if __name__ == "__main__":
    sys.exit(main())
