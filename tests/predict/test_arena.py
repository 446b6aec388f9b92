"""Arenas against the planner's rule written out."""

import numpy as np

from instsim.model.layer import ArenaTensor
from instsim.predict.arena import buffers_of, planned_bytes, planning_bytes


def _by_the_rule(tensors):
    def aligned(tensor):
        return -(-tensor.size_bytes // 16) * 16

    order = sorted(range(len(tensors)), key=lambda place: (-aligned(tensors[place]), -place))
    offsets = {}
    for place in order:
        own = tensors[place]
        near = sorted(
            (offsets[other], aligned(tensors[other])) for other in offsets if tensors[other].first <= own.last and own.first <= tensors[other].last
        )
        candidate = 0
        for start, size in near:
            if start - candidate >= aligned(own):
                break
            candidate = max(candidate, start + size)
        offsets[place] = candidate
    return max(offsets[place] + aligned(tensors[place]) for place in order)


def test_plans_are_those_of_the_rule():
    generator = np.random.default_rng(3)
    networks = []
    for _ in range(600):
        count = int(generator.integers(1, 12))
        starts = generator.integers(0, 9, count)
        networks.append(
            [
                ArenaTensor(int(size), int(first), int(first + generator.integers(0, 4)))
                for size, first in zip(generator.integers(1, 400, count), starts, strict=True)
            ]
        )
    assert planned_bytes(*buffers_of(networks)).tolist() == [_by_the_rule(network) for network in networks]


def test_one_after_the_other_share_their_place():
    assert planned_bytes(*buffers_of([[ArenaTensor(100, 0, 1), ArenaTensor(50, 1, 2), ArenaTensor(100, 2, 3)]])).tolist() == [112 + 64]
    assert planned_bytes(*buffers_of([[]])).tolist() == [0]


def test_planning_takes_a_record_of_every_tensor_and_one_of_every_buffer():
    """TensorFlow Lite Micro's hello_world (10 tensors, 4 of them planned) and an autoencoder of ten dense layers (31, 11).

    Measured on a build of tflite-micro 90b983c: 428 and 1,212 bytes beside what is kept, found in steps of 16.
    """
    room = planning_bytes(np.array([10, 31]), np.array([4, 11]))
    assert room.tolist() == [416, 1200]
