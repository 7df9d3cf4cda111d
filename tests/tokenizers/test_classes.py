"""Every class by its name: defaults, and what it makes of vocabulary files and a tokenizer.json, as the reference."""

import pickle

import pytest

from bearhug.tokenizers import classes, file
from bearhug.tokenizers.auto import tokenizer_class
from tokenizer_folders import bpe, write
from tokenizer_sameness import assert_same
from vocabulary_folders import byte_level, suffixed, wordpiece

TEXTS = [
    "Hello world, it's Élan 日本 1234!",
    "<s> would</s><mask>[MASK] <|endoftext|>x",
    " two  blanks\n",
    "",
    "a [CLS] b",
]
REFERENCE = pytest.mark.reference


CASES = [
    ("GPT2Tokenizer", byte_level, {}),
    ("GPT2Tokenizer", byte_level, {"add_prefix_space": True, "add_bos_token": True}),
    ("CodeGenTokenizer", byte_level, {}),
    ("CodeGenTokenizer", byte_level, {"add_prefix_space": True}),
    ("WhisperTokenizer", byte_level, {}),
    ("RobertaTokenizer", byte_level, {}),
    ("RobertaTokenizer", byte_level, {"add_prefix_space": True, "trim_offsets": False}),
    ("BartTokenizer", byte_level, {}),
    ("BlenderbotTokenizer", byte_level, {}),
    ("DebertaTokenizer", byte_level, {}),
    ("GPTNeoXTokenizer", byte_level, {"add_bos_token": True}),
    ("Qwen2Tokenizer", byte_level, {}),
    ("CohereTokenizer", byte_level, {"add_bos_token": True}),
    ("NougatTokenizer", byte_level, {}),
    ("CLIPTokenizer", suffixed, {}),
    ("OpenAIGPTTokenizer", suffixed, {}),
    ("HerbertTokenizer", suffixed, {}),
    ("BertTokenizer", wordpiece, {}),
    ("BertTokenizer", wordpiece, {"do_lower_case": False}),
    ("DistilBertTokenizer", wordpiece, {}),
    ("ElectraTokenizer", wordpiece, {}),
    ("FunnelTokenizer", wordpiece, {}),
    ("MPNetTokenizer", wordpiece, {}),
    ("MPNetTokenizer", wordpiece, {"do_lower_case": False, "strip_accents": True}),
    ("SplinterTokenizer", wordpiece, {}),
    ("SplinterTokenizer", wordpiece, {"padding_side": "left"}),
]


@REFERENCE
@pytest.mark.parametrize(("name", "make", "config"), CASES, ids=lambda v: getattr(v, "__name__", str(v)))
class TestFolders:
    def test_vocabulary_files(self, name, make, config, tmp_path):
        from transformers.models.auto.tokenization_auto import tokenizer_class_from_name as find

        folder = make(tmp_path / "files", config | {"tokenizer_class": name})
        known = {"ElectraTokenizer": "BertTokenizer"}.get(name, name)
        theirs, ours = find(known).from_pretrained(folder), tokenizer_class(name).from_pretrained(folder)
        assert_same(ours, theirs, TEXTS)

        ours.save_pretrained(tmp_path / "ours")  # both read what either has written
        theirs.save_pretrained(tmp_path / "theirs")
        for saved in ("ours", "theirs"):
            again = tokenizer_class(name).from_pretrained(tmp_path / saved)
            assert_same(again, find(known).from_pretrained(tmp_path / saved), TEXTS)
        assert pickle.loads(pickle.dumps(ours))(TEXTS).data == ours(TEXTS).data

    def test_vocabulary_in_the_constructor(self, name, make, config, tmp_path):
        folder = make(tmp_path / "files", config)
        loaded = tokenizer_class(name).from_pretrained(folder)
        files = loaded.kind.files
        paths = dict(zip(("vocab_file", "merges_file"), [folder / filename for filename in files], strict=False))
        made = tokenizer_class(name)(**paths, **config)
        assert made(TEXTS).data == loaded(TEXTS).data
        contents = dict(zip(("vocab", "merges"), paths.values(), strict=False))
        if "merges" in contents:
            contents = {"vocab": file.read_vocab(contents["vocab"]), "merges": file.read_merges(contents["merges"])}
        assert tokenizer_class(name)(**contents, **config)(TEXTS).data == loaded(TEXTS).data


