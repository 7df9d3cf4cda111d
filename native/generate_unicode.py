"""Write unicode_tables.hpp: what the reference library believes of every code point.

    python native/generate_unicode.py     (needs the `reference` extra)

The reference mixes several Unicode versions: its regular expressions, Rust's standard library, its normalization
tables and its categories are each of another year. A table of one version would differ somewhere, so each property is
asked of the reference itself, code point by code point. Only the order of combining marks cannot be asked directly:
it is taken from Python's `unicodedata` for the marks that the reference reorders.
"""

import unicodedata
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

POINTS = [point for point in range(0x110000) if not 0xD800 <= point < 0xE000]
BLOCK = 128
HANGUL = range(0xAC00, 0xD7A4)  # composed and decomposed by arithmetic


def removed_by(splitter) -> set[int]:
    """The code points that a splitter with the behaviour "removed" takes away."""
    gone = set()
    for start in range(0, len(POINTS), 4096):
        chunk = POINTS[start : start + 4096]
        kept = {ord(c) for piece, _ in splitter.pre_tokenize_str("".join(map(chr, chunk))) for c in piece}
        gone |= set(chunk) - kept
    return gone


def matches(pattern: str) -> set[int]:
    """The code points that a regular expression matches."""
    return removed_by(pre_tokenizers.Split(Regex(pattern), "removed"))


def joins_words(splitter) -> set[int]:
    """The code points that stay in one piece between two letters."""
    return {point for point in POINTS if len(splitter.pre_tokenize_str(f"a{chr(point)}b")) == 1}


def bert(**settings) -> normalizers.BertNormalizer:
    """A BertNormalizer that does only what is said."""
    off = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
    return normalizers.BertNormalizer(**(off | settings))


def single_word_neighbours() -> set[int]:
    """The code points beside which an added token with single_word=True is not found."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.add_tokens([AddedToken("<t>", single_word=True, normalized=False)])
    return {point for point in POINTS if not tokenizer.encode("<t>" + chr(point)).ids}


def properties() -> dict[str, set[int]]:
    """Name of the bit -> code points. At most 16 bits."""
    clean, strip = bert(clean_text=True), bert(strip_accents=True)
    nfd = normalizers.NFD()
    letters_digits = pre_tokenizers.Digits(individual_digits=True)
    return {
        "letter": matches(r"\p{L}"),
        "number": matches(r"\p{N}"),
        "space": matches(r"\s"),
        "upper": matches(r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"),
        "lower": matches(r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"),
        "word": joins_words(pre_tokenizers.Whitespace()),
        "added_word": single_word_neighbours(),
        "digit": {p for p in POINTS if len(letters_digits.pre_tokenize_str(f"a{chr(p)}b")) == 3},
        "punctuation": removed_by(pre_tokenizers.Punctuation("removed")),
        "cjk": {p for p in POINTS if bert(handle_chinese_chars=True).normalize_str(chr(p)) != chr(p)},
        "control": {p for p in POINTS if clean.normalize_str(chr(p)) == ""},
        "blank": {p for p in POINTS if clean.normalize_str(chr(p)) == " "},
        "nonspacing": {p for p in POINTS if strip.normalize_str(chr(p)) == "" and nfd.normalize_str(chr(p)) == chr(p)},
        "combining": {p for p in POINTS if normalizers.StripAccents().normalize_str(chr(p)) == ""},
    }


def reorders(first: str, second: str) -> bool:
    """Whether NFD swaps two marks."""
    return normalizers.NFD().normalize_str(first + second) == second + first


def combining_classes() -> dict[int, int]:
    """Code point -> canonical combining class, where it is not 0."""
    low, high = "\u0334", "\u0345"  # classes 1 and 240
    classes = {ord(high): 240}
    for point in POINTS:
        known = unicodedata.combining(chr(point))
        if known and (reorders(chr(point), low) or reorders(high, chr(point))):
            classes[point] = known
    return classes


def mapping(normalizer) -> dict[int, list[int]]:
    """Code point -> what it becomes, for those that change and are not Hangul syllables."""
    changed = {}
    for point in POINTS:
        after = normalizer.normalize_str(chr(point))
        if after != chr(point) and point not in HANGUL:
            changed[point] = [ord(c) for c in after]
    return changed


def compositions() -> list[tuple[int, int, int]]:
    """(first, second, what the two compose to)."""
    nfc, found = normalizers.NFC(), []
    for point in POINTS:
        parts = unicodedata.decomposition(chr(point)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            first, second = (int(part, 16) for part in parts)
            if nfc.normalize_str(chr(first) + chr(second)) == chr(point):
                found.append((first, second, point))
    return sorted(found)


def numbers(values, width: int = 120) -> str:
    """Numbers with commas, on lines of that width."""
    lines, line = [], "   "
    for value in values:
        word = f" {value},"
        if len(line) + len(word) > width:
            lines.append(line)
            line = "   "
        line += word
    return "\n".join([*lines, line])


def array(kind: str, name: str, values) -> str:
    """A constant array in C++."""
    values = list(values)
    return f"inline constexpr {kind} {name}[{len(values)}] = {{\n{numbers(values)}\n}};\n"


def expansion(name: str, table: dict[int, list[int]]) -> str:
    """A sorted table of code points, where each one's text starts, and the texts one after another."""
    starts, texts = [0], []
    for point in sorted(table):
        texts += table[point]
        starts.append(len(texts))
    return (
        array("char32_t", f"{name}_points", sorted(table))
        + array("std::uint16_t", f"{name}_starts", starts)
        + array("char32_t", f"{name}_texts", texts)
    )


