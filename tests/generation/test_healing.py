"""Token healing: the last token of a prompt is chosen again, as the reference does."""

import pytest
import torch

from .conftest import tiny_gpt2


@pytest.mark.reference
@pytest.mark.filterwarnings("ignore")
def test_healed_prompts_are_the_references(gpt2_vocabulary, tmp_path):
    from bearhug import AutoModelForCausalLM

    theirs = tiny_gpt2(tmp_path, vocab_size=50257, bos_token_id=50256, eos_token_id=50256, pad_token_id=50256)
    ours = AutoModelForCausalLM.from_pretrained(tmp_path)
    tokenizer = gpt2_vocabulary
    tokenizer.pad_token, tokenizer.padding_side = tokenizer.eos_token, "left"
    for texts in (['The link is <a href="http:'], ["I read a book about"], ["Once upon a t", "An example ["]):
        batch = tokenizer(texts, return_tensors="pt", padding=True)
        options = {"max_new_tokens": 4, "token_healing": True, "tokenizer": tokenizer}
        found, expected = ours.generate(**batch, **options), theirs.generate(**batch, **options)
        assert found.tolist() == expected.tolist()


def test_it_takes_a_tokenizer(model, prompt):
    with pytest.raises(ValueError, match=r"token_healing=True(.|\n)*tokenizer=tokenizer"):
        model.generate(prompt, token_healing=True)
    with pytest.raises(ValueError, match="token_healing=True reads"):
        model.generate(inputs_embeds=torch.zeros(1, 2, 32), token_healing=True)
