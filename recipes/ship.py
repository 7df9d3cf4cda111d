"""A trained model -> a folder of the nursery: float16 safetensors, tokenizer, config and its card, in one go."""

import json
from pathlib import Path

from bearhug._lib.files import replacing_folder

CARDS = Path(__file__).parent / "cards"


def ship(folder: Path, model, tokenizer, tokenizer_class: str, facts: dict) -> None:
    """Write everything beside `folder`, then take its place; `cards/NAME.md` is filled with `facts` and the sizes.

    tokenizer_class: what tokenizer_config.json names, so that older readers of these folders know it too.
    """
    with replacing_folder(folder) as new:
        model.half().save_pretrained(new)
        tokenizer.save_pretrained(new)
        settings = json.loads((new / "config.json").read_text(encoding="utf-8"))
        # stored in half precision, computed in single: a story took 1.5 times as long in half where it was tried
        settings["dtype"] = "float32"
        (new / "config.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        settings = json.loads((new / "tokenizer_config.json").read_text(encoding="utf-8"))
        settings.pop("backend", None)
        settings["tokenizer_class"] = tokenizer_class
        (new / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
        weights = (new / "model.safetensors").stat().st_size
        facts |= {"parameters": f"{model.num_parameters() / 1e6:.2f}", "megabytes": f"{weights / 1e6:.2f}"}
        (new / "README.md").write_text(fill(folder.name, facts), encoding="utf-8")
        for file in new.iterdir():
            file.chmod(0o644)


def fill(name: str, facts: dict) -> str:
    """`cards/NAME.md` with every <fact> in its place."""
    text = (CARDS / f"{name}.md").read_text(encoding="utf-8")
    for fact, value in facts.items():
        text = text.replace(f"<{fact}>", str(value))
    return text
