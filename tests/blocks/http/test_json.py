"""Keys that an object of a document has twice."""

from __future__ import annotations

import time

from blocks.http.json import elements


def test_keys_that_are_there_twice_are_told() -> None:
    """Of an object, exactly the keys that it has more than once are told, with the last value."""
    ((_, found),) = elements(b'[{"a": 1, "b": 2, "a": 3, "c": {"b": 4}, "a": 5}]')
    assert (found.twice, found["a"]) == (frozenset({"a"}), 5)


def test_an_object_of_many_keys_is_read_in_no_time() -> None:
    """An object that has one of its many keys twice does not hold the run up."""
    keys = ",".join(f'"k{number}":0' for number in range(20_000))
    began = time.process_time()
    ((_, found),) = elements(f'[{{{keys},"k0":0}}]'.encode())
    assert found.twice == {"k0"}
    assert time.process_time() - began < 1