def header() -> str:
    """The whole of unicode_tables.hpp."""
    bits = properties()
    classes = combining_classes()
    nfd, nfkd = mapping(normalizers.NFD()), mapping(normalizers.NFKD())
    lower = mapping(normalizers.Lowercase())
    pairs = compositions()
    second = {pair[1] for pair in pairs} | set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))
    # May NFD / NFKD / NFC / NFKC change a text that holds this code point?
    bits["moves_nfd"] = set(nfd) | set(classes) | set(HANGUL)
    nfc_safe = {point for point in POINTS if normalizers.NFC().normalize_str(chr(point)) == chr(point)}
    bits["moves_nfc"] = (set(POINTS) - nfc_safe) | set(classes) | second
    assert len(bits) <= 16

    flags = [0] * 0x110000
    for bit, points in enumerate(bits.values()):
        for point in points:
            flags[point] |= 1 << bit
    kinds = sorted(set(flags))
    assert len(kinds) <= 256
    kind_of = {value: index for index, value in enumerate(kinds)}
    blocks, index = [], []
    seen: dict[tuple, int] = {}
    for start in range(0, 0x110000, BLOCK):
        block = tuple(kind_of[value] for value in flags[start : start + BLOCK])
        if block not in seen:
            seen[block] = len(seen)
            blocks += block
        index.append(seen[block])

    names = ", ".join(f"{name} = 1 << {bit}" for bit, name in enumerate(bits))
    compatible = {point: text for point, text in nfkd.items() if nfd.get(point) != text}
    lines = [
        "// Made by generate_unicode.py: do not edit. What each bit means is said there.",
        "#pragma once",
        "#include <cstdint>",
        "",
        "namespace bearhug::unicode {",
        "// clang-format off",
        f"enum Property : std::uint16_t {{ {names} }};",
        f"inline constexpr int block_size = {BLOCK};",
        array("std::uint16_t", "kinds", kinds),
        array("std::uint16_t" if len(seen) > 255 else "std::uint8_t", "block_of", index),
        array("std::uint8_t", "kind_in_block", blocks),
        array("char32_t", "combining_points", sorted(classes)),
        array("std::uint8_t", "combining_classes", (classes[point] for point in sorted(classes))),
        expansion("canonical", nfd),
        expansion("compatible", compatible),
        expansion("lowercase", lower),
        array("char32_t", "composed_first", (pair[0] for pair in pairs)),
        array("char32_t", "composed_second", (pair[1] for pair in pairs)),
        array("char32_t", "composed_whole", (pair[2] for pair in pairs)),
        "// clang-format on",
        "}  // namespace bearhug::unicode",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("unicode_tables.hpp").write_text(header())
