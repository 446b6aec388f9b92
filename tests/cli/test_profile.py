"""`instsim profile` saves a run that `instsim estimate` prices again without running it."""

from __future__ import annotations

import json


def test_a_saved_profile_gives_the_estimate_of_the_image(instsim, images, tmp_path):
    image = images / "kws-cortex-m4.elf"
    options = ("--board", "nucleo-l4r5zi", "--format", "json")
    saved = instsim("profile", image, "-o", "kws.profile", "--region", "kws_invoke", *options[:2])
    assert (saved.code, saved.out) == (0, "")
    assert "kws.profile: call 1 of kws_invoke; " in saved.err
    assert ", 13 operators" in saved.err
    assert [path.name for path in tmp_path.iterdir()] == ["kws.profile"]
    direct = json.loads(instsim("estimate", image, "--region", "kws_invoke", *options).out)
    again = json.loads(instsim("estimate", "kws.profile", *options).out)
    for key in ("cycles", "instructions", "operators", "functions", "classes", "latency", "energy"):
        assert again[key] == direct[key]


def test_the_file_is_named_after_the_image_and_the_same_every_time(instsim, images, tmp_path):
    arguments = ("profile", images / "kws-cortex-m4.elf", "--region", "kws_invoke")
    assert instsim(*arguments).code == 0
    first = (tmp_path / "kws-cortex-m4.profile").read_bytes()
    assert instsim(*arguments).code == 0
    assert (tmp_path / "kws-cortex-m4.profile").read_bytes() == first


def test_a_saved_profile_is_no_image(instsim, images):
    assert instsim("profile", images / "kws-cortex-m4.elf", "-o", "kws.profile", "--region", "kws_invoke").code == 0
    for command in ("inspect", "profile"):
        ran = instsim(command, "kws.profile")
        assert (ran.code, ran.out) == (1, "")
        assert "a saved profile" in ran.err
        assert "`instsim estimate` reads profiles" in ran.err


def test_options_that_need_the_image_are_refused_with_a_profile(instsim, images):
    assert instsim("profile", images / "kws-cortex-m4.elf", "-o", "kws.profile", "--region", "kws_invoke").code == 0
    ran = instsim("estimate", "kws.profile", "--region", "conv_2d")
    assert (ran.code, ran.out) == (2, "")
    assert "profile the image again" in ran.err
    ran = instsim("estimate", "kws.profile", "--budget", "1M", "--call", "2")
    assert (ran.code, ran.out) == (2, "")
    assert "what --call and --budget asks for" in ran.err.replace("\n", " ")
    ran = instsim("estimate", "kws.profile", "--board", "esp32-c3")
    assert (ran.code, ran.out) == (1, "")
    assert "thumb" in ran.err
    assert "rv32" in ran.err


def test_a_way_to_follow_memories_that_a_profile_does_not_hold_is_refused(instsim, images):
    run = ("profile", images / "kws-cortex-m4.elf", "--board", "nucleo-l4r5zi", "-o", "kws.profile", "--region", "kws_invoke")
    assert instsim(*run, "--memory", "sampled").code == 0
    ran = instsim("estimate", "kws.profile", "--memory", "exact")
    assert (ran.code, ran.out) == (2, "")
    assert "followed the memories in samples" in ran.err
    assert instsim("estimate", "kws.profile", "--memory", "sampled").code == 0
    ran = instsim("estimate", "kws.profile", "--memory", "exact", "--board", "disco-f746ng")
    assert (ran.code, ran.out) == (2, "")
    assert "does not hold the memories of disco-f746ng at 216 MHz" in ran.err
    # Without wait states there is nothing to follow.
    assert instsim("estimate", "kws.profile", "--memory", "exact", "--board", "generic-cortex-m4").code == 0


def test_a_damaged_profile_is_told(instsim, images, tmp_path):
    assert instsim("profile", images / "kws-cortex-m4.elf", "-o", "kws.profile", "--region", "kws_invoke").code == 0
    (tmp_path / "cut.profile").write_bytes((tmp_path / "kws.profile").read_bytes()[:3000])
    ran = instsim("estimate", "cut.profile")
    assert (ran.code, ran.out) == (1, "")
    assert "damaged profile" in ran.err
