"""Rare classes in Python: what Moses cuts, what speaks, Chinese and Japanese, bytes that are rewritten."""

import json
import pickle
import shutil

import pytest

from bearhug.tokenizers.auto import tokenizer_class
from python_tokenizer_sameness import ATTRIBUTES, assert_kept, assert_same, find
from tokenizer_folders import WORDS, byte_bpe, write
from vocabulary_folders import PIECES, word_bpe

pytestmark = pytest.mark.reference
TEXTS = [
    "Hello world, it's the hot water 1234!",
    "<s> would</s>  <pad>the <unk>x",
    " two  blanks\nnew",
    "what's (some) other. Élan 日本 … “quoted” – dash－full，width。",
    "a",
    "e\u0301té\u200b naïve Ünï",
]
XLM_FIRST = ("<s>", "</s>", "<pad>", "<unk>", *(f"<special{i}>" for i in range(10)))


def both(name, folder):
    return tokenizer_class(name).from_pretrained(folder), find(name).from_pretrained(folder)


def assert_read_back(ours, folder, texts):
    """What is saved, both libraries read as the same; it can be pickled."""
    ours.save_pretrained(folder / "ours")
    for again in (*both(type(ours).__name__, folder / "ours"), pickle.loads(pickle.dumps(ours))):
        assert all(dict(again(text)) == dict(ours(text)) for text in texts)


def fsmt(folder, **config):
    word_bpe(folder, False, suffix=True, first=("<s>", "<pad>", "</s>", "<unk>"), langs=["en", "de"], **config)
    vocab = json.loads((folder / "vocab.json").read_text())
    (folder / "vocab.json").rename(folder / "vocab-src.json")
    return write(folder, **{"vocab-tgt__json": dict(zip(vocab, range(1, 9999), strict=False))})


class TestMoses:
    @pytest.fixture(autouse=True)
    def _needs(self):
        pytest.importorskip("sacremoses", reason="sacremoses is not installed, which these classes need")

    @pytest.mark.parametrize(
        ("name", "config"),
        [
            ("XLMTokenizer", {}),
            ("XLMTokenizer", {"do_lowercase_and_remove_accent": False, "lang2id": {"en": 0}, "id2lang": {"0": "en"}}),
            ("FlaubertTokenizer", {}),
            ("FlaubertTokenizer", {"do_lowercase": True}),
        ],
    )
    def test_xlm(self, name, config, tmp_path):
        ours, theirs = both(name, word_bpe(tmp_path / "f", False, suffix=True, first=XLM_FIRST, **config))
        assert_same(ours, theirs, TEXTS)
        if name == "XLMTokenizer":
            for language in ("de", "ro", "fr"):
                text = "Ţara ş-a făcut “quelque chose”, das ist's."
                assert ours._tokenize(text, lang=language) == theirs._tokenize(text, lang=language)
            pytest.importorskip("rjieba", reason="rjieba is not installed, which XLM's Chinese needs")
            assert ours._tokenize("你好，世界", lang="zh") == theirs._tokenize("你好，世界", lang="zh")
        assert ours._tokenize("a b  the", bypass_tokenizer=True) == theirs._tokenize("a b  the", bypass_tokenizer=True)
        assert (ours.lang2id, ours.do_lower_case) == (theirs.lang2id, theirs.do_lower_case)
        assert_kept(ours, theirs, tmp_path, TEXTS)

    @pytest.mark.parametrize("config", [{}, {"do_lower_case": True}])
    def test_two_vocabularies(self, config, tmp_path):
        ours, theirs = both("FSMTTokenizer", fsmt(tmp_path / "f", **config))
        assert_same(ours, theirs, TEXTS)
        assert set(ours.decoder_of_ids) < set(ours.get_tgt_vocab())  # the reference's raises TypeError
        assert (ours.src_vocab_size, ours.tgt_vocab_size) == (theirs.src_vocab_size, theirs.tgt_vocab_size)
        assert_kept(ours, theirs, tmp_path, TEXTS)
        files = [tmp_path / "f" / name for name in ("vocab-src.json", "vocab-tgt.json", "merges.txt")]
        made = tokenizer_class("FSMTTokenizer")(["en", "de"], *files)
        assert made("Hello world").data == find("FSMTTokenizer")(["en", "de"], *files)("Hello world").data
        with pytest.raises(ValueError, match="two languages"):
            tokenizer_class("FSMTTokenizer")(None, *files)


