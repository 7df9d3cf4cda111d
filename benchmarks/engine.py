"""How many tokens a second do eight requests at once make, beside one after another?

Limit: where the weights are read from memory at each token, eight rows cost little more than one; on one thread the
products of a small model are bound by arithmetic, and what is saved is the bookkeeping of seven steps of eight.
"""

import time

import torch

from bearhug import AutoModelForCausalLM, GPT2Config
from bearhug.serving import Engine

torch.set_num_threads(1)
NEW, ROWS = 64, 8


def measured(model, prompts) -> None:
    options = {"max_new_tokens": NEW, "min_new_tokens": NEW, "do_sample": True}
    for _ in range(2):  # the first round warms
        start = time.process_time()
        for number, prompt in enumerate(prompts):
            model.generate(prompt, seed=number, **options)
        single = time.process_time() - start
        engine = Engine(model, share_prefixes=False)
        start = time.process_time()
        for number, prompt in enumerate(prompts):
            engine.submit(prompt, seed=number, **options)
        while engine.step():
            pass
        together = time.process_time() - start
    made = NEW * len(prompts)
    print(f"one by one {made / single:6.0f} tokens/s, at once {made / together:6.0f}: {single / together:.2f} times")


if __name__ == "__main__":
    for name, sizes in {"storyteller": None, "GPT-2 size": {}}.items():
        torch.manual_seed(0)
        own = AutoModelForCausalLM.from_pretrained("bearhug/storyteller") if sizes is None else None
        model = own or AutoModelForCausalLM.from_config(GPT2Config()).eval()
        print(name, end=": ")
        measured(model, [torch.randint(5, 2000, (1, 8 + 3 * row)) for row in range(ROWS)])
