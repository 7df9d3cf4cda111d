"""A folder gives the tokenizer that the reference makes of it: every class, generation of files and option."""

import json
import logging
import pickle
import shutil

import pytest

import bearhug
from bearhug import AutoTokenizer, PreTrainedTokenizerFast
from bearhug.tokenizers.auto import tokenizer_class

TEXTS = ["Hello world, it's   Élan 日本 1234", "<s> would</s><mask>[MASK] <|endoftext|>", " leading", ""]
KEYS = ("model_input_names", "padding_side", "truncation_side", "model_max_length", "special_tokens_map")
KEYS += ("all_special_ids", "extra_special_tokens", "chat_template", "clean_up_tokenization_spaces")


def change(folder, file="tokenizer_config.json", remove=(), **entries):
    """Change entries of a JSON file of the folder (made where there is none)."""
    path = folder / file
    content = json.loads(path.read_text()) if path.exists() else {}
    for key in remove:
        content.pop(key, None)
    path.write_text(json.dumps(content | entries))


@pytest.fixture
def folder(folders, tmp_path):
    """A copy of a small tokenizer's folder, to be changed."""

    def copy(name):
        shutil.copytree(folders[name], tmp_path / name)
        return tmp_path / name

    return copy


def assert_same(folder, **kwargs):
    from transformers import AutoTokenizer as Theirs

    ours, theirs = AutoTokenizer.from_pretrained(folder, **kwargs), Theirs.from_pretrained(folder, **kwargs)
    for key in KEYS:
        assert getattr(ours, key) == getattr(theirs, key), key
    for special in (True, False):
        a = ours(TEXTS, TEXTS, add_special_tokens=special, return_offsets_mapping=True)
        b = theirs(TEXTS, TEXTS, add_special_tokens=special, return_offsets_mapping=True)
        assert dict(a) == dict(b)
        assert [ours.decode(ids) for ids in a["input_ids"]] == [theirs.decode(ids) for ids in b["input_ids"]]
    assert ours.get_added_vocab() == theirs.get_added_vocab()
    return ours, theirs


OPTIONS = {
    "bert": [
        {"do_lower_case": False},
        {"strip_accents": True, "do_lower_case": False},
        {"strip_accents": False},
        {"tokenize_chinese_chars": False},
        {"unk_token": "[MASK]"},
        {"cls_token": "[SEP]"},
    ],
    "gpt2": [{"add_prefix_space": True}, {"add_bos_token": True}, {"pad_token": "<pad>"}, {"bos_token": "<bos>"}],
    "roberta": [{"add_prefix_space": True}, {"trim_offsets": False}, {"mask_token": "<MASK>"}],
    "llama2": [
        {"legacy": True},
        {"legacy": False},
        {"add_prefix_space": False},
        {"add_eos_token": True},
        {"add_bos_token": True, "add_eos_token": True},
        {"add_bos_token": False},
    ],
    "llama3": [
        {"add_prefix_space": True},
        {"add_bos_token": False},
        {"add_eos_token": True},
        {"eos_token": "<|end_of_text|>"},
    ],
    "qwen2": [{"add_prefix_space": True}, {"split_special_tokens": True}, {"extra_special_tokens": ["<a>", "<b>"]}],
}


@pytest.mark.reference
@pytest.mark.parametrize(
    ("name", "options"), [(name, options) for name in OPTIONS for options in OPTIONS[name]], ids=str
)
class TestOptions:
    def test_as_keyword(self, name, options, folder):
        assert_same(folder(name), **options)

    def test_in_the_config(self, name, options, folder):
        path = folder(name)
        change(path, **options)
        assert_same(path)