@REFERENCE
def test_defaults_are_the_references():
    from transformers.models.auto.tokenization_auto import tokenizer_class_from_name as find

    for name, kind in classes.CLASSES.items():
        theirs = find(name)
        ours = tokenizer_class(name)
        if kind is classes.RAG:  # two tokenizers in one, neither library's base class
            continue
        assert ours.padding_side == theirs.padding_side, name
        differ = {"DistilBertTokenizer"}  # the reference's gives no token types either
        if name not in differ:
            assert ours.model_input_names == list(theirs.model_input_names), name
        files = {key: value for key, value in theirs.vocab_files_names.items() if key != "tokenizer_file"}
        wanted = {files[key] for key in ("vocab_file", "merges_file") if key in files}
        assert wanted <= {*kind.files, *files.values()}, name


@REFERENCE
def test_the_mapping_of_model_types_is_the_references():
    from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

    same = {"TokenizersBackend": "PreTrainedTokenizerFast", "MistralCommonBackend": "PreTrainedTokenizerFast"}
    for model_type, name in TOKENIZER_MAPPING_NAMES.items():
        if name is None or model_type == "distilbert":  # whose model reads no token types
            continue
        name = same.get(name, name.removesuffix("Fast"))
        ours = classes.OF_MODEL_TYPE[model_type]
        assert classes.SAME_AS.get(ours, ours) == classes.SAME_AS.get(name, name), model_type


@REFERENCE
def test_clip_on_its_real_vocabulary(shared, tmp_path):
    """OpenAI's file: 49,152 merges less those of other languages, a vocabulary that follows from them."""
    import gzip

    import transformers

    lines = gzip.decompress((shared / "vocab/clip/bpe_simple_vocab_16e6.txt.gz").read_bytes()).decode().split("\n")
    merges = lines[1 : 49152 - 256 - 2 + 1]
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(b) for b in plain] + [chr(256 + i) for i in range(256 - len(plain))]
    words = [*letters, *(f"{c}</w>" for c in letters), *("".join(m.split()) for m in merges)]
    vocab = {word: i for i, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}
    folder = write(tmp_path / "clip", vocab__json=vocab, merges__txt="#version: 0.2\n" + "\n".join(merges))
    ours, theirs = (
        tokenizer_class("CLIPTokenizer").from_pretrained(folder),
        transformers.CLIPTokenizer.from_pretrained(folder),
    )
    assert_same(ours, theirs, TEXTS, parts=False)
    assert ours("a photo of a cat")["input_ids"] == [49406, 320, 1125, 539, 320, 2368, 49407]
    assert (
        ours.decode(ours("A Photo, of a cat's tail")["input_ids"], skip_special_tokens=True)
        == "a photo , of a cat 's tail"
    )


@REFERENCE
def test_codegen_cuts_what_it_decodes(tmp_path):
    import transformers

    folder = byte_level(tmp_path, {})
    ours = tokenizer_class("CodeGenTokenizer").from_pretrained(folder)
    theirs = transformers.CodeGenTokenizer.from_pretrained(folder)
    for text in ("def a():\n  x\n# b\ndef c()", "print(1)\nprint(2)\n'''", "def a\ndef b\n#"):
        ids = ours(text)["input_ids"]
        for patterns in (["^#"], ["^'''", "^#"], None):
            said = {"truncate_before_pattern": patterns}
            assert ours.decode(ids, **said) == theirs.decode(ids, **said)
    typed = tokenizer_class("CodeGenTokenizer").from_pretrained(folder, return_token_type_ids=True)
    assert list(typed("a")) == ["input_ids", "token_type_ids", "attention_mask"]


def test_a_bpe_vocabulary_alone_implies_its_merges():
    vocab, merges = bpe(["<unk>", "<s>", "</s>"], ["▁the", "▁hot"], [*"thehot", "▁"])
    llama = tokenizer_class("LlamaTokenizer")

    assert llama(vocab=vocab)("the hot").data == llama(vocab=vocab, merges=merges)("the hot").data


def test_nothing_to_be_made_from_is_an_error():
    for name in ("T5Tokenizer", "LlamaTokenizer", "BertTokenizer"):
        with pytest.raises(ValueError, match=rf"{name}\(\) has nothing to be made from"):
            tokenizer_class(name)()


def test_a_wrong_vocabulary_for_unigram_is_an_error(tmp_path):
    path = tmp_path / "vocab.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"T5Tokenizer is made from a SentencePiece model \(spiece.model\)"):
        tokenizer_class("T5Tokenizer")(path)
