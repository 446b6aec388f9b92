"""What an installation holds, and that it works far from any checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling")
pytest.importorskip("pip")

ROOT = Path(__file__).resolve().parents[2]
ESTIMATE = ("estimate", "--sample", "kws", "--board", "nucleo-l4r5zi", "--format", "json")


def build(source: Path, target: str, folder: Path) -> Path:
    before = set(folder.glob("*"))
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", target, "-d", folder], cwd=source, check=True, capture_output=True)
    (made,) = set(folder.glob("*")) - before
    return made


def without_checkout() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_", "COV_"))}


def run(command: list[str | Path], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, env=without_checkout(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def install(wheel: Path, place: Path) -> Path:
    """Install with the dependencies of this environment, which are appended afterwards: pip must not see what is installed there."""
    venv.EnvBuilder(with_pip=False, symlinks=True).create(place)
    python = place / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel]
    subprocess.run(command, check=True, capture_output=True, env=without_checkout())
    packages = site_packages(python)
    (packages / "zz_dependencies.pth").write_text("\n".join({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}))
    return python


def site_packages(python: Path) -> Path:
    return Path(run([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], Path("/")).strip())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "sdist", tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(wheel, tmp_path_factory.mktemp("installed"))


def names(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_wheel_holds_one_package_with_its_data_inside(wheel: Path) -> None:
    held = names(wheel)
    assert {name.split("/")[0].split("-")[0] for name in held} == {"instsim"}
    folders = ("boards", "cores", "memories")
    tables = {path.relative_to(ROOT).as_posix() for folder in folders for path in (ROOT / "cost_tables" / folder).glob("*.toml")}
    assert {f"instsim/{name}" for name in tables} <= held
    assert {"instsim/cost_tables/sources.toml", "instsim/firmware_elf/manifest.toml", "instsim/py.typed"} <= held
    assert "instsim/firmware_elf/elf/kws-cortex-m4.elf" in held


def test_wheel_carries_licence_and_notice_and_no_firmware_sources_but_those_for_users(wheel: Path) -> None:
    held = names(wheel)
    assert {Path(name).name for name in held if "/licenses/" in name} == {"LICENSE", "NOTICE"}
    sources = {name.split("/")[3] for name in held if name.startswith("instsim/firmware_elf/src/")}
    assert sources == {"microbenchmark"}
    assert not [name for name in held if name.startswith("instsim/firmware_elf/models")]
    assert not [name for name in held if "__pycache__" in name or "/tests/" in name]


def test_sdist_holds_tests_and_firmware_sources_and_builds_the_same_wheel(sdist: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        # Python 3.11 has the filter from 3.11.4 on, 3.12 warns without it.
        archive.extractall(tmp_path, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    (source,) = tmp_path.iterdir()
    for needed in ("tests/packaging/test_installation.py", "tools/build_firmware.py", "firmware_elf/src/kws/main.c", "ARCHITECTURE.md", ".ci/run"):
        assert (source / needed).is_file(), needed
    again = tmp_path / "wheel"
    again.mkdir()
    assert names(build(source, "wheel", again)) == names(wheel)


def test_installed_wheel_estimates_the_sample_as_the_checkout_does(installed: Path, tmp_path: Path) -> None:
    output = run([installed.parent / "instsim", *ESTIMATE], tmp_path)
    assert json.loads(output)
    here = subprocess.run([sys.executable, "-m", "instsim", *ESTIMATE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert output == here.stdout


def test_installed_wheel_adds_no_other_package(installed: Path) -> None:
    packages = site_packages(installed)
    assert {path.name.split("-")[0] for path in packages.iterdir()} == {"instsim", "zz_dependencies.pth"}
    where = run([installed, "-c", "import instsim.resources as r; print(r.cost_tables()); print(r.firmware_elf())"], Path("/")).split()
    assert where == [str(packages / "instsim" / "cost_tables"), str(packages / "instsim" / "firmware_elf")]


def test_editable_install_reads_the_tables_of_the_checkout(tmp_path: Path) -> None:
    # What pip does for `install -e`, with the hatchling that is here instead of one from the network.
    program = "import sys, hatchling.build; print(hatchling.build.build_editable(sys.argv[1]))"
    done = subprocess.run([sys.executable, "-c", program, tmp_path], cwd=ROOT, check=True, capture_output=True, text=True)
    python = install(tmp_path / done.stdout.split()[-1], tmp_path / "editable")
    where = run([python, "-c", "import instsim.resources as r; print(r.cost_tables()); print(r.firmware_elf())"], tmp_path).split()
    assert where == [str(ROOT / "cost_tables"), str(ROOT / "firmware_elf")]
    assert "NUCLEO-L4R5ZI" in run([python.parent / "instsim", *ESTIMATE[:-2]], tmp_path)
    assert not (site_packages(python) / "cost_tables").exists()