def test_letters_of_a_picture(tmp_path):
    letters = {letter: id for id, letter in enumerate(["[GO]", "[s]", *"abcdefghijklmnopqrstuvwxyz0123"])}
    ours, theirs = both("MgpstrTokenizer", write(tmp_path / "f", vocab__json=letters))
    assert_same(ours, theirs, TEXTS)
    assert_kept(ours, theirs, tmp_path, TEXTS)


@pytest.mark.filterwarnings("ignore:This sequence already has", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_rewritten_bytes(tmp_path):
    maps = {
        "decompose_map": {"c3 a9": "65 cc 81", "41": "fa 61", "48": "fa 68"},
        "merge_map": {"61 62": "a0", "74 68 65": "a1 a2", "74 68": "a3", "65 cc 81": "a4"},
    }
    ours, theirs = both("MyT5Tokenizer", write(tmp_path / "f", byte_maps__json=maps))
    texts = [*TEXTS, "thethth abab Ab é", "<extra_id_3> x"]
    assert dict(ours("the</s>")) == dict(theirs("the</s>"))  # its special_tokens_mask has one place too many
    assert_same(ours, theirs, texts)
    assert_kept(ours, theirs, tmp_path, texts)


SPOKEN = [
    "Dr. Smith has $12.50 in 1999, 2001 & 2000; £3,000 or 1,234,567.89!",
    "the 1st, 22nd, 13th of 2105",
    '"Mr." x',
]
SPOKEN += ["$0 $1 $0.01 $1.2.3 $5.01", "12345678901234567890 is 1000000 and 21", "Ünïcode \t tabs\x1c"]


def clvp(folder):
    vocab, merges = byte_bpe(["[STOP]", "[UNK]", "[SPACE]", "<|endoftext|>"])
    return write(folder, vocab__json=vocab, merges__txt="#version: 0.2\n" + "\n".join(merges) + "\n")


def test_spoken_english(tmp_path):
    ours, theirs = both("ClvpTokenizer", clvp(tmp_path / "f"))
    assert_same(ours, theirs, [*TEXTS[2:], *SPOKEN])
    assert_read_back(ours, tmp_path, [*TEXTS, *SPOKEN])  # what the reference saves of it lacks a merge
    for number in (0, 7, 13, 20, 45, 100, 110, 999, 1000, 1001, 1900, 1905, 2009, 2010, 3000, 10**6 + 5, 10**18):
        assert ours.tokenize(f"{number} {number}th") == theirs.tokenize(f"{number} {number}th")


VOICES = [{"phonemize": False}, {"phonemize": False, "add_blank": False}]
VOICES += [{"phonemize": False, "normalize": False}, {"phonemize": False, "language": "ron"}]


@pytest.mark.parametrize("config", VOICES, ids=str)
def test_letters_with_blanks(config, tmp_path):
    letters = {letter: id for id, letter in enumerate(["<pad>", *"abcdefghijklmnopqrstuvwxyz' ţéÉ", "<unk>"])}
    ours, theirs = both("VitsTokenizer", write(tmp_path / "f", vocab__json=letters, tokenizer_config__json=config))
    texts = [*TEXTS, "Țară ț", "ÉÉ<unk>É"]
    assert_same(ours, theirs, texts)
    assert ours.tokenize("ABC d", normalize=False) == theirs.tokenize("ABC d", normalize=False)
    assert_kept(ours, theirs, tmp_path, texts)


def test_letters_of_other_scripts(tmp_path):
    pytest.importorskip("uroman", reason="uroman is not installed, which VITS needs for other scripts")
    letters = {letter: id for id, letter in enumerate(["<pad>", *"abcdefghijklmnopqrstuvwxyz' ", "<unk>"])}
    config = {"phonemize": False, "is_uroman": True}
    ours, theirs = both("VitsTokenizer", write(tmp_path / "f", vocab__json=letters, tokenizer_config__json=config))
    assert dict(ours("Привет мир")) == dict(theirs("Привет мир"))


SOUNDS = ["<pad>", "<s>", "</s>", "<unk>", "h", "ə", "l", "oʊ", "w", "ɜː", "d", "|"]


@pytest.mark.parametrize("config", [{}, {"word_delimiter_token": "|"}], ids=str)
def test_sounds(config, tmp_path):
    config = {"do_phonemize": False} | config
    vocab = {sound: id for id, sound in enumerate(SOUNDS)}
    folder = write(tmp_path / "f", vocab__json=vocab, tokenizer_config__json=config)
    ours, theirs = both("Wav2Vec2PhonemeCTCTokenizer", folder)
    texts = ["h ə l oʊ | w ɜː l d |", "h  x <pad> ə", "hə"]
    for text in texts:
        assert dict(ours(text)) == dict(theirs(text))
        assert ours.tokenize(text) == theirs.tokenize(text)
    for name in (*ATTRIBUTES, "word_delimiter_token", "phone_delimiter_token", "word_delimiter_token_id"):
        assert getattr(ours, name) == getattr(theirs, name), name
    frames = [4, 4, 0, 4, 5, 5, 11, 6, 6, 0, 6, 7, 11, 2, 99]
    for said in (
        {},
        {"group_tokens": False},
        {"filter_word_delimiter_token": False},
        {"skip_special_tokens": True},
        {"output_char_offsets": True},
        {"output_char_offsets": True, "filter_word_delimiter_token": False},
    ):
        mine, other = ours.decode(frames, **said), theirs.decode(frames, **said)
        if said.get("output_char_offsets"):
            assert (mine.text, mine.char_offsets) == (other.text, other.char_offsets)
            many, others = ours.batch_decode([frames] * 2, **said), theirs.batch_decode([frames] * 2, **said)
            assert (many.text, many.char_offsets) == (others["text"], others["char_offsets"])
        else:
            assert mine == other
            assert ours.batch_decode([frames, frames[:3]], **said) == theirs.batch_decode([frames, frames[:3]], **said)
    ours.save_pretrained(tmp_path / "ours")
    assert dict(both("Wav2Vec2PhonemeCTCTokenizer", tmp_path / "ours")[1](texts[0])) == dict(ours(texts[0]))
    assert dict(pickle.loads(pickle.dumps(ours))(texts[0])) == dict(ours(texts[0]))


@pytest.mark.parametrize("config", [{}, {"keep_accents": True, "do_lower_case": True, "remove_space": False}], ids=str)
def test_cpm(config, models, tmp_path):
    pytest.importorskip("rjieba", reason="rjieba is not installed, which the reference's CpmTokenizer needs")
    write(tmp_path / "f", tokenizer_config__json=config)
    shutil.copy(models["unigram"], tmp_path / "f" / "spiece.model")
    ours, theirs = both("CpmTokenizer", tmp_path / "f")
    texts = [*TEXTS, "it is 1,234, and 5,", "\u2582 x\u2583"]
    assert_same(ours, theirs, texts)
    assert_kept(ours, theirs, tmp_path, texts)


def test_vietnamese_pieces(models, tmp_path):
    from bearhug.tokenizers import sentencepiece

    pieces = [piece for piece, _ in sentencepiece.read(models["unigram"]).pieces][3:120]
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "dict.txt").write_text("".join(f"{piece} 7\n" for piece in pieces if piece.strip()))
    shutil.copy(models["unigram"], tmp_path / "f" / "sentencepiece.bpe.model")
    ours, theirs = both("BartphoTokenizer", tmp_path / "f")
    assert_same(ours, theirs, TEXTS)
    assert_kept(ours, theirs, tmp_path, TEXTS)


