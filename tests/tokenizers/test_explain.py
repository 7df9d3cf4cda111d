"""A text explained station by station, and its pieces in a terminal and on a page."""

import re

import pytest

import tokenizer_parity as parity
from bearhug import AutoTokenizer, tokenizers
from bearhug.tokenizers import BertTokenizer, pieces
from tokenizer_folders import MAKES

TEXTS = [*parity.TEXTS[:20], "a <s> b</s> [MASK] <mask>  <|im_end|> [SEP]", *(parity.random_text(i) for i in range(20))]


@pytest.fixture(scope="module")
def small():
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "bear", "##s", "hug"]
    return BertTokenizer(vocab={word: id for id, word in enumerate(words)})


@pytest.mark.parametrize("name", MAKES)
def test_what_is_explained_is_what_a_call_gives(name, folders):
    """For each kind of tokenizer: ids, offsets, words; the pieces are as many as the words, and fit the parts."""
    tokenizer = AutoTokenizer.from_pretrained(folders[name])
    for i, text in enumerate(TEXTS):
        special = i % 3 > 0
        told = tokenizer.explain(text, add_special_tokens=special)
        call = tokenizer(text, add_special_tokens=special, return_offsets_mapping=True)

        assert told.ids == call["input_ids"]
        assert told.offsets == call["offset_mapping"]
        assert told.words == call.word_ids()
        assert told.tokens == call.tokens()
        assert "".join(told.parts) == text
        seen = {word for word in told.words if word is not None}
        assert len(told.pieces) >= len(seen)
        assert max(seen, default=-1) < len(told.pieces)


def test_an_explanation_prints_every_station(small):
    assert repr(small.explain("The bears [MASK] Tea.")) == (
        "text          'The bears [MASK] Tea.'\n"
        "added tokens  'The bears ' '[MASK]' ' Tea.'\n"
        "normalized    'the bears ' ' tea.'  by BertNormalizer\n"
        "pieces        'the' 'bears' '[MASK]' 'tea' '.'  by BertPreTokenizer\n"
        "tokens        8 by WordPiece; TemplateProcessing adds [CLS] [SEP]\n"
        "  id  token   text                      characters  piece\n"
        "   2  [CLS]   around the text\n"
        "   5  the     'The'                     0-3         0\n"
        "   6  bear    'bear'                    4-8         1\n"
        "   7  ##s     's'                       8-9         1\n"
        "   4  [MASK]  '[MASK]', an added token  10-16       2\n"
        "   1  [UNK]   'Tea', unknown            17-20       3\n"
        "   1  [UNK]   '.', unknown              20-21       4\n"
        "   3  [SEP]   around the text"
    )


def test_a_token_that_is_a_part_of_a_character_says_its_bytes(folders):
    told = AutoTokenizer.from_pretrained(folders["llama3"]).explain("é👍", add_special_tokens=False)

    assert "part of '👍': f0" in repr(told)
    assert b"".join(row.data for row in told.rows).decode() == "é👍"


@pytest.mark.parametrize("name", ["ByT5Tokenizer", "CanineTokenizer", "PerceiverTokenizer", "DiaTokenizer"])
def test_tokenizers_that_work_in_python_are_explained_too(name):
    tokenizer = getattr(tokenizers, name)()
    for text in ("Hello  é 👍\n", "", "ascii only"):
        told = tokenizer.explain(text)
        spans = [offsets for offsets, special in zip(told.offsets, told.special, strict=True) if not special]

        assert told.ids == tokenizer(text)["input_ids"]
        assert "".join(text[start:end] for start, end in dict.fromkeys(spans)) == text
        assert f"by {name}" in repr(told)
    with pytest.raises(ValueError, match=f"{name} cuts texts by rules of its own"):
        tokenizer.shrink(texts=["a"])


def test_pieces_with_marks_for_blanks_find_their_places():
    written = pieces._written("Hello  big world, é", ["▁Hel", "lo", "▁big", "▁", "world", ",", "▁?", "é"])

    assert written == [(0, 3), (3, 5), (5, 10), (10, 11), (11, 16), (16, 17), (17, 17), (18, 19)]


