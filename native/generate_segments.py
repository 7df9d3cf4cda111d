"""Write unicode_segments.hpp: grapheme clusters and scripts, as the reference library believes of every code point.

    python native/generate_segments.py     (needs the `reference` extra)

Both are asked of the reference, like the tables of generate_unicode.py. Scripts show where UnicodeScripts cuts.
Clusters show in Precompiled: of a cluster of at most five bytes whose first character has a replacement, nothing else
is left. What is too long to show there does not matter there either; it is taken from `regex`.
"""

import struct
from collections.abc import Iterable
from pathlib import Path

import regex

from tokenizers import normalizers, pre_tokenizers

BLOCK = 128
POINTS = [point for point in range(0x110000) if not 0xD800 <= point < 0xE000]
MARK = "\u0301"
# In the order of graphemes.cpp.
BREAKS = "Other CR LF Control Extend ZWJ SpacingMark Prepend L V T LV LVT Regional_Indicator".split()
PICTOGRAPHIC, CONJUNCTS = 1 << 4, ("None", "Consonant", "Extend", "Linker")


def having(property: str) -> set[int]:
    """The code points that have a property in `regex`."""
    pattern = regex.compile(rf"\p{{{property}}}")
    return {point for point in POINTS if pattern.match(chr(point))}


def charsmap(characters: Iterable[str]) -> bytes:
    """A charsmap that replaces each of these characters by "?": a double array in darts-clone's units."""
    children: list[dict[int, int]] = [{}]  # of each node, byte -> node
    for character in sorted(characters):
        node = 0
        for byte in character.encode():
            if byte not in children[node]:
                children[node][byte] = len(children)
                children.append({})
            node = children[node][byte]
    # Each node owns a block of 256 units; a leaf's replacement, the text at 0, stands in the first of its own.
    units, at = [0] * (256 * (len(children) + 1)), {0: 0}
    for node, below in enumerate(children):
        base = 256 * (node + 1)
        units[at[node]] |= (base ^ at[node]) << 10 | (0 if below else 1 << 8)
        units[base] = 0 if below else 1 << 31
        for byte, child in below.items():
            at[child] = base ^ byte
            units[at[child]] |= byte
    return struct.pack("<I", 4 * len(units)) + struct.pack(f"<{len(units)}I", *units) + b"?\0"


def cluster(replaced: list[int], before: str, after: str) -> set[int]:
    """The code points whose replacement swallows `after` when they stand behind `before`: a cluster starts at them."""
    found = set()
    for start in range(0, len(replaced), 4096):
        chunk = [chr(point) for point in replaced[start : start + 4096]]
        replace = normalizers.Precompiled(charsmap(chunk)).normalize_str
        found |= {ord(char) for char in chunk if replace(before + char + after) == replace(before) + "?"}
    return found


def classes() -> list[int]:
    """The class of every code point: what breaks it, whether it is a pictograph, its place in Indic conjuncts."""
    only_a = normalizers.Precompiled(charsmap("a")).normalize_str
    attached = {point for point in POINTS if point != 0x61 and only_a("a" + chr(point)) == "?"}
    by_break = {name: having(f"GCB={name}") for name in BREAKS[1:]}
    marks = {"Extend", "SpacingMark", "ZWJ"}
    assert attached <= set.union(*(by_break[name] for name in marks)), "regex knows less than the reference"
    for name in marks:
        by_break[name] &= attached
    short = [point for point in POINTS if len(chr(point).encode()) <= 3]
    by_break["Prepend"] &= cluster(sorted(by_break["Prepend"]), "", "a")
    free = cluster(short, "", MARK)  # a mark joins all but controls
    by_break["Control"] = {p for p in POINTS if (p in by_break["Control"] if p > 0xFFFF else p not in free)}
    by_break["Control"] -= attached | by_break["CR"] | by_break["LF"] | {ord("\0")}
    by_break["Control"].add(0)
    only_sign = normalizers.Precompiled(charsmap("\xa9")).normalize_str
    pictographs = {point for point in POINTS if only_sign(f"\xa9\u200d{chr(point)}")[:2] == "?\u200d"} - attached
    conjunct = {name: having(f"InCB={name}") for name in CONJUNCTS[1:]}
    known = "\u0915\u094d"  # DEVANAGARI KA and its virama
    conjunct["Consonant"] -= cluster(sorted(conjunct["Consonant"] & set(short)), known, MARK)
    for name in ("Extend", "Linker"):
        conjunct[name] &= attached
    found = [0] * 0x110000
    for at, name in enumerate(BREAKS):
        for point in by_break.get(name, ()):
            found[point] = at
    for point in pictographs:
        found[point] |= PICTOGRAPHIC
    for at, name in enumerate(CONJUNCTS):
        for point in conjunct.get(name, ()):
            found[point] |= at << 5
    return found


def scripts() -> list[int]:
    """The script of every code point as a number; 0 joins all others, and 255 is no character."""
    split = pre_tokenizers.UnicodeScripts().pre_tokenize_str
    joins_all = {p for p in POINTS if len(split("a" + chr(p))) == 1 == len(split("\u0431" + chr(p)))}
    found, samples = [0] * 0x110000, []
    last = None
    for point in POINTS:
        if point in joins_all:
            continue
        char = chr(point)
        if last is not None and len(split(samples[last] + char)) == 1:
            found[point] = last + 1
            continue
        last = next((at for at, sample in enumerate(samples) if len(split(sample + char)) == 1), len(samples))
        if last == len(samples):
            samples.append(char)
        found[point] = last + 1
    return found


def table(name: str, values: list[int]) -> str:
    """Two constant arrays: the block of every 128 code points, and the values of each different block."""
    from generate_unicode import array

    seen: dict[tuple, int] = {}
    index = [seen.setdefault(tuple(values[at : at + BLOCK]), len(seen)) for at in range(0, 0x110000, BLOCK)]
    kind = "std::uint16_t" if len(seen) > 255 else "std::uint8_t"
    return array(kind, f"{name}_block", index) + array(
        "std::uint8_t", f"{name}_in_block", (value for block in seen for value in block)
    )


def header() -> str:
    """The whole of unicode_segments.hpp."""
    lines = [
        "// Made by generate_segments.py: do not edit. What the classes mean is said there.",
        "#pragma once",
        "#include <cstdint>",
        "",
        "namespace bearhug::unicode {",
        "// clang-format off",
        table("cluster", classes()),
        table("script", scripts()),
        "// clang-format on",
        "}  // namespace bearhug::unicode",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("unicode_segments.hpp").write_text(header())
