"""The facade end to end on the bundled firmware: regions, operators, boards, saved profiles, settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from instsim.cost import list_boards
from instsim.errors import ImageError, ProfileError, RunError, TableError, UsageError
from instsim.profile import load_profile, save_profile
from instsim.report.json_report import render_json
from instsim.resources import firmware_elf
from instsim.session.facade import estimate, profile
from instsim.session.request import Request
from instsim.session.samples import choose_sample
from instsim.session.settings import find_settings

ELF = firmware_elf() / "elf"
KWS, SMALL, NESTED, STRIPPED = (ELF / f"{name}-cortex-m4.elf" for name in ("kws", "dispatch-s28", "dispatch-s28-nested", "dispatch-s28-stripped"))
RISCV = ELF / "dispatch-s28-rv32imc.elf"
L4 = "nucleo-l4r5zi"
INVOKE = "tflite::MicroInterpreter::Invoke"


@pytest.fixture(autouse=True)
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("board", [board.name for board in list_boards()])
def test_the_sample_on_every_board(board: str) -> None:
    sample = choose_sample("kws", Request(board=board))
    result = estimate(sample.path, Request(board=board, region=sample.region, run_on=sample.run_on))
    assert result.board.name == board
    assert [operator.name for operator in result.operators][:3] == ["CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D"]
    assert sum(operator.macs for operator in result.operators) == 2_656_768
    assert 0.5 < result.cycles_per_instruction < 3
    assert result.energy.low is not None
    assert result.energy.low < result.energy.value < (result.energy.high or 0)


def test_everything_sums_to_the_region() -> None:
    result = estimate(NESTED, Request(board=L4))
    for rows in (result.operators, result.functions, result.classes, result.events):
        assert sum(row.cycles for row in rows) == pytest.approx(result.cycles)
    assert sum(row.instructions for row in result.operators) == result.instructions
    assert sum(row.instructions for row in result.functions) == result.instructions
    assert sum(row.instructions for row in result.classes) == result.instructions
    assert sum(operator.energy_j for operator in result.operators) == pytest.approx(result.energy.value)
    assert sum(operator.latency_s for operator in result.operators) == pytest.approx(result.latency.value)
    assert sum(result.provenance.cycles_by_basis.values()) == pytest.approx(1)


def test_nested_operators_are_within_their_parents() -> None:
    result = estimate(NESTED, Request(board=L4))
    children = [operator for operator in result.operators if operator.parent >= 0]
    assert children
    for operator in children:
        assert result.operators[operator.parent].inclusive_cycles >= operator.inclusive_cycles
    top = sum(operator.inclusive_cycles for operator in result.operators if operator.parent < 0)
    assert top == pytest.approx(result.cycles)


def test_stripped_or_not_the_operators_cost_the_same() -> None:
    whole = estimate(ELF / "dispatch-s28-virtual-cortex-m4.elf", Request(board=L4))
    bare = estimate(STRIPPED, Request(board=L4))
    assert [(o.name, o.cycles) for o in bare.operators[:-1]] == [(o.name, o.cycles) for o in whole.operators[:-1]]
    assert bare.run.region_rule == "kernels"


def test_the_second_call_of_the_region() -> None:
    # The first Invoke of this image allocates its tensors, which is left out; the second has nothing to leave out.
    image = ELF / "dispatch-s36-cortex-m4.elf"
    first, second = (estimate(image, Request(board=L4, call=call)) for call in (1, 2))
    assert any("set the interpreter up" in warning for warning in first.warnings)
    assert not any("set the interpreter up" in warning for warning in second.warnings)
    assert [o.cycles for o in first.operators[:-1]] == pytest.approx([o.cycles for o in second.operators[:-1]], rel=0.03)


def test_kernels_by_name_are_those_found_without() -> None:
    found = estimate(KWS, Request(board=L4, region="kws_invoke"))
    names = ("conv_2d", "depthwise_conv_2d", "average_pool_2d", "reshape", "fully_connected", "softmax")
    named = estimate(KWS, Request(board=L4, region="kws_invoke", kernels=names))
    assert named.cycles == found.cycles
    by_kernel: dict[str, float] = {}
    for operator in found.operators[:-1]:
        by_kernel[operator.kernel] = by_kernel.get(operator.kernel, 0.0) + operator.cycles
    assert set(by_kernel) == set(names)


def test_kernels_of_a_dispatcher() -> None:
    result = estimate(KWS, Request(board=L4, region="kws_invoke", dispatchers=("kws_invoke",)))
    assert sum(operator.cycles for operator in result.operators[:-1]) > 0.99 * result.cycles


def test_a_saved_profile_gives_the_same_estimate(no_settings: Path) -> None:
    path = no_settings / "run.profile"
    save_profile(profile(SMALL, Request(board=L4)), path)
    direct, saved = estimate(SMALL, Request(board=L4)), estimate(path, Request(board=L4))
    assert render_json(saved) == render_json(direct)
    assert load_profile(path).firmware.name == SMALL.name


def test_a_saved_profile_on_another_board(no_settings: Path) -> None:
    path = no_settings / "run.profile"
    save_profile(profile(SMALL, Request(board=L4)), path)
    on_m7 = estimate(path, Request(board="nucleo-h743zi"))
    assert on_m7.provenance.core == "cortex-m7"
    assert any("ran as cortex-m4" in warning for warning in on_m7.warnings)
    assert on_m7.cycles < estimate(path).cycles
    assert estimate(path).board.chosen_by == "profile"
    with pytest.raises(ProfileError, match="thumb code"):
        estimate(path, Request(board="esp32-c3"))
    with pytest.raises(UsageError, match="one region"):
        estimate(path, Request(region="main"))


def test_same_input_same_bytes() -> None:
    assert render_json(estimate(SMALL, Request(board=L4))) == render_json(estimate(SMALL, Request(board=L4)))


def test_a_guess_is_marked() -> None:
    result = estimate(SMALL)
    assert result.board.chosen_by == "guess"
    assert result.board.reasons
    assert result.board.candidates


def test_clock_scales_latency_and_nothing_else() -> None:
    fast, slow = (estimate(SMALL, Request(board=L4, clock_hz=clock, memory="ideal")) for clock in (120e6, 60e6))
    assert slow.latency.value == pytest.approx(2 * fast.latency.value)
    assert slow.cycles == fast.cycles
    assert any("above" in warning for warning in estimate(SMALL, Request(board=L4, clock_hz=240e6, memory="ideal")).warnings)
    with pytest.raises(UsageError, match="outside the wait-state table"):
        estimate(SMALL, Request(board=L4, clock_hz=240e6))


@pytest.mark.parametrize(
    ("firmware", "request_", "error", "text"),
    [
        (SMALL, Request(board="nucleo-l4r5"), UsageError, "nucleo-l4r5zi"),
        (SMALL, Request(board="esp32-c3"), ImageError, "does not fit"),
        (SMALL, Request(board=L4, core="esp32-c3"), UsageError, "core table esp32-c3"),
        (SMALL, Request(board=L4, region="Invok"), ImageError, "Invoke"),
        (STRIPPED, Request(board=L4, region="Invoke"), ImageError, "stripped|no symbols"),
        (SMALL, Request(board=L4, call=1000), RunError, "before it began"),
        (SMALL, Request(board=L4, budget_cycles=1000), RunError, "budget"),
        (SMALL, Request(board=L4, region="main", start=1, end=2), UsageError, "two different regions"),
        (SMALL, Request(board=L4, start="main"), UsageError, "belong together"),
        (SMALL, Request(board=L4, kernels=("nothing_*",)), UsageError, "no function"),
        (ELF / "fault-read-cortex-m4.elf", Request(board=L4), RunError, "read of 0x70000000.*(\n.*)*troubled_function"),
    ],
)
def test_what_cannot_be_answered_is_said(firmware: Path, request_: Request, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        estimate(firmware, request_)


def test_a_firmware_without_inference_gives_its_whole_run() -> None:
    result = estimate(ELF / "endless-self-cortex-m4.elf", Request(board=L4))
    assert (result.run.region_rule, result.run.stop_reason) == ("whole-run", "deadlock")
    assert any("whole run" in warning for warning in result.warnings)
    assert any("endless loop" in warning for warning in result.warnings)


def test_settings_file_names_the_board(no_settings: Path) -> None:
    (no_settings / "instsim.toml").write_text('board = "nucleo-f446re"\nclock_hz = 90e6\n')
    result = estimate(SMALL)
    assert (result.board.name, result.board.chosen_by, result.provenance.clock_hz) == ("nucleo-f446re", "settings", 90e6)
    assert estimate(SMALL, Request(board=L4)).board.chosen_by == "option"


def test_settings_in_pyproject_of_a_folder_above(no_settings: Path) -> None:
    (no_settings / "pyproject.toml").write_text('[tool.instsim]\nboard = "nucleo-f446re"\n[tool.other]\nx = 1\n')
    (no_settings / "below").mkdir()
    assert find_settings(no_settings / "below").board == "nucleo-f446re"


def test_every_wrong_setting_is_named_at_once(no_settings: Path) -> None:
    (no_settings / "instsim.toml").write_text('bord = "x"\nclock_hz = "fast"\n')
    with pytest.raises(TableError, match="2 problems") as caught:
        find_settings()
    assert any("did you mean board" in line for line in caught.value.details)
    (no_settings / "instsim.toml").write_text("board = ")
    with pytest.raises(TableError, match="not TOML"):
        find_settings()
