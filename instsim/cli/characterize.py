"""``instsim characterize``."""

from __future__ import annotations

from pathlib import Path

import click

from instsim.cli.options import Name, OutputFile, output_option
from instsim.errors import UsageError

__all__ = ["command"]


@click.command("characterize")
@click.argument("log", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--core", type=Name(), metavar="CORE", help="Compare with this core table (name or file) instead of the nearest.")
@output_option
@click.option("--table", type=OutputFile(path_type=Path, dir_okay=False), metavar="FILE", help="Write a core table to start from.")
@click.option("--name", type=Name(), help="Of the device. Default: the log's file name.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="Of the report.")
@click.option("--firmware", type=Name(), metavar="BUILD", help="Write the microbenchmark to flash to -o: cortex-m4, rv32imc ...")
@click.option("--sources", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER", help="Write its sources, for a project of your own.")
@click.option("--simulate", type=Name(), metavar="CORE", help="Print the log that this core of the tables would print.")
@click.option("--build", type=Name(), metavar="BUILD", help="With --simulate: which build. Default: the core's own.")
@click.option("--force", is_flag=True, help="Overwrite files.")
def command(
    log: Path | None,
    output: Path | None,
    table: Path | None,
    sources: Path | None,
    *,
    core: str | None,
    name: str | None,
    form: str,
    firmware: str | None,
    simulate: str | None,
    build: str | None,
    force: bool,
) -> None:
    """Say what an unknown core's instructions cost, from the LOG of the microbenchmark that ran on it.

    Flash the microbenchmark, capture what it prints, and learn the nearest core of the tables, the differences to it, and a core table to
    start from. -o writes a descriptor of the device.

    \b
    instsim characterize --firmware cortex-m4 -o microbenchmark.elf
    instsim characterize log.txt -o my-board.descriptor.toml --table my-core.toml
    instsim estimate firmware.elf --board my-board.toml --core my-core.toml
    """
    if sum(asked is not None for asked in (log, firmware, sources, simulate)) != 1:
        raise UsageError("give one of LOG, --firmware, --sources and --simulate", hint="`instsim characterize --firmware cortex-m4 -o FILE` to begin")
    if output is not None and table is not None and output.resolve() == table.resolve():
        raise UsageError(f"-o and --table both name {table}", hint="give the descriptor (-o) and the core table (--table) a file each")
    for path in (output, table):
        if path is not None and path.exists() and not force:
            raise UsageError(f"{path} exists already", hint="--force overwrites it")
    if log is not None:
        _characterize(log, core, name, form, output=output, table=table)
    elif simulate is not None:
        _simulate(simulate, build, output)
    elif firmware is not None:
        _write_firmware(firmware, output)
    elif sources is not None:
        _write_sources(sources, force=force)


def _characterize(log: Path, core: str | None, name: str | None, form: str, *, output: Path | None, table: Path | None) -> None:
    from instsim.calibrate.device_descriptor import descriptor_toml  # noqa: PLC0415 -- all of these load for real work only
    from instsim.cli.output import write_document, write_file, write_parts  # noqa: PLC0415
    from instsim.report.characterization import characterization_document, characterization_parts  # noqa: PLC0415
    from instsim.session.characterizing import characterize  # noqa: PLC0415

    found = characterize(log, core=core, name=name or (table.stem if table is not None else None))
    if output is not None:
        write_file(descriptor_toml(found.descriptor).encode(), output)
    if table is not None:
        write_file(found.table_toml().encode(), table)
    if form == "json":
        write_document(characterization_document(found))
    else:
        write_parts(characterization_parts(found))
    if output is not None:
        click.echo(f"{output}: use it with `instsim predict --descriptor {output}`", err=True)
    if table is not None:
        click.echo(f"{table}: use it with --core {table}", err=True)


def _simulate(name: str, build: str | None, output: Path | None) -> None:
    from instsim.cli.output import write_output  # noqa: PLC0415
    from instsim.cost import load_core  # noqa: PLC0415
    from instsim.session.microbenchmark import build_for, find_build  # noqa: PLC0415

    core = load_core(name)
    write_output((find_build(build) if build else build_for(core)).log_of(core), output)


def _write_firmware(name: str, output: Path | None) -> None:
    from instsim.cli.output import write_file  # noqa: PLC0415
    from instsim.session.microbenchmark import find_build  # noqa: PLC0415

    found = find_build(name)
    target = output or Path(found.path.name)
    if output is None and target.exists():
        raise UsageError(f"{target} exists already", hint="-o names another file")
    write_file(found.path.read_bytes(), target)
    click.echo(
        f"{target}: linked to flash at 0x{found.flash_address:08x}; it prints by semihosting, and keeps its log in microbenchmark_log", err=True
    )


def _write_sources(folder: Path, *, force: bool) -> None:
    from instsim.cli.output import write_file  # noqa: PLC0415
    from instsim.session.microbenchmark import microbenchmark_sources  # noqa: PLC0415

    files = microbenchmark_sources()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"cannot make the folder {folder}: {error.strerror or error}") from error
    for path in files:
        target = folder / path.name
        if target.exists() and not force:
            raise UsageError(f"{target} exists already", hint="--force overwrites it")
    for path in files:
        write_file(path.read_bytes(), folder / path.name)
    click.echo(f"{folder}: {', '.join(path.name for path in files)}; call microbenchmark_run(print), as microbenchmark.h says", err=True)