def test_pieces_of_chinese_words(tmp_path):
    pytest.importorskip("rjieba", reason="rjieba is not installed, which CpmAntTokenizer needs")
    words = ["<pad>", "<unk>", "<s>", "</s>", "<d>", "</d>", "</_>", "</n>", *"你好世界的", "你好", "世界", *"abcdeh"]
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "vocab.txt").write_text("".join(f"{word}\n" for word in dict.fromkeys([*words, *WORDS])))
    ours, theirs = both("CpmAntTokenizer", tmp_path / "f")
    texts = [*TEXTS, "你好，世界的 a\nb", "x" * 201]
    assert_same(ours, theirs, texts)
    for name in ("bod_token_id", "eod_token_id", "newline_id"):
        assert getattr(ours, name) == getattr(theirs, name)
    assert_read_back(ours, tmp_path, texts)  # the reference loses blanks when it saves


@pytest.mark.parametrize("config", [{}, {"do_lower_case": False}, {"do_basic_tokenize": False}], ids=str)
def test_shapes_and_sounds(config, tmp_path):
    pieces = list(dict.fromkeys(PIECES))
    shapes = {piece: id + 5 for id, piece in enumerate(pieces) if id % 7}
    shapes["[UNK]"] = 3
    sounds = {piece: 2 * id for id, piece in enumerate(pieces) if id % 5}
    folder = write(
        tmp_path / "f", word_shape__json=shapes, word_pronunciation__json=sounds, tokenizer_config__json=config
    )
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces))
    ours, theirs = both("RoCBertTokenizer", folder)
    texts = [*TEXTS, "日本語 hello[SEP]water", "猫"]
    assert_same(ours, theirs, texts)
    if "do_basic_tokenize" in config:  # the reference cannot save this one
        return
    assert_kept(ours, theirs, tmp_path, texts)