def test_a_long_text_prints_its_first_tokens(small):
    told = small.explain("hug " * 500)

    assert len(told.ids) == 502
    assert repr(told).endswith("  and 442 more")
    assert len(repr(told)) < 5000


def test_only_a_text_is_explained(small):
    with pytest.raises(TypeError, match="explain takes one text; got list"):
        small.explain(["a"])


# -- pieces


@pytest.mark.parametrize("name", MAKES)
def test_the_pieces_shown_are_the_text(name, folders):
    tokenizer = AutoTokenizer.from_pretrained(folders[name])
    for text in TEXTS:
        found = pieces.pieces_of(tokenizer, text)
        parts = pieces.shown(text, found)
        assert "".join(part for part, piece in parts if piece is None or piece.kind != "special") == text


def test_a_terminal_shows_pieces_ids_and_counts(small):
    found = pieces.pieces_of(small, "the bears")

    assert pieces.as_terminal("the bears", found, colour=False) == (
        "|[CLS]|the| |bear|s|[SEP]|\n\n2 5 6 7 3\n\n5 tokens, 9 characters, 9 bytes, 3.00 characters a token"
    )
    coloured = pieces.as_terminal("the bears", found, colour=True)
    assert re.sub("\x1b\\[[0-9;]*m", "", coloured).startswith("[CLS]the bears[SEP]\n")
    assert coloured.count("\x1b[0m") == 5


HOSTILE = '</b></pre><script>alert(1)</script>" onfocus="alert(2)\' {{title}} <!-- &lt; \x00\x1b[31m \u202eevil\u202c'


def test_a_page_holds_no_mark_up_but_its_own(small):
    """What the text, its name and the model's name hold can neither become mark-up nor turn the page's direction."""
    page = pieces.as_html(HOSTILE, pieces.pieces_of(small, HOSTILE), HOSTILE, HOSTILE)
    page = re.sub(r'<b class="\w+"( data-\w="[^"<>]*")+>', "", page)

    assert "<script>alert" not in page
    assert page.count("<script>") == page.count("</script>") == page.count("<pre ") == page.count("<h1>") == 1
    assert "&lt;script&gt;alert" in page.replace("</b>", "")
    assert '" onfocus="' not in page
    assert not {"\x00", "\x1b", "\u202e", "\u202c"} & set(page)
    assert page.replace("</b>", "").count("{{title}}") == 4  # once in the text, three times in the names
    assert "script-src 'sha256-" in page


def test_a_page_needs_nothing_else(small):
    page = pieces.as_html("the", pieces.pieces_of(small, "the"), "m", "t")

    assert not re.findall(r"""(?:src|href)=|url\(|@import|https?:""", page)


def test_a_page_of_a_long_text_says_what_it_shows(small, monkeypatch):
    monkeypatch.setattr(pieces, "SHOWN", 10)
    text = "hug " * 30
    page = pieces.as_html(text, pieces.pieces_of(small, text), "m", "t")

    assert "The first 10 of 32 tokens are shown: characters 0 to 35." in page
    assert "32 tokens, 120 characters" in page
    assert len(re.findall('<b class="', page)) == 10


def test_the_page_is_well_read_in_light_and_dark():
    """Contrast of text on each ground, as WCAG counts it: 7 for the text, 4.5 for what is small."""
    style = pieces.PAGE.read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        colours = dict(re.findall(r"--([\w]+): (#[0-9a-f]{3,6})", block))
        grounds = [colours[name] for name in colours if re.fullmatch(r"c\d|special|added|unknown|ground|panel", name)]
        assert len(grounds) == 11
        for ground in grounds:
            assert contrast(colours["ink"], ground) >= 7, ground
            assert contrast(colours["quiet"], ground) >= 4.5, ground
        assert contrast(colours["focus"], colours["ground"]) >= 3


def contrast(a: str, b: str) -> float:
    def light(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
        parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, bright = sorted((light(a), light(b)))
    return (bright + 0.05) / (dark + 0.05)
