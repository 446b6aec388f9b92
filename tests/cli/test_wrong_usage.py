"""Every wrong use of the command line gets one clear message on standard error and an exit code that means something."""

from __future__ import annotations

import re
import struct

import pytest

from instsim.resources import cost_tables

FOREIGN_ELF = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0, 0, 0, 0, 64, 56, 0, 64, 0, 0)
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(64)


def refusal(ran, code, *messages):
    assert ran.code == code, ran.err
    assert ran.out == ""
    for message in messages:
        assert message in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("command", ["estimate", "profile", "inspect"])
class TestFilesThatAreNoFirmware:
    def test_missing(self, instsim, command):
        refusal(instsim(command, "missing.elf"), 1, "missing.elf: no such file", "hint: ")

    def test_folder(self, instsim, command, tmp_path):
        refusal(instsim(command, tmp_path), 1, "is a folder, not a firmware file")

    def test_device(self, instsim, command):
        refusal(instsim(command, "/dev/null"), 1, "is not a regular file")

    @pytest.mark.parametrize(
        ("contents", "message"),
        [
            (b"", "the file is empty"),
            (PNG, "not a firmware format known here"),
            (FOREIGN_ELF, "hint: give the firmware that was built for the microcontroller"),
            (b"PK\x03\x04" + bytes(60), "ZIP archive"),
        ],
        ids=["empty", "png", "x86", "zip"],
    )
    def test_contents(self, instsim, command, tmp_path, contents, message):
        (tmp_path / "file").write_bytes(contents)
        refusal(instsim(command, "file"), 1, message)

    def test_nothing_or_both(self, instsim, command, images):
        hint = f"hint: instsim {command} firmware.elf"
        refusal(instsim(command), 2, "give either FIRMWARE or --sample", hint)
        refusal(instsim(command, images / "kws-cortex-m4.elf", "--sample", "kws"), 2, "give either FIRMWARE or --sample", hint)

    def test_no_such_sample(self, instsim, command):
        refusal(instsim(command, "--sample", "kwz"), 2, "no sample 'kwz'", "samples: kws")


def test_an_unknown_board_is_told_with_near_names(instsim, images):
    path = images / "kws-cortex-m4.elf"
    for command in ("estimate", "profile", "inspect"):
        ran = instsim(command, path, "--board", "nucleo-l4r5z")
        refusal(ran, ran.code or 1, "no board named 'nucleo-l4r5z'", "did you mean nucleo-l4r5zi")
        ran = instsim(command, path, "--board", "nosuch")
        refusal(ran, ran.code or 1, "no board named 'nosuch'", "nucleo-l4r5zi")


def test_the_name_of_a_board_of_ones_own_leads_to_its_file(instsim, images, tmp_path):
    (tmp_path / "mine.toml").write_text("")
    refusal(instsim("estimate", images / "kws-cortex-m4.elf", "--board", "mine"), 2, "no board named 'mine' comes with instsim", "--board mine.toml")


def test_a_board_that_the_settings_name_wrongly_is_told_with_their_file(instsim, images, tmp_path):
    (tmp_path / "instsim.toml").write_text('board = "nosuch"')
    refusal(instsim("estimate", images / "kws-cortex-m4.elf"), 2, "instsim.toml: no board named 'nosuch'")


def test_call_stacks_of_a_profile_without_any_are_refused(instsim):
    assert instsim("profile", "--sample", "kws", "-o", "run.profile").code == 0
    for arguments in (("--call-stacks", "--format", "html"), ("--format", "folded")):
        refusal(instsim("estimate", "run.profile", *arguments), 2, "has no call tree", "--call-stacks")


def test_a_truncated_profile_is_told(instsim, tmp_path):
    assert instsim("profile", "--sample", "kws", "-o", "run.profile").code == 0
    path = tmp_path / "run.profile"
    path.write_bytes(path.read_bytes()[:2000])
    refusal(instsim("estimate", "run.profile"), 1, "run.profile: truncated or damaged profile", "make it again")


def test_an_unknown_core_is_told_with_near_names(instsim, images):
    for command in ("estimate", "profile", "inspect"):
        refusal(instsim(command, images / "kws-cortex-m4.elf", "--core", "cortx-m4"), 2, "no core is named 'cortx-m4'", "cortex-m4")


def test_a_core_of_another_instruction_set_is_refused(instsim, images):
    for command in ("estimate", "profile", "inspect"):
        refusal(instsim(command, images / "kws-rv32imc.elf", "--core", "cortex-m4"), 2, "rv32", "thumb", "hint: ")


def test_a_core_that_no_such_board_can_have_is_refused(instsim):
    for board in ("nucleo-l4r5zi", "generic-cortex-m4"):
        refusal(instsim("estimate", "--sample", "kws", "--board", board, "--core", "hazard3"), 2, f"{board} has a thumb core", "rv32", "hint: ")