@pytest.mark.reference
class TestFolders:
    """What a folder may hold."""

    @pytest.mark.parametrize("name", list(OPTIONS))
    def test_plain(self, name, folder):
        assert_same(folder(name))

    @pytest.mark.parametrize("name", list(OPTIONS))
    def test_general_keywords(self, name, folder):
        path = folder(name)
        assert_same(path, padding_side="left", truncation_side="left", model_max_length=77, use_fast=True)
        assert_same(path, pad_token="[PAD]", model_input_names=["input_ids"], clean_up_tokenization_spaces=True)
        assert_same(path, chat_template="{{ messages }}")

    @pytest.mark.parametrize(
        "declared",
        ["BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "DistilBertTokenizerFast", "ElectraTokenizer"],
    )
    def test_bert_by_other_names(self, declared, folder):
        path = folder("bert")
        change(path, tokenizer_class=declared)
        assert_same(path)

    @pytest.mark.parametrize("declared", ["RobertaTokenizerFast", "BartTokenizer", "GPT2Tokenizer", "GPTNeoXTokenizer"])
    @pytest.mark.parametrize("model_type", ["roberta", "bart", "gpt_neox", "llama", "olmo2", "no-such-type"])
    def test_declared_class_against_model_type(self, declared, model_type, folder):
        path = folder("roberta")
        change(path, tokenizer_class=declared)
        change(path, "config.json", model_type=model_type)
        assert_same(path)

    @pytest.mark.parametrize("declared", ["LlamaTokenizer", "PreTrainedTokenizerFast", "Qwen2Tokenizer", None])
    @pytest.mark.parametrize("model_type", ["qwen2", "qwen3", "llama", "mistral", "phi3", "gpt2"])
    def test_byte_level_by_other_names(self, declared, model_type, folder):
        path = folder("llama3")
        change(path, remove=["tokenizer_class"], **({"tokenizer_class": declared} if declared else {}))
        change(path, "config.json", model_type=model_type)
        assert_same(path)

    @pytest.mark.parametrize("model_type", ["llama", "mistral", "mixtral", "gemma_like"])
    def test_llama_class_by_model_type(self, model_type, folder):
        path = folder("llama2")
        change(path, "config.json", model_type=model_type)
        assert_same(path)

    @pytest.mark.parametrize("declared", ["TokenizersBackend", "FooTokenizer", "PreTrainedTokenizer"])
    def test_unknown_classes_take_tokenizer_json_as_it_is(self, declared, folder):
        path = folder("llama3")
        change(path, tokenizer_class=declared)
        ours, _ = assert_same(path)
        assert type(ours) is PreTrainedTokenizerFast

    def test_without_config_json(self, folder):
        for name in ("llama3", "roberta", "qwen2"):
            path = folder(name)
            (path / "config.json").unlink()
            assert_same(path)

    def test_without_tokenizer_config(self, folder):
        for name in ("gpt2", "bert", "roberta"):
            path = folder(name)
            (path / "tokenizer_config.json").unlink()
            assert_same(path)

    def test_config_json_may_name_the_class(self, folder):
        path = folder("roberta")
        change(path, remove=["tokenizer_class"])
        change(path, "config.json", tokenizer_class="RobertaTokenizerFast", model_type="xlm")
        assert_same(path)

    def test_special_tokens_map_and_added_tokens_json(self, folder):
        path = folder("gpt2")
        size = len(json.loads((path / "vocab.json").read_text()))
        token = {"content": "<pad>", "lstrip": True, "rstrip": False, "single_word": False, "normalized": False}
        change(path, "special_tokens_map.json", pad_token=token, additional_special_tokens=["<e1>", "<e2>"])
        change(path, "added_tokens.json", **{"<pad>": size, "<e1>": size + 1, "word": size + 2})
        ours, _ = assert_same(path)
        assert ours.pad_token_id == size

    def test_a_models_own_special_tokens(self, folder):
        path = folder("llama3")
        change(path, extra_special_tokens={"image_token": "<image>", "boi_token": "<|eot_id|>"}, video_token="<video>")
        ours, theirs = assert_same(path)
        assert ours.image_token == theirs.image_token == "<image>"
        assert ours.image_token_id == theirs.image_token_id
        assert ours.video_token_id == theirs.video_token_id
        ours.image_token = "<|eot_id|>"
        assert ours.image_token_id == ours.boi_token_id
        ours.save_pretrained(path / "again")
        again, _ = assert_same(path / "again")
        assert again.image_token == "<|eot_id|>"

    def test_padding_and_truncation_in_tokenizer_json(self, folder):
        for name in ("llama3", "roberta"):
            path = folder(name)
            padding = {
                "strategy": {"Fixed": 9},
                "direction": "Left",
                "pad_to_multiple_of": None,
                "pad_id": 3,
                "pad_type_id": 0,
            }
            truncation = {"direction": "Left", "max_length": 5, "strategy": "LongestFirst", "stride": 0}
            change(path, "tokenizer.json", padding=padding | {"pad_token": "</s>"}, truncation=truncation)
            assert_same(path)

    def test_templates_in_files(self, folder):
        path = folder("llama2")
        (path / "chat_template.jinja").write_text("{{ 'a' }}\n")
        ours, _ = assert_same(path)
        assert ours.chat_template == "{{ 'a' }}\n"
        (path / "additional_chat_templates").mkdir()
        (path / "additional_chat_templates" / "rag.jinja").write_text("{{ 'rag' }}")
        ours, _ = assert_same(path)
        assert ours.chat_template["rag"] == "{{ 'rag' }}"

    def test_a_class_keeps_itself(self, folder):
        import transformers

        path = folder("bert")
        for name in ("BertTokenizer", "BertTokenizerFast", "DistilBertTokenizerFast"):
            ours = tokenizer_class(name).from_pretrained(path, do_lower_case=False)
            theirs = getattr(transformers, name).from_pretrained(path, do_lower_case=False)
            assert dict(ours(TEXTS)) == dict(theirs(TEXTS))
        ours = PreTrainedTokenizerFast.from_pretrained(folder("llama3"))
        assert type(ours) is PreTrainedTokenizerFast


def test_special_tokens_may_be_dicts_in_every_file(folder):
    path = folder("gpt2")
    token = {"content": "<pad>", "lstrip": True, "rstrip": False, "single_word": False, "normalized": False}
    change(path, "special_tokens_map.json", pad_token=token, additional_special_tokens=[{**token, "content": "<e2>"}])
    tokenizer = AutoTokenizer.from_pretrained(path)

    assert tokenizer.pad_token == "<pad>"
    assert tokenizer.extra_special_tokens == tokenizer.additional_special_tokens == ["<e2>"]
    assert tokenizer.added_tokens_decoder[tokenizer.pad_token_id].lstrip
    assert tokenizer.convert_ids_to_tokens(tokenizer.encode("a <pad><e2>"))[-2:] == ["<pad>", "<e2>"]


def test_a_type_may_be_given(folder):
    path = folder("bert")
    (path / "config.json").unlink()

    assert AutoTokenizer.from_pretrained(path, tokenizer_type="bert").tokenize("water") == ["water"]
    with pytest.raises(ValueError, match="Did you mean 'bert'"):
        AutoTokenizer.from_pretrained(path, tokenizer_type="brt")


def test_undeclared_distilbert_gets_no_token_type_ids(folder):
    """Its model takes none; the reference returns them all the same."""
    path = folder("bert")
    change(path, "config.json", model_type="distilbert")

    assert list(AutoTokenizer.from_pretrained(path)("water")) == ["input_ids", "attention_mask"]


def test_a_tokenizer_json_alone_is_enough(folder):
    path = folder("llama3") / "tokenizer.json"

    assert AutoTokenizer.from_pretrained(path).tokenize("water") == ["water"]
    assert PreTrainedTokenizerFast(tokenizer_file=path, pad_token="<|eot_id|>").pad_token == "<|eot_id|>"


def test_a_class_is_made_from_a_vocabulary(folder):
    path = folder("bert")
    words = {word: i for i, word in enumerate((path / "vocab.txt").read_text().split("\n")[:-1])}
    loaded = AutoTokenizer.from_pretrained(path)
    bert = tokenizer_class("BertTokenizer")

    for made in (bert(vocab=words), bert(path / "vocab.txt"), bert(vocab_file=path / "vocab.txt")):
        assert made("what is Water").data == loaded("what is Water").data
    path = folder("gpt2")
    made = tokenizer_class("GPT2TokenizerFast")(vocab_file=path / "vocab.json", merges_file=path / "merges.txt")
    assert made("what is Water").data == AutoTokenizer.from_pretrained(path)("what is Water").data


def test_trust_remote_code_does_nothing_in_one_line(folder, caplog):
    with caplog.at_level(logging.WARNING):
        tokenizer = AutoTokenizer.from_pretrained(folder("bert"), trust_remote_code=True)

    assert tokenizer.tokenize("water") == ["water"]
    assert [record.message for record in caplog.records] == [
        "trust_remote_code=True does nothing: bearhug runs no code from a repository."
    ]


def test_a_subfolder_holds_the_tokenizer(folder):
    path = folder("bert")

    assert AutoTokenizer.from_pretrained(path.parent, subfolder="bert").tokenize("water") == ["water"]
    assert AutoTokenizer.from_pretrained(path.parent, subfolder="bert").name_or_path == str(path.parent)


def test_every_class_can_be_imported_and_pickled(folder):
    from bearhug.tokenizers import BertTokenizer, BertTokenizerFast

    tokenizer = BertTokenizer.from_pretrained(folder("bert"))

    assert BertTokenizerFast is BertTokenizer
    assert pickle.loads(pickle.dumps(tokenizer))("water").data == tokenizer("water").data
    with pytest.raises(ImportError):
        from bearhug.tokenizers import NoSuchTokenizer  # noqa: F401


def test_a_folder_without_a_tokenizer_is_an_error(tmp_path):
    """The reference makes an empty tokenizer of it, which turns every text into []."""
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    (tmp_path / "model.safetensors").write_text("")

    with pytest.raises(
        OSError, match=r"(?s)tokenizer.json or vocab.txt was expected.*config.json, model.safetensors"
    ) as error:
        AutoTokenizer.from_pretrained(tmp_path)
    assert "save_pretrained" in str(error.value)


def test_a_file_cut_short_is_an_error(folder):
    path = folder("llama3")
    (path / "tokenizer.json").write_text((path / "tokenizer.json").read_text()[:999])

    with pytest.raises(ValueError, match=r"tokenizer.json .* is no JSON"):
        AutoTokenizer.from_pretrained(path)


def test_a_misspelt_keyword_names_the_near_ones_and_a_strange_one_is_kept(folder):
    path = folder("bert")

    with pytest.raises(TypeError, match=r"'padding_sde'. Did you mean 'padding_side'"):
        AutoTokenizer.from_pretrained(path, padding_sde="left")
    assert AutoTokenizer.from_pretrained(path, src_lang="en").src_lang == "en"


def test_a_wrong_name_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OSError, match="no folder here"):
        AutoTokenizer.from_pretrained("./nothing")
    with pytest.raises(OSError, match="from_pretrained"):
        AutoTokenizer()


