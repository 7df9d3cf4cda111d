"""Law 6, no foreign code: nothing from a repository is executed or unpickled; no path leaves its folder."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent.parent / "src" / "bearhug"
FILES = sorted(SOURCE.rglob("*.py"))


def calls(path: Path):
    """(name, node) of every call in a file: `eval`, `pickle.load`, `torch.load`, ..."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name):
                yield function.id, node
            elif isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
                yield f"{function.value.id}.{function.attr}", node


# what may be called where, because the bytes are this process's own
ALLOWED = {
    "cli/tutorial.py": {"exec"},  # the package's own page
    "datasets/table.py": {"pickle.loads"},  # a table inside a pickle that the user is loading, written by table.py
    "datasets/workers.py": {"pickle.loads"},  # an error that bearhug's own worker process sends up
}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_no_file_executes_or_unpickles_what_it_reads(path):
    """yaml.load stands for itself only with a safe loader, torch.load only with weights_only=True."""
    forbidden = {"eval", "exec", "pickle.load", "pickle.loads", "dill.load", "dill.loads", "marshal.loads"}
    forbidden -= ALLOWED.get(path.relative_to(SOURCE).as_posix(), set())
    found = [f"line {node.lineno}: {name}" for name, node in calls(path) if name in forbidden]
    for name, node in calls(path):
        if name == "torch.load":
            safe = any(k.arg == "weights_only" and getattr(k.value, "value", None) is True for k in node.keywords)
            found += [] if safe else [f"line {node.lineno}: torch.load without weights_only=True"]
        if name == "yaml.load":
            loader = next((ast.unparse(k.value) for k in node.keywords if k.arg == "Loader"), "none")
            found += [] if _is_safe(path, loader) else [f"line {node.lineno}: yaml.load with the loader {loader}"]

    assert not found


def _is_safe(path: Path, loader: str) -> bool:
    """Whether a name of a YAML loader stands, in this file, for a safe one."""
    assigned = [
        ast.unparse(node.value)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [loader]
    ]
    return "SafeLoader" in " ".join(assigned or [loader])
