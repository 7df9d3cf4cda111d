"""A package imports only from what stands before it: the one list of floors, read here."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "bearhug"
FLOORS = (
    "_lib, hub.client, checkpoints, tokenizers, processors, datasets, generation, kernels, caches, losses, "
    "adapters, study, models, inspect, diffusion, training, pipelines, serving, hub.server, cli"
).split(", ")
FILES = sorted(SOURCE.rglob("*.py"))


def floor(module: str) -> int | None:
    """The floor of `bearhug.x.y`; None for the package itself, which only names what the others define."""
    name = module.removeprefix("bearhug").lstrip(".")
    if not name:
        return None
    if name == "__main__":  # the command, by another name
        name = "cli"
    if name.startswith("hub"):
        return FLOORS.index("hub.server" if name.startswith("hub.server") else "hub.client")
    return FLOORS.index(name.split(".")[0])


def imports(path: Path) -> set[str]:
    """Every bearhug module that a file imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import; say the whole name"
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] == "bearhug"}


def module_of(path: Path) -> str:
    parts = ("bearhug", *path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_a_file_imports_only_from_the_floors_below(path):
    """hub/__init__ stands on the client's floor; a name of bearhug's own top level may be used by the cli alone."""
    here = floor(module_of(path))
    if here is None:
        return
    above = {
        name for name in imports(path) if name != "bearhug" and (there := _known(name)) is not None and there > here
    }

    assert not above, f"{path.relative_to(SOURCE)} stands on {FLOORS[here]!r} and imports {sorted(above)}"


def _known(name: str) -> int | None:
    try:
        return floor(name)
    except ValueError:
        return None  # a name out of bearhug/__init__ itself, such as __version__


def test_tokenizers_and_datasets_do_not_import_torch_at_module_level():
    """Tensors are made at their edge, on request."""
    offenders = []
    for package in ("_lib", "hub", "tokenizers", "datasets"):
        for path in (SOURCE / package).rglob("*.py"):
            for node in ast.parse(path.read_text()).body:
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                offenders += [f"{path.relative_to(SOURCE)}: {name}" for name in names if name.split(".")[0] == "torch"]

    assert not offenders
