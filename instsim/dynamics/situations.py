"""What the caches and ports of a small system are at between two blocks, as one word to compare, in machine code.

A system that holds a few lines of code only is in one of few situations: which lines are there, in which order they make room, what is being read
ahead, for how long the port is busy. Times count from the end of the last block, so that a loop comes back to the same situation. Each situation that
was met has one record (`SituationWord`); a system that is known to be in one does not keep its caches and ports up to date.
"""

from __future__ import annotations

from typing import Any

from instsim.dynamics.memory_layout import CacheWord, PortWord, SystemWord
from instsim.dynamics.native_words import words
from instsim.dynamics.passage_layout import BUCKETS, SituationWord

__all__ = ["find_situation", "forget_situations", "restore"]

_MULTIPLIER = 0x9E3779B97F4A7C15
_MASK = 0xFFFFFFFF
_NEVER = (1 << 64) - 1


def find_situation(system: Any) -> Any:
    """Return the address of the situation that caches and ports are in, a new one if it was not met yet."""
    address = system[SystemWord.SITUATIONS_FREE]
    situation = words(address)
    _describe(address + 8 * SituationWord.CONTENT, system)
    length = system[SystemWord.SITUATION_WORDS]
    digest = 0
    for index in range(length):
        digest = (digest ^ situation[SituationWord.CONTENT + index]) * _MULTIPLIER
        digest ^= digest >> 32
    bucket = words(system[SystemWord.SITUATIONS] + 8 * (digest & (BUCKETS - 1)))
    at = bucket[0]
    while at != 0:
        known = words(at)
        if known[SituationWord.HASH] == digest and _are_equal(known, situation, length):
            return at
        at = known[SituationWord.NEXT]
    situation[SituationWord.PASSAGES], situation[SituationWord.NEXT], situation[SituationWord.HASH] = 0, bucket[0], digest
    bucket[0] = address
    system[SystemWord.SITUATIONS_FREE] = address + 8 * (SituationWord.CONTENT + length)
    return address


def _are_equal(one: Any, other: Any, length: Any) -> Any:
    """Tell whether two situations are the same."""
    index = 0
    while index < length and one[SituationWord.CONTENT + index] == other[SituationWord.CONTENT + index]:
        index += 1
    return index == length


def forget_situations(system: Any) -> None:
    """Make all room free again."""
    buckets = words(system[SystemWord.SITUATIONS])
    for index in range(BUCKETS):
        buckets[index] = 0
    system[SystemWord.SITUATIONS_FREE] = system[SystemWord.SITUATIONS] + 8 * BUCKETS
    system[SystemWord.SITUATION] = 0


def _describe(address: Any, system: Any) -> None:
    """Write down what makes a situation, times as what is left of them: no access will be earlier than now.

    Which path the last read took is no part of it: reads pair inside a block only.
    """
    now = system[SystemWord.NOW]
    at = address
    for number in range(system[SystemWord.CACHES_LENGTH]):
        cache_address = words(system[SystemWord.CACHES])[number]
        cache = words(cache_address)
        places = cache_address + 8 * CacheWord.WORDS
        for _ in range(cache[CacheWord.SET_MASK] + 1):
            at = _describe_set(places, cache[CacheWord.WAYS], at)
            places += 16 * cache[CacheWord.WAYS]
        words(at)[0] = cache[CacheWord.LAST_LINE] * cache[CacheWord.FOLLOWED]
        words(at)[1] = cache[CacheWord.AHEAD_LINE]
        words(at)[2] = _left(cache[CacheWord.AHEAD_AT], now) if cache[CacheWord.AHEAD_LINE] != 0 else 0
        at += 24
    for number in range(system[SystemWord.PORTS_LENGTH]):
        port = words(words(system[SystemWord.PORTS])[number])
        left = _left(port[PortWord.BUSY_UNTIL], now)
        words(at)[0] = left
        words(at)[1] = port[PortWord.AHEAD_PATH] if left != 0 else 0
        at += 16


def _left(until: Any, now: Any) -> Any:
    """Return how much of a time is left."""
    return until - min(until, now)


def _describe_set(places: Any, ways: Any, address: Any) -> Any:
    """Write down the tags of a set, that of the line that makes room first in front, zeros of empty places behind; return where they end."""
    last = 0
    at = address
    for _ in range(ways):
        found, earliest = 0, _NEVER
        place = places
        for _ in range(ways):
            used_at = words(place)[1]
            if words(place)[0] != 0 and last < used_at < earliest:
                found, earliest = words(place)[0], used_at
            place += 16
        words(at)[0] = found
        last = earliest
        at += 8
    return at


def restore(system: Any) -> None:
    """Bring caches and ports up to date with the situation that the system is in."""
    at = system[SystemWord.SITUATION] + 8 * SituationWord.CONTENT
    now = system[SystemWord.NOW]
    for number in range(system[SystemWord.CACHES_LENGTH]):
        cache_address = words(system[SystemWord.CACHES])[number]
        cache = words(cache_address)
        place = cache_address + 8 * CacheWord.WORDS
        for _ in range((cache[CacheWord.SET_MASK] + 1) * cache[CacheWord.WAYS]):
            system[SystemWord.CLOCK] += 1
            words(place)[0], words(place)[1] = words(at)[0], system[SystemWord.CLOCK] if words(at)[0] != 0 else 0
            at += 8
            place += 16
        cache[CacheWord.LAST_LINE], cache[CacheWord.AHEAD_LINE], cache[CacheWord.AHEAD_AT] = words(at)[0], words(at)[1], now + words(at)[2]
        at += 24
    for number in range(system[SystemWord.PORTS_LENGTH]):
        port = words(words(system[SystemWord.PORTS])[number])
        port[PortWord.BUSY_UNTIL], port[PortWord.AHEAD_PATH] = now + words(at)[0], words(at)[1]
        at += 16
