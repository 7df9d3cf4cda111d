"""Law 4, masks come from masks: never from an id that looks like padding; and no text gets a second BOS."""

import pytest
import torch

from bearhug import AutoTokenizer, DataCollatorForLanguageModeling, DataCollatorWithPadding
from tokenizer_folders import MAKES

CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": " Hello world "},
    {"role": "assistant", "content": "I can find the water."},
    {"role": "user", "content": "So?"},
]
# The ways in which published templates write a conversation, with the BOS and without.
EACH, END = "{% for m in messages %}", "{% endfor %}"
TEMPLATES = {
    "chatml": EACH + "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n" + END,
    "chatml with bos": "{{ bos_token }}" + EACH + "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n" + END,
    "bos in the first turn": EACH + "{{ bos_token if loop.first else '' }}[{{ m.role }}] {{ m.content }}" + END,
    "bos before each turn": EACH + "{{ bos_token }}{{ m.role }}: {{ m.content }}{{ eos_token }}" + END,
    "instructions": "{{ bos_token }}"
    + EACH
    + "{% if m.role == 'assistant' %} {{ m.content }}{{ eos_token }}{% else %}[INST] {{ m.content }} [/INST]{% endif %}"
    + END,
    "headers": EACH
    + "{% set text = '<|start_header_id|>' + m['role'] + '<|end_header_id|>\n' + m['content'] | trim + '<|eot_id|>' %}"
    + "{% if loop.index0 == 0 %}{% set text = bos_token + text %}{% endif %}{{ text }}"
    + END,
    "turns": "{{ bos_token }}"
    + EACH
    + "{{ '<start_of_turn>' + m.role + '\n' + m.content | trim + '<end_of_turn>\n' }}"
    + END,
    "pipes": EACH + "<|{{ m.role }}|>\n{{ m.content }}{{ eos_token }}\n" + END,
    "a line each": EACH + "{{ m.role | upper }}: {{ m.content }}\n" + END + "ASSISTANT:",
    "sections": EACH + "### {{ m.role | capitalize }}:\n{{ m.content }}\n\n" + END,
    "the literal bos": "<s>" + EACH + "{{ m.content }}</s>" + END,
    "only the last": "{{ bos_token }}{{ messages[-1].content }}",
}


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory):
    """Tokenizers whose calls put something before each text."""
    top = tmp_path_factory.mktemp("tokenizers")
    return {name: AutoTokenizer.from_pretrained(MAKES[name](top / name), bos_token="<s>") for name in MAKES}


@pytest.mark.parametrize("name", list(MAKES))
@pytest.mark.parametrize("template", list(TEMPLATES))
def test_a_text_from_a_chat_template_gets_no_second_bos(name, template, tokenizers):
    tokenizer, options = tokenizers[name], {"chat_template": TEMPLATES[template]}
    for chat in (CHAT, CHAT[1:], [CHAT, CHAT[1:2]]):
        ids = tokenizer.apply_chat_template(chat, **options)["input_ids"]
        text = tokenizer.apply_chat_template(chat, tokenize=False, **options)
        plain = [str(one) for one in text] if isinstance(text, list) else str(text)

        assert tokenizer(text)["input_ids"] == ids
        assert tokenizer.encode(text) == ids
        assert tokenizer(plain, add_special_tokens=False)["input_ids"] == ids


@pytest.mark.parametrize("name", ["gpt2", "llama3", "qwen2"])
def test_a_true_end_keeps_its_label_where_it_is_also_the_padding(name, tokenizers):
    tokenizer = tokenizers[name]
    tokenizer.pad_token = tokenizer.eos_token
    end = tokenizer.eos_token
    rows = [tokenizer(text) for text in (f"Hello world{end}", f"people find the water, so long{end}")]
    batch = DataCollatorForLanguageModeling(tokenizer, mlm=False)(rows)

    for ids, labels, mask in zip(batch["input_ids"], batch["labels"], batch["attention_mask"], strict=True):
        assert labels[mask == 1].tolist() == ids[mask == 1].tolist()
        assert labels[mask == 0].eq(-100).all()
        assert tokenizer.eos_token_id in labels.tolist()


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_that_equals_a_token_is_told_by_the_mask(side, tokenizers):
    tokenizer = tokenizers["qwen2"]
    end = tokenizer.pad_token = tokenizer.eos_token
    texts = [f"{end}Hello{end}", f"people {end} find the way{end}"]
    batch = DataCollatorWithPadding(tokenizer)([tokenizer(text) for text in texts])
    direct = tokenizer(texts, padding=True, padding_side=side, return_tensors="pt")

    for encoding in (batch, direct):
        lengths = torch.tensor([len(tokenizer(text)["input_ids"]) for text in texts])
        assert encoding["attention_mask"].sum(1).tolist() == lengths.tolist()
        assert encoding["input_ids"]._bearhug_lengths.tolist() == lengths.tolist()
