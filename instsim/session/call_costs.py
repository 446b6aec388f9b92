"""What each node of the call tree costs."""

from __future__ import annotations

import numpy as np

from instsim.cost import CycleEstimate
from instsim.profile import BlockProfile, owners
from instsim.session.estimate import EstimatedCall

__all__ = ["priced_calls"]


def priced_calls(profile: BlockProfile, priced: CycleEstimate) -> tuple[EstimatedCall, ...]:
    """Return the call tree with its cycles, roots first, callers before those they call; empty if no call stacks were kept.

    A block's cycles are shared out among the nodes that ran it in proportion to its executions in each: the mean price of the block, since
    branches taken and operands are not known by node. Nodes that spent nothing are left out, and so are callers of the region above its own
    function.
    """
    tree = profile.calls
    if tree is None or not profile.addresses.size:
        return ()
    cycles = priced.cycles.sum(axis=0)
    counted = np.zeros(profile.addresses.size)
    np.add.at(counted, tree.blocks, tree.counts)
    own = np.zeros(tree.parents.size)
    np.add.at(own, tree.nodes, cycles[tree.blocks] * tree.counts / counted[tree.blocks])
    owner = owners(profile.functions, profile.addresses)
    for block in np.flatnonzero((counted == 0) & (cycles != 0)).tolist():
        # The block that the region begins in ran before counting began: it belongs to the first node of its function.
        entry = profile.functions[owner[block]].address if owner[block] >= 0 else -1
        same = np.flatnonzero((tree.functions == entry) & (own > 0))
        own[int(same[0]) if same.size else 0] += cycles[block]
    whole = own.copy()
    for node in range(tree.parents.size - 1, 0, -1):
        whole[tree.parents[node]] += whole[node]
    kept = whole > 0
    children = np.bincount(tree.parents[1:][kept[1:]], minlength=tree.parents.size) if tree.parents.size > 1 else np.zeros(1, np.int64)
    for node in range(tree.parents.size):
        if kept[node] and own[node] == 0 and (node == 0 or (children[node] == 1 and not kept[tree.parents[node]])):
            kept[node] = False
            if node == 0 and children[0] > 1:
                break
    places = np.cumsum(kept) - 1
    names = {span.address: span.name for span in profile.functions}
    rows = []
    for node in np.flatnonzero(kept).tolist():
        address, parent = int(tree.functions[node]), int(tree.parents[node])
        rows.append(
            EstimatedCall(
                "(no function)" if node == 0 else names.get(address, f"{address:#010x}"),
                0 if node == 0 else address,
                int(places[parent]) if parent >= 0 and kept[parent] else -1,
                int(tree.calls[node]),
                float(own[node]),
                float(whole[node]),
            )
        )
    return tuple(rows)
