"""The models of the dispatch samples: a small convolutional network, and one whose operators run other subgraphs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from firmware_samples.drawing import Drawing
from firmware_samples.noise import Noise
from instsim.model.network import Array, Network, Subgraph, Tensor

__all__ = ["draw_control_flow", "draw_small"]

_SEED = 4711


def draw_small() -> Network:
    """Return a network with one operator of each kind that has a kernel of its own, and a residual sum."""
    shape = (1, 8, 8, 3)
    drawing = Drawing("main", Noise(11))
    image = drawing.input(Tensor("image", shape, "int8", (1 / 64,), -4), Noise(_SEED).int8(shape))
    stem = drawing.conv_2d(image, 8, (3, 3), (1, 1), "stem")
    place = drawing.depthwise_conv_2d(stem, (3, 3), "depthwise")
    place = drawing.conv_2d(place, 8, (1, 1), (1, 1), "pointwise", relu=False)
    place = drawing.add(stem, place, "residual")
    place = drawing.average_pool_2d(place, (4, 4), "pool")
    place = drawing.reshape(place, (1, 32), "flat")
    place = drawing.fully_connected(place, 10, "classes")
    place = drawing.softmax(place, "scores")
    return Network("small", "one operator of each kind, made-up weights", _SEED, (drawing.finish(place),))


def draw_control_flow() -> Network:
    """Return a network with an IF inside the branch of an IF, and a WHILE of three turns; seven subgraphs.

    0 main, 1 and 2 the outer branches, 3 and 4 the inner ones, 5 the loop's condition, 6 its body.
    """
    noise = Noise(13)
    state = Tensor("state", (1, 8), "int8", (1 / 32,), 2)
    counter = Tensor("counter", (1,), "int32")
    sample = Noise(_SEED).int8(state.shape)
    drawn: list[Subgraph] = [Subgraph("", (), (), (), ())] * 7

    def network() -> Network:
        return Network("control_flow", "IF in IF, and WHILE; made-up weights", _SEED, tuple(drawn))

    def layer(name: str, value: Array) -> None:
        drawing = Drawing(name, noise)
        result = drawing.fully_connected(drawing.input(state, value), 8, f"{name}/dense", like=state)
        drawn[{"inner_then": 3, "inner_else": 4, "else": 2}[name]] = drawing.finish(result)

    def choose(drawing: Drawing, source: int, numbers: tuple[int, int], branches: tuple[int, int], name: str) -> int:
        left, right = (drawing.constant(f"{name}/{side}", np.array([n], np.int32)) for side, n in zip(("left", "right"), numbers, strict=True))
        condition = drawing.less(left, right, f"{name}/condition")
        options: dict[str, int | float] = {"then_subgraph_index": branches[0], "else_subgraph_index": branches[1]}
        return drawing.control("IF", (condition, source), (replace(state, name=name),), options, network())[0]

    layer("inner_then", sample)
    layer("inner_else", sample)
    layer("else", sample)

    then = Drawing("then", noise)
    dense = then.fully_connected(then.input(state, sample), 8, "then/dense", relu=True, like=state)
    drawn[1] = then.finish(choose(then, dense, (5, 3), (3, 4), "inner"))

    condition = Drawing("condition", noise)
    count = condition.input(counter, np.zeros(1, np.int32))
    condition.input(state, sample)
    drawn[5] = condition.finish(condition.less(count, condition.constant("limit", np.array([3], np.int32)), "goes_on"))

    body = Drawing("body", noise)
    count = body.input(counter, np.zeros(1, np.int32))
    place = body.input(state, sample)
    following = body.add(count, body.constant("one", np.array([1], np.int32)), "following")
    drawn[6] = body.finish(following, body.fully_connected(place, 8, "body/dense", like=state))

    main = Drawing("main", noise)
    place = choose(main, main.input(state, sample), (1, 2), (1, 2), "outer")
    start = main.constant("start", np.zeros(1, np.int32))
    options: dict[str, int | float] = {"cond_subgraph_index": 5, "body_subgraph_index": 6}
    turns, place = main.control("WHILE", (start, place), (replace(counter, name="turns"), replace(state, name="result")), options, network())
    drawn[0] = main.finish(turns, main.softmax(place, "scores"))
    return network()