def test_a_class_of_ones_own(folder, tmp_path):
    class Config:
        model_type = "honey"

    class HoneyTokenizer(PreTrainedTokenizerFast):
        """One's own."""

        def shout(self, text):
            return self.tokenize(text.upper())

    path = folder("llama3")
    change(path, remove=["tokenizer_class"])
    change(path, "config.json", model_type="honey")
    AutoTokenizer.register(Config, HoneyTokenizer)
    tokenizer = AutoTokenizer.from_pretrained(path)
    tokenizer.save_pretrained(tmp_path / "again")
    shutil.copy(path / "config.json", tmp_path / "again")

    assert tokenizer.shout("a") == ["A"]
    assert type(AutoTokenizer.from_pretrained(tmp_path / "again")) is HoneyTokenizer
    with pytest.raises(ValueError, match="exist_ok=True"):
        AutoTokenizer.register(Config, HoneyTokenizer)
    AutoTokenizer.register(Config, fast_tokenizer_class=HoneyTokenizer, exist_ok=True)
    with pytest.raises(ValueError, match="needs a class"):
        AutoTokenizer.register(Config)


def test_the_names_are_bearhugs():
    assert bearhug.AutoTokenizer is AutoTokenizer
    assert bearhug.PreTrainedTokenizer is PreTrainedTokenizerFast
