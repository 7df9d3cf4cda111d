"""Classes that find words in their own way: BPE inside of words, Japanese, ProphetNet, proteins."""

import pytest

from bearhug import AutoTokenizer
from bearhug.tokenizers.auto import tokenizer_class
from python_tokenizer_sameness import assert_kept, assert_same, find
from tokenizer_folders import WORDS, write

REFERENCE = pytest.mark.reference
TEXTS = [
    "Hello world, it's the hot water 1234!",
    "<s> would</s>  <pad>the <unk>x",
    " two  blanks\nnew",
    "",
    "A [SEP]the",
]
TEXTS += ["what's (some) other. Élan 日本", "a"]


def word_bpe(folder, marked, suffix=False, counted=False, first=(), **config):
    """Merges that grow each word from the left; pieces as the class writes them."""
    letters = [chr(c) for c in range(33, 127)]
    merges, pieces = [], dict.fromkeys(letters)
    for word in filter(str.isascii, WORDS):
        for end in range(2, len(word) + 1):
            last = end == len(word)
            merges.append((word[: end - 1], word[end - 1] + ("</w>" if last else "")))
            pieces[word[:end]] = None
    merges = list(dict.fromkeys(merges))
    vocab = dict.fromkeys(first)
    for piece in pieces:
        vocab |= dict.fromkeys([piece, f"{piece}</w>"] if suffix else [piece, f"{piece}@@"])
    lines = [" ".join(merge) + (" 1" if counted else "") for merge in merges]
    if counted:
        write(folder, vocab__txt="".join(f"{word} 1\n" for word in vocab), tokenizer_config__json=config)
        (folder / "bpe.codes").write_text("\n".join(lines) + "\n")
        return folder
    head = ["#version: 0.2"] if marked else []
    numbered = {token: id for id, token in enumerate(vocab)}
    return write(
        folder, vocab__json=numbered, merges__txt="\n".join([*head, *lines]) + "\n", tokenizer_config__json=config
    )


SMALL = ("__null__", "__start__", "__end__", "__unk__", "__newln__")
MAKES = {
    "CTRLTokenizer": lambda folder: word_bpe(folder, True, first=("<unk>",)),
    "BlenderbotSmallTokenizer": lambda folder: word_bpe(folder, True, first=SMALL),
    "PhobertTokenizer": lambda folder: word_bpe(folder, False, counted=True),
    "BertweetTokenizer": lambda folder: word_bpe(folder, False, counted=True),
    "BioGptTokenizer": lambda folder: word_bpe(folder, False, suffix=True, first=("<s>", "<pad>", "</s>", "<unk>")),
}


@REFERENCE
@pytest.mark.parametrize("name", list(MAKES))
def test_bpe_inside_of_words(name, tmp_path):
    if name == "BioGptTokenizer":
        pytest.importorskip("sacremoses", reason="the class needs it")
    folder = MAKES[name](tmp_path / "f")
    ours, theirs = tokenizer_class(name).from_pretrained(folder), find(name).from_pretrained(folder)
    assert_same(ours, theirs, TEXTS)
    if name in ("PhobertTokenizer", "BertweetTokenizer"):  # what the reference saves of these, it cannot read again
        ours.save_pretrained(tmp_path / "ours")
        again = [f(name).from_pretrained(tmp_path / "ours") for f in (tokenizer_class, find)]
        assert all(dict(tokenizer(text)) == dict(ours(text)) for tokenizer in again for text in TEXTS)
    else:
        assert_kept(ours, theirs, tmp_path, TEXTS)
    if name == "CTRLTokenizer":
        assert ours.control_codes == theirs.control_codes


def test_bertweets_normalization_says_what_it_needs(tmp_path):
    tokenizer = tokenizer_class("BertweetTokenizer").from_pretrained(
        MAKES["BertweetTokenizer"](tmp_path), normalization=True
    )
    try:
        import nltk  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match="pip install nltk emoji"):
            tokenizer("@somebody look")
    else:
        assert tokenizer.normalizeTweet("@somebody look http://x.y") == "@USER look HTTPURL"


PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[X_SEP]"]
PIECES += [w for word in filter(str.isascii, WORDS) for w in (word.lower(), f"##{word.lower()}")]
PIECES += [c for code in range(33, 127) for c in (chr(code), f"##{chr(code)}")] + [
    *"日本語のテキスト猫は",
    "##本",
    "##語",
]


def lines(folder, filename, **config):
    write(folder, tokenizer_config__json=config)
    (folder / filename).write_text("".join(f"{piece}\n" for piece in dict.fromkeys(PIECES)), encoding="utf-8")
    return folder


@REFERENCE
@pytest.mark.parametrize("config", [{}, {"do_lower_case": False}, {"strip_accents": False}], ids=str)
def test_prophetnet(config, tmp_path):
    folder = lines(tmp_path / "f", "prophetnet.tokenizer", **config)
    ours, theirs = (f("ProphetNetTokenizer").from_pretrained(folder) for f in (tokenizer_class, find))
    assert_same(ours, theirs, [*TEXTS, "x" * 120, "日本語 é e\u0301"])
    assert_kept(ours, theirs, tmp_path, TEXTS)


@REFERENCE
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"do_lower_case": True},
        {"subword_tokenizer_type": "character"},
        {"do_word_tokenize": False},
        {"do_subword_tokenize": False},
    ],
    ids=str,
)
def test_japanese_without_an_analyser(config, tmp_path):
    folder = lines(tmp_path / "f", "vocab.txt", **config)
    ours, theirs = (f("BertJapaneseTokenizer").from_pretrained(folder) for f in (tokenizer_class, find))
    texts = [*TEXTS, "日本語のテキスト。", "猫は ﾃｷｽﾄ"]
    assert_same(ours, theirs, texts)
    assert_kept(ours, theirs, tmp_path, texts)


@REFERENCE
def test_japanese_upon_a_sentencepiece_model(models, tmp_path):
    import shutil

    config = {"subword_tokenizer_type": "sentencepiece", "word_tokenizer_type": "basic", "do_word_tokenize": False}
    write(tmp_path, tokenizer_config__json=config)
    shutil.copy(models["unigram"], tmp_path / "spiece.model")
    ours = tokenizer_class("BertJapaneseTokenizer").from_pretrained(tmp_path)
    theirs = find("BertJapaneseTokenizer").from_pretrained(tmp_path)
    for text in [*TEXTS, "日本語のテキスト"]:
        assert dict(ours(text)) == dict(theirs(text))


@REFERENCE
@pytest.mark.parametrize("analyser", ["mecab", "sudachi", "jumanpp"])
def test_an_analyser_that_is_not_there_is_named(analyser, tmp_path):
    library = {"mecab": "fugashi", "sudachi": "sudachipy", "jumanpp": "rhoknp"}[analyser]
    folder = lines(tmp_path / "f", "vocab.txt", word_tokenizer_type=analyser)
    try:
        __import__(library)
    except ImportError:
        with pytest.raises(ImportError, match=f"pip install {library}"):
            tokenizer_class("BertJapaneseTokenizer").from_pretrained(folder)
        return
    ours, theirs = (f("BertJapaneseTokenizer").from_pretrained(folder) for f in (tokenizer_class, find))
    assert dict(ours("日本語のテキスト")) == dict(theirs("日本語のテキスト"))


@REFERENCE
def test_proteins(tmp_path):
    tokens = "<cls> <pad> <eos> <unk> L A G V S E R T I D P K Q N F Y M H W C X B U Z O . - <mask>".split()
    folder = tmp_path / "f"
    write(folder, vocab__txt="\n".join(tokens), config__json={"model_type": "esm"})
    ours, theirs = tokenizer_class("EsmTokenizer").from_pretrained(folder), find("EsmTokenizer").from_pretrained(folder)
    texts = ["MKTAYIAK", "M K<mask> T", "xyz", "", "L-A.<eos>G"]
    assert_same(ours, theirs, texts)
    assert_kept(ours, theirs, tmp_path, texts)
    assert type(AutoTokenizer.from_pretrained(folder)) is type(ours)
