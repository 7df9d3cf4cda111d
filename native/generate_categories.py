"""Write unicode_categories.hpp: the properties that regular expressions name, as the reference library has them.

    python native/generate_categories.py     (needs the `reference` extra)

Each is asked of the reference's regular expressions, like the tables of generate_unicode.py.
"""

from pathlib import Path

from generate_unicode import POINTS, array, matches

CATEGORIES = "Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cn Co".split()
SCRIPTS = (
    "Arabic Armenian Bengali Cyrillic Devanagari Ethiopic Georgian Greek Gujarati Han Hangul Hebrew Hiragana Katakana "
    "Khmer Lao Latin Malayalam Myanmar Tamil Telugu Thai"
).split()
# Bits beyond the categories. Outside of a set \w holds a few more.
OTHERS = {
    "space": r"\s",
    "word": r"\w",
    "word_in_set": r"[\w]",
    "alphabetic": r"\p{Alphabetic}",
    "uppercase": r"\p{Uppercase}",
    "lowercase": r"\p{Lowercase}",
    "posix_punct": r"[[:punct:]]",
    "emoji": r"\p{Emoji}",
} | {name.lower(): rf"\p{{{name}}}" for name in SCRIPTS}


def header() -> str:
    """The whole of unicode_categories.hpp."""
    bits = {name: rf"\p{{{name}}}" for name in CATEGORIES} | OTHERS
    assert len(bits) <= 64
    flags = dict.fromkeys(POINTS, 0)
    for bit, pattern in enumerate(bits.values()):
        for point in matches(pattern):
            flags[point] |= 1 << bit
    kinds = sorted(set(flags.values()))
    assert len(kinds) <= 256
    kind_of = {value: index for index, value in enumerate(kinds)}
    starts, before = [], None
    for point in POINTS:
        if flags[point] != before:
            starts.append(point << 8 | kind_of[flags[point]])
            before = flags[point]

    names = ", ".join(f"{name if name in OTHERS else name.lower()} = {bit}" for bit, name in enumerate(bits))
    lines = [
        "// Made by generate_categories.py: do not edit. What each bit means is said there.",
        "#pragma once",
        "#include <cstdint>",
        "",
        "namespace bearhug::categories {",
        "// clang-format off",
        f"enum Bit {{ {names} }};",
        array("std::uint64_t", "kinds", (f"{kind:#x}" for kind in kinds)),
        "// Where a run of code points of one kind starts, times 256, and the kind.",
        array("std::uint32_t", "runs", starts),
        "// clang-format on",
        "}  // namespace bearhug::categories",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("unicode_categories.hpp").write_text(header())