NEOX = ["<|endoftext|>", "<|startoftext|>", "日本,ニホン", "本", "日", "語", "の", "<SP>", "<BR>", "<TAB>", "<BLOCK>"]
NEOX += ["<URL>", "<EMAIL>", "<TEL>", "<DATE>", "<PRICE>", "<KIGOU>", "<U2000U2BFF>", "<|emoji1|>", "<|emoji2|>"]
NEOX += [*"abcdefghi", "ab", ",", *(f"<|byte{byte}|>" for byte in range(256))]
JAPANESE = [
    "日本語の ab\u3000x\n\tニホン—😀",
    "http://x.y/z?q=1 me@mail.jp 03-1234-5678 2023年1月5日10時",
    "─━│ ▀▁ ¡ ‖ ǀ é",
]
JAPANESE += ["平成3年1月2日(月) 3,000円(税込) 5億円 1万ドル", "<SP><x", "a" * 5, "1/2 12:30 令和元年"]


@pytest.mark.parametrize("clean", [False, True])
def test_japanese_with_variants(clean, tmp_path):
    emoji = {"emoji": {"😀": "<|emoji1|>", "😎": "<|emoji2|>"}, "emoji_inv": {"<|emoji1|>": "😀", "<|emoji2|>": "😎"}}
    folder = write(tmp_path / "f", emoji__json=emoji, tokenizer_config__json={"do_clean_text": clean})
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in NEOX))
    ours, theirs = both("GPTNeoXJapaneseTokenizer", folder)
    texts = [*TEXTS, *JAPANESE]
    assert_same(ours, theirs, texts)
    assert_kept(ours, theirs, tmp_path, texts)