def test_only_the_first_of_many_errors_of_a_board_file_are_shown(instsim, tmp_path):
    board = (cost_tables() / "boards" / "nucleo-l4r5zi.toml").read_text("utf-8")
    (tmp_path / "mine.toml").write_text(board.replace("\naddress = ", "\nadress = "), "utf-8")
    ran = instsim("estimate", "--sample", "kws", "--board", "mine.toml")
    refusal(ran, 1, "memory[0].adress: unknown key; did you mean address?", "`instsim tables check mine.toml` lists them all")
    found = re.search(r"is not valid: (\d+) errors", ran.err)
    shown = [line for line in ran.err.splitlines() if line.startswith("  ") and not line.startswith("  and ")]
    assert found is not None
    assert 3 <= len(shown) < 15
    assert f"  and {int(found[1]) - len(shown)} more" in ran.err
    assert len(instsim("tables", "check", "mine.toml").out.splitlines()) == int(found[1])


def test_a_budget_that_is_used_up_is_told_as_it_was_given(instsim, images):
    ran = instsim("estimate", images / "kws-cortex-m4.elf", "--budget", "1000")
    refusal(ran, 1, "the budget of 1,000 cycles was used up", "hint: raise --budget")


@pytest.mark.parametrize("region", [(), ("--region", "all")])
def test_firmware_that_never_ends_and_holds_no_model_is_measured_until_the_budget(instsim, images, region):
    ran = instsim("estimate", images / "endless-count-cortex-m4.elf", "--board", "nucleo-l4r5zi", "--budget", "1M", *region)
    assert ran.code == 0
    assert re.search(r"cycles +1,[03]\d\d,\d\d\d", ran.out)
    assert "the firmware did not end" in ran.err + ran.out


@pytest.mark.parametrize("clock", ["0", "banana", "-5", "1e999", "1..2MHz", "nan", "", "80 parsec"])
def test_a_clock_that_is_none_is_refused(instsim, images, clock):
    refusal(instsim("estimate", images / "kws-cortex-m4.elf", "--clock", clock), 2, "clock")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--budget", "much"), "'much' is not a whole number"),
        (("--budget", "1e999k"), "'1e999k' is not a whole number"),
        (("--budget", "nank"), "'nank' is not a whole number"),
        (("--budget=-1",), "'-1' is negative"),
        (("--base", "0x"), "'0x' is not a whole number"),
        (("--call", "0"), "--call"),
        (("--from", "main"), "--from and --to belong together"),
        (("--from", "main", "--to", "main", "--region", "main"), "--region and --from/--to name two different regions"),
        (("--kernels", "nothing_*"), "no function of kws-cortex-m4.elf has such a name"),
        (("--board", ""), "the value is empty"),
        (("--core", " "), "the value is empty"),
        (("--region", ""), "the value is empty"),
        (("--input", "x.npy"), "--input goes with --model or --serial eembc"),
        (("-o", "missing/report.txt"), "there is no folder 'missing'"),
    ],
)
def test_options_that_make_no_sense_are_refused(instsim, images, arguments, message):
    refusal(instsim("estimate", images / "kws-cortex-m4.elf", "--board", "nucleo-l4r5zi", *arguments), 2, message)


@pytest.mark.parametrize("command", ["estimate", "profile", "inspect"])
def test_a_misspelt_region_is_corrected(instsim, images, command):
    refusal(instsim(command, images / "kws-cortex-m4.elf", "--region", "kws_invok"), 1, "no function named 'kws_invok'", "did you mean kws_invoke")


@pytest.mark.parametrize("command", ["estimate", "profile", "inspect"])
def test_a_region_by_name_in_a_stripped_image_asks_for_an_address(instsim, images, command):
    ran = instsim(command, images / "dispatch-s28-stripped-cortex-m4.elf", "--region", "main")
    refusal(ran, 1, "the image has no symbols", "give the address of the function (0x...)")


def test_a_base_for_an_elf_file_is_refused(instsim, images):
    refusal(instsim("estimate", images / "kws-cortex-m4.elf", "--base", "0x8000000"), 1, "leave out --base")


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (("estmate", "x.elf"), ("No such command 'estmate'", "Did you mean 'estimate'?")),
        (("banana",), ("No such command 'banana'", "Commands: estimate, ", ", annotate, profile, ")),
        (("boards", "shw"), ("No such command 'shw'", "Did you mean 'show'?")),
        (("tables", "explian"), ("No such command 'explian'", "Did you mean 'explain'?")),
        (("tables", "x"), ("No such command 'x'", "check, explain, show")),
        (("estimate", "x.elf", "--bord", "y"), ("--bord", "--board")),
        (("estimate", "x.elf", "--format", "yaml"), ("yaml", "json")),
        (("boards", "show"), ("Missing argument",)),
        (("cores", "extra"), ("extra",)),
    ],
)
def test_misspelt_commands_and_options_are_corrected(instsim, arguments, messages):
    refusal(instsim(*arguments), 2, *messages)


def test_a_file_name_with_control_characters_cannot_write_to_the_terminal(instsim):
    ran = instsim("estimate", "\x1b[2Jfirmware\r.elf")
    refusal(ran, 1, "\\x1b[2Jfirmware\\r.elf: no such file")
    assert "\x1b" not in ran.err
