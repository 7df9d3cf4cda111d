"""How long until a checkpoint on disk is a model, and how much memory does that take of its own?

Limits: for time, mapping the file and touching nothing; for memory, none (the weights stay the file's pages).
"""

import subprocess
import sys
import tempfile

import torch
import transformers

import bearhug
from bearhug.checkpoints.safetensors import SafetensorsFile
from paired import paired

transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
# a fresh process that loads and reads every weight once; prints the growth of its anonymous memory in MB (Linux)
GROWTH = """
import re, sys, torch
from {library} import AutoModelForCausalLM
def anonymous():
    return int(re.search(r"Anonymous: +([0-9]+)", open("/proc/self/smaps_rollup").read())[1]) / 1e3
AutoModelForCausalLM.from_pretrained(sys.argv[1])  # what the first load imports is not the load's
before = anonymous()
model = AutoModelForCausalLM.from_pretrained(sys.argv[1])
loaded = anonymous()
total = sum(parameter.sum().item() for parameter in model.parameters())
print(loaded - before, anonymous() - before)
"""


def memory(library: str, folder: str) -> str:
    run = subprocess.run([sys.executable, "-c", GROWTH.format(library=library), folder], capture_output=True, text=True)
    loaded, used = map(float, run.stdout.split()[-2:])
    return f"{library}: {loaded:.0f} MB of its own after loading, {used:.0f} MB after reading every weight"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        config = transformers.GPT2Config()
        transformers.GPT2LMHeadModel(config).save_pretrained(folder)  # 498 MB
        load = bearhug.AutoModelForCausalLM.from_pretrained
        reference = transformers.AutoModelForCausalLM.from_pretrained
        paired(
            "load GPT-2 (small, 498 MB), file in the page cache",
            ours=lambda: load(folder),
            theirs=lambda: reference(folder),
            clock="cpu",
        )
        paired(
            "the file mapped, nothing else", ours=lambda: SafetensorsFile(f"{folder}/model.safetensors"), clock="cpu"
        )
        for library in ("bearhug", "transformers"):
            print(memory(library, folder))
