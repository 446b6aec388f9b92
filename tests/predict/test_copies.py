"""Copies and fills by where they lie, held against loops that make every call one by one."""

from collections import Counter

import numpy as np
import pytest

from instsim.model.layer import Layer
from instsim.predict.copies import CALLS, JOINING, PADDING, WINDOWS
from instsim.predict.quantities import Quantities
from instsim.predict.sampling import draw_layer
from instsim.predict.vocabulary import terms_of

LIBRARY = ("CPW", "CPB", "CPY", "CPO", "CPA", "FIL", "FIB", "FIO", "FIA")


class Library:
    """``memcpy`` and ``memset``: what each call does, counted byte by byte."""

    def __init__(self):
        self.done = {name: Counter() for name in LIBRARY}

    def copy(self, source, destination, length):
        if source % 4 == 0 and destination % 4 == 0:
            self.done["CPW"][length] += 1
            self.done["CPB"][length] += length >= 16
            self.done["CPY"][length] += 1
            return
        self.done["CPO"][length] += 1
        if length < 8:
            return
        moved = 0
        while source % 4 and destination % 4 and (destination + moved) % 4:
            moved += 1
        if moved:
            self.done["CPA"][moved] += 1
        self.done["CPY"][length - moved] += 1

    def fill(self, destination, length):
        done = 0
        while done < length and (destination + done) % 4:
            done += 1
        self.done["FIL"][length - done] += 1
        if length - done >= 16:
            self.done["FIB"][length - done] += 1
        if destination % 4:
            self.done["FIO"][length] += 1
            self.done["FIA"][done] += 1

    def quantities(self, prefix, tests):
        return {prefix + name: [sum(count * test(value) for value, count in self.done[name].items()) for test in tests.values()] for name in LIBRARY}


TESTS = {"{}": lambda value: value, "[{}>=0]": lambda _: 1, "{}%16/4": lambda value: value % 16 // 4, "[{}%4==3]": lambda value: value % 4 == 3}


def _windows(layer, quantities):
    library = Library()
    above, left = int(quantities.quantity("PADY")[0]), int(quantities.quantity("PADX")[0])
    window = layer.kernel_height * layer.kernel_width * layer.channels
    for place in range(layer.out_height * layer.out_width):
        down, across = divmod(place, layer.out_width)
        for tap in range(layer.kernel_height * layer.kernel_width):
            row = down * layer.stride_height - above + tap // layer.kernel_width
            column = across * layer.stride_width - left + tap % layer.kernel_width
            destination = place % 2 * window + tap * layer.channels
            if 0 <= row < layer.height and 0 <= column < layer.width:
                library.copy((row * layer.width + column) * layer.channels, destination, layer.channels)
            else:
                library.fill(destination, layer.channels)
    return library


def _padding(layer, _quantities):
    library = Library()
    above, left = (layer.out_height - layer.height) // 2, (layer.out_width - layer.width) // 2
    row_bytes, place = layer.out_width * layer.channels, 0
    runs = [("fill", above * row_bytes)]
    for _ in range(layer.height):
        runs += [
            ("fill", left * layer.channels),
            ("copy", layer.width * layer.channels),
            ("fill", (layer.out_width - layer.width - left) * layer.channels),
        ]
    runs.append(("fill", (layer.out_height - layer.height - above) * row_bytes))
    source = 0
    for what, length in runs:
        if what == "copy":
            library.copy(source, place, length)
            source += length
        else:
            library.fill(place, length)
        place += length
    return library


def _joining(layer, _quantities):
    library = Library()
    place = 0
    for row in range(layer.batch * layer.height * layer.width):
        for _ in range(layer.operands):
            library.copy(row * layer.channels, place, layer.channels)
            place += layer.channels
    return library


@pytest.mark.parametrize(
    ("kind", "prefix", "loops"), [("CONV_2D", WINDOWS, _windows), ("PAD", PADDING, _padding), ("CONCATENATION", JOINING, _joining)]
)
def test_every_call_of_random_layers_is_counted(kind, prefix, loops):
    generator = np.random.default_rng(31)
    layers = [layer for layer in (draw_layer(kind, generator) for _ in range(60)) if layer.macs < 200_000]
    together = Quantities(layers)
    for number, layer in enumerate(layers):
        expected = loops(layer, Quantities([layer])).quantities(prefix, TESTS)
        for name, values in expected.items():
            found = [int(together.atom(form.format(name))[number]) for form in TESTS]
            assert found == values, (layer, name)


def test_layers_of_whole_words_and_others_together_are_what_each_is_alone():
    generator = np.random.default_rng(5)
    layers = [draw_layer("CONV_2D", generator) for _ in range(40)]
    assert len({layer.channels % 4 == 0 for layer in layers}) == 2
    together = Quantities(layers)
    for name in CALLS:
        if name in LIBRARY:
            assert together.quantity(name).tolist() == [int(Quantities([layer]).quantity(name)[0]) for layer in layers]


def test_a_window_of_absurd_size_takes_no_time():
    huge = Layer("CONV_2D", 10**6, 1, 3, 1, 1, 1, kernel_height=10**6)
    assert int(Quantities([huge]).atom("[CPY>=0]")[0]) == 10**6


@pytest.mark.parametrize(("kind", "prefix"), [("CONV_2D", WINDOWS), ("PAD", PADDING), ("CONCATENATION", JOINING)])
def test_calls_are_among_the_terms_that_are_tried(kind, prefix):
    assert {f"[{prefix}{name}>=0]" for name in LIBRARY} <= set(terms_of(kind))
