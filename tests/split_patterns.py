"""The pre-tokenizers of well-known models, as their tokenizer.json has them."""

from bearhug.tokenizers import patterns

CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
UPPER, LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]"
TAIL = r"\s*[\r\n]+|\s+(?!\S)|\s+"
DEEPSEEK = (
    r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"
    + TAIL
)
KIMI = (
    rf"[\p{{Han}}]+|[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+{CONTRACTIONS}?|"
    rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*{CONTRACTIONS}?|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|" + TAIL
)
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
# The letters of the file go on for some lines.
DEEPSEEK_LLM = r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽℂℇℊ-ℓＡ-Ｚａ-ｚ𐐀-𐑏𞤀-𞥃]+"
GPT_OSS = patterns.O200K.replace(r"|\s*[\r\n]+", r"|\s*[\r\n]")
POSSESSIVE = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|"
    r"\s+(?!\S)|\s"
)


def split(regex: str, behavior: str = "Isolated", invert: bool = False) -> dict:
    """A Split by a regular expression."""
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": behavior, "invert": invert}


def sequence(*parts: dict) -> dict:
    """One after another."""
    return {"type": "Sequence", "pretokenizers": list(parts)}


def byte_level(use_regex: bool = False, add_prefix_space: bool = False) -> dict:
    """Bytes as characters, behind GPT-2's pattern or not."""
    return {
        "type": "ByteLevel",
        "add_prefix_space": add_prefix_space,
        "trim_offsets": True,
        "use_regex": use_regex,
    }


def digits(individual: bool) -> dict:
    """Digits apart from the rest, and from one another or not."""
    return {"type": "Digits", "individual_digits": individual}


PUNCTUATION = {"type": "Punctuation", "behavior": "Contiguous"}
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
PRE_TOKENIZERS = {
    "gpt2": byte_level(True),
    "roberta": byte_level(True, add_prefix_space=True),
    "llama3, glm4": sequence(split(patterns.LLAMA3), byte_level()),
    "qwen2, qwen3, stablelm2": sequence(split(patterns.QWEN2), byte_level()),
    "qwen, by what is removed": sequence(split(patterns.QWEN2, "Removed", True), byte_level()),
    "llama4, o200k": sequence(split(patterns.O200K), byte_level()),
    "gpt-oss": sequence(split(GPT_OSS, "Removed", True), byte_level()),
    "tiktoken, possessive": sequence(split(POSSESSIVE), byte_level()),
    "deepseek-v3, r1": sequence(
        split(r"\p{N}{1,3}"),
        split("[一-龥\u3040-ゟ゠-ヿ]+"),
        split(DEEPSEEK),
        byte_level(),
    ),
    "deepseek-llm": sequence(
        split(r"[\r\n]"),
        split(DEEPSEEK_LLM),
        split(r"\s?[!-/:-~！-／：-～‘-‟　-。]+"),
        split(r"\s+$"),
        split("[一-龥ࠀ-一가-\ud7ff]+"),
        digits(True),
        byte_level(),
    ),
    "deepseek-coder": sequence(
        split(r"[\r\n]"),
        split(r"\s?\p{L}+"),
        split(r"\s?\p{P}+"),
        split("[一-龥ࠀ-一가-\ud7ff]+"),
        digits(True),
        byte_level(),
    ),
    "kimi-k2": sequence(split(KIMI), byte_level()),
    "falcon": sequence(PUNCTUATION, byte_level(True), digits(False), split("[0-9][0-9][0-9]")),
    "bloom": sequence(split(BLOOM), byte_level()),
    "viking": sequence(split(BLOOM), digits(True), byte_level()),
    "starcoder2, phi4, smollm, command-r": sequence(digits(True), byte_level(True)),
    "chameleon": sequence(
        split("<sentinel:[0-9]+>"),
        split("(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z"),
        split(r"([\t\n]|    |  )"),
        digits(True),
        PUNCTUATION | {"behavior": "Isolated"},
        byte_level(True),
    ),
    "clip": split(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", "Removed", True),
    "galactica": sequence(
        split(r"\[START_REF\]"), split(r"[\p{P}\p{S}]"), digits(True), byte_level(), PUNCTUATION, METASPACE
    ),
    "nemotron": sequence(split(r"[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + TAIL), byte_level()),
    "xglm, metaspace": METASPACE,
    "white space kept with words": split(r"\S+\s*"),
    "lines": split(r"^.+\n?", "MergedWithPrevious"),
    "words behind blanks": split(r"(?<=\s)\w+\b", "MergedWithNext"),
    "digits from the left, contiguous": sequence(split(r"\d{1,3}?(?!\d)", "Contiguous"), byte_level()),
}
