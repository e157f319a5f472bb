"""Ways to damage a file."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Sequence
from random import Random

from fuzz.targets import Seed

INTEGERS = (
    *(0, 1, -1, 2, 7, 127, 128, 255, 256, 32767, 32768, 65535),
    *(2**24, 2**31 - 1, -(2**31), 2**32 - 1, 2**62, -(2**63)),
)
FLOATS = (
    *(0.0, -0.0, 1.0, -1.0, 1e-40, 1e-6, 0.5, 352.5, 1e6, 3.4e38, -3.4e38, 1e308),
    *(float("inf"), -float("inf"), float("nan")),
)
WORDS = (
    *(b"", b"0", b"-1", b"1", b"3", b"NaN", b"inf", b"1e999", b"4294967296", b"99999999999999999999", b"1.5", b"0x10"),
    *(b"\xff\xfe", b"\xc3\xa9", "\u202e\0x".encode("utf-16"), b"\x1b[31m", b"\n", b"a" * 5000, b"1 " * 3000),
    *(b"NIFTI_TYPE_FLOAT64", b"NIFTI_TYPE_RGB24", b"NIFTI_INTENT_LABEL", b"ASCII", b"ExternalFileBinary"),
    *(b"BigEndian", b"ColumnMajorOrder", b"../../etc/passwd", b"/etc/hostname", b"CortexRight"),
    *(b"&amp;", b"&x;", b"]]>", b"<!--", b"<", b"{", b"[", b"null", b"true", b'"'),
)
ENTITIES = b'<!DOCTYPE x [<!ENTITY x "' + b"y" * 500 + b'"><!ENTITY z "' + b"&x;" * 200 + b'">]>'

Change = Callable[[bytearray, Random, Seed, Sequence[Seed]], bytearray]


def mutated(seeds: Sequence[Seed], random: Random) -> tuple[Seed, bytes]:
    """One damaged file: the seed that it was made of, and its bytes."""
    seed = random.choice(seeds)
    if seed.mutate is not None and random.random() < 0.7:
        return seed, seed.stored(seed.mutate(seed.content, random))
    changes = list(BYTES)
    if seed.fields:
        changes += [_field] * len(BYTES) * 2
    if seed.text:
        changes += TEXT * 2
    data = bytearray(seed.content)
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        data = random.choice(changes)(data, random, seed, seeds)
    stored = bytearray(seed.stored(bytes(data)))
    if seed.packed and random.random() < 0.3:
        stored = random.choice(BYTES)(bytearray(seed.stored()), random, seed, seeds)
    return seed, bytes(stored)


def _at(data: bytearray, random: Random) -> int:
    """A place in the data, often near the beginning or the end, where headers and footers are."""
    if not data:
        return 0
    near = min(len(data), 600)
    return random.choice((random.randrange(len(data)), random.randrange(near), len(data) - 1 - random.randrange(near)))


def _flip(data: bytearray, random: Random, seed: Seed, seeds: Sequence[Seed]) -> bytearray:
    for _ in range(random.choice((1, 1, 4, 32)) if data else 0):
        data[_at(data, random)] ^= 1 << random.randrange(8)
    return data


def _bytes(data: bytearray, random: Random, seed: Seed, seeds: Sequence[Seed]) -> bytearray:
    place, count = _at(data, random), random.choice((1, 2, 4, 8, 64))
    data[place : place + count] = random.choice((bytes(count), b"\xff" * count, random.randbytes(count)))
    return data


def _number(data: bytearray, random: Random, seed: Seed, seeds: Sequence[Seed]) -> bytearray:
    place = _at(data, random) // 2 * 2
    packed = _odd(random.choice("hiqfd"), random.choice("<>"), random)
    data[place : place + len(packed)] = packed
    return data


def _cut(data: bytearray, random: Random, seed: Seed, seeds: Sequence[Seed]) -> bytearray:
    return data[: _at(data, random)]


def _longer(data: bytearray, random: Random, seed: Seed, seeds: Sequence[Seed]) -> bytearray:
    count = random.choice((1, 4, 100, 5000))
    return data + random.choice((bytes(count), random.randbytes(count), bytes(data[:count])))


def _without(data: bytearray, random: Random, seed: Seed, seeds: Sequence[Seed]) -> bytearray:
    place = _at(data, random)
    del data[place : place + random.choice((1, 2, 4, 100, 1000))]
    return data


def _twice(data: bytearray, random: Random, seed: Seed, seeds: Sequence[Seed]) -> bytearray:
    start, place, count = _at(data, random), _at(data, random), random.choice((1, 4, 100, 1000))
    data[place:place] = data[start : start + count]
    return data


def _splice(data: bytearray, random: Random, seed: Seed, seeds: Sequence[Seed]) -> bytearray:
    other = bytearray(random.choice(seeds).content)
    return data[: _at(data, random)] + other[_at(other, random) :]


def _field(data: bytearray, random: Random, seed: Seed, seeds: Sequence[Seed]) -> bytearray:
    place, form = random.choice(list(seed.fields.values()))
    order, kind = (form[0], form[1:]) if form[0] in "<>" else ("<", form)
    packed = _odd(kind, order, random)
    data[place : place + len(packed)] = packed
    return data


def _odd(kind: str, order: str, random: Random) -> bytes:
    """An odd number of a `struct` kind."""
    if kind in "fd":
        real = random.choice((*FLOATS, random.uniform(-300, 300)))
        return struct.pack(order + kind, max(-3.4e38, min(3.4e38, real)) if kind == "f" and abs(real) < 1e309 else real)
    bits = 8 * struct.calcsize(order + kind)
    value = int(random.choice((*INTEGERS, random.randrange(300)))) % (1 << bits)
    return value.to_bytes(bits // 8, "little" if order == "<" else "big")


def _replace(pattern: bytes) -> Change:
    """Put an odd word in place of one match of a pattern's first group."""

    def change(data: bytearray, random: Random, seed: Seed, seeds: Sequence[Seed]) -> bytearray:
        matches = list(re.finditer(pattern, bytes(data[:200_000])))
        if matches:
            start, end = random.choice(matches).span(1)
            data[start:end] = random.choice(WORDS)
        return data

    return change


