"""Repeatable numbers and keys: pure functions of a seed, a day and a running number.

splitmix64 rather than numpy's generators: its stream is the same on every version of numpy, so a
day that was rendered before an upgrade is the day rendered after it. Being a bijection it also runs
backwards, so an `encodedKey` tells which line of which day it names without an index of all keys.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_FIRST_INVERSE, _SECOND_INVERSE = pow(_FIRST, -1, 1 << 64), pow(_SECOND, -1, 1 << 64)


def mix(words: Words) -> Words:
    """Return the splitmix64 output of each word."""
    mixed = words + np.uint64(_GOLDEN)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(_FIRST)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(_SECOND)
    return mixed ^ (mixed >> np.uint64(31))


def _unshift(word: int, bits: int) -> int:
    result = word
    for _ in range(64 // bits):
        result = word ^ (result >> bits)
    return result


def unmix(word: int) -> int:
    """Return the word whose `mix` is this one."""
    mixed = _unshift(word, 31) * _SECOND_INVERSE & _MASK
    mixed = _unshift(mixed, 27) * _FIRST_INVERSE & _MASK
    return (_unshift(mixed, 30) - _GOLDEN) & _MASK


def noise(seed: int, ordinal: int, stream: int, numbers: Words) -> Words:
    """Return one repeatable 64-bit word per number, independent between days and streams."""
    start = np.array([(seed * 1_000_003 + ordinal) * 64 + stream], dtype=np.uint64)
    return mix(mix(start) + numbers)


def _key_words(seed: int, ordinals: Words, serials: Words) -> Words:
    plain = (ordinals << np.uint64(32)) + serials
    salt = mix(np.array([seed & _MASK], dtype=np.uint64))
    return np.stack((mix(plain ^ salt), mix(mix(plain) + salt)), axis=-1)


def line_keys(seed: int, ordinals: Words, serials: Words) -> str:
    """Return the encodedKeys of lines by day and serial, 32 hexadecimal digits each, in one string."""
    return _key_words(seed, ordinals, serials).astype(">u8").tobytes().hex()


def locate_key(seed: int, key: str) -> tuple[int, int] | None:
    """Return (day as ordinal, serial) of the seeded line that bears this encodedKey, if one may."""
    try:
        first = int(key[:16], 16)
    except ValueError:
        return None
    salt = int(mix(np.array([seed & _MASK], dtype=np.uint64))[0])
    ordinal, serial = divmod(unmix(first) ^ salt, 1 << 32)
    if ordinal >= 3_652_060:  # beyond the year 9999: not one of ours
        return None
    found = line_keys(seed, np.array([ordinal], np.uint64), np.array([serial], np.uint64))
    return (ordinal, serial) if found == key else None


def fixed_key(*parts: object) -> str:
    """Return the encodedKey of something that is the same in every sandbox: an account, a branch, a user."""
    return hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=16).hexdigest()
