"""A trained model -> a folder of the nursery: float16 safetensors, tokenizer, config and its card, in one go."""

from pathlib import Path

from bearhug._lib.files import replacing_folder

CARDS = Path(__file__).parent / "cards"


def ship(folder: Path, model, tokenizer, facts: dict[str, str]) -> None:
    """Write everything beside `folder`, then take its place; `cards/NAME.md` is filled with `facts` and the sizes."""
    with replacing_folder(folder) as new:
        model.half().save_pretrained(new)
        tokenizer.save_pretrained(new)
        weights = (new / "model.safetensors").stat().st_size
        facts |= {"parameters": f"{model.num_parameters() / 1e6:.2f}", "megabytes": f"{weights / 1e6:.2f}"}
        (new / "README.md").write_text(fill(folder.name, facts), encoding="utf-8")


def fill(name: str, facts: dict) -> str:
    """`cards/NAME.md` with every <fact> in its place."""
    text = (CARDS / f"{name}.md").read_text(encoding="utf-8")
    for fact, value in facts.items():
        text = text.replace(f"<{fact}>", str(value))
    return text