def _tag(data: bytearray, random: Random, seed: Seed, seeds: Sequence[Seed]) -> bytearray:
    """Take a tag away, double it, or move it."""
    tags = list(re.finditer(rb"<[^>]{0,500}>", bytes(data[:200_000])))
    if tags:
        start, end = random.choice(tags).span()
        tag = bytes(data[start:end])
        data[start:end] = random.choice((b"", tag * 2, tag * 300, b"<a>" * 3000))
        place = random.choice(tags).start()
        data[place:place] = random.choice((b"", tag))
    return data


def _element(data: bytearray, random: Random, seed: Seed, seeds: Sequence[Seed]) -> bytearray:
    """Take a whole element away, or empty it."""
    found = list(re.finditer(rb"<(\w+)[^>]*>(.*?)</\1>", bytes(data[:200_000]), re.DOTALL))
    if found:
        match = random.choice(found)
        start, end = match.span(random.choice((0, 2)))
        data[start:end] = b""
    return data


def _entities(data: bytearray, random: Random, seed: Seed, seeds: Sequence[Seed]) -> bytearray:
    """Declare entities, and use them."""
    text = bytes(data)
    place = text.find(b"?>") + 2 if text.startswith(b"<?xml") else 0
    return bytearray(text[:place] + ENTITIES + re.sub(rb">([^<]*)<", b">&z;<", text[place:], count=random.randrange(4)))


BYTES: list[Change] = [_flip, _flip, _bytes, _number, _cut, _longer, _without, _twice, _splice]
TEXT: list[Change] = [
    _replace(rb"=\s*[\"']([^\"'<>]{0,80})[\"']"),
    _replace(rb"[\"']([^\"'<>]{0,80})[\"']\s*:"),
    _replace(rb">([^<>]{1,400})<"),
    _replace(rb"CDATA\[([^\]]{0,200})\]"),
    _replace(rb"(?<![\w.])(-?\d[\d.e+-]*)"),
    _replace(rb":\s*([^,}\]]{1,60})[,}\]]"),
    _tag,
    _element,
    _entities,
]
