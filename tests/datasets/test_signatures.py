"""Every name that `datasets` exports is here; every public method takes the same arguments with the same defaults."""

import inspect
from typing import Any

import pytest

import bearhug
import bearhug.datasets as ours

theirs = pytest.importorskip("datasets")
pytestmark = pytest.mark.reference

# names that the other library exports and this one has not, each with the reason
ABSENT = {
    "Mesh": "needs trimesh, which few data sets ask for",
    "Nifti": "needs nibabel, which few data sets ask for",
    "BioSequence": "needs biopython, which few data sets ask for",
    "BioStructure": "needs biopython, which few data sets ask for",
}
# methods and arguments that differ, each with the reason
DIFFER = {
    "ClassLabel.names": "an attribute of each label, not of the class",
    "ClassLabel.names_file": "an attribute of each label, not of the class",
    "ClassLabel.num_classes": "an attribute of each label, not of the class",
    "Value.pa_type": "an attribute of each value, not of the class",
}
# of builders and streams, not the same yet: to be empty
OTHERS = {
    *(f"{kind}.{name}" for kind in ("ArrowBasedBuilder", "DatasetBuilder", "GeneratorBasedBuilder")
      for name in ("BUILDER_CONFIG_CLASS", "SLEEP_ON_THREADS_SHUTDOWNS", "get_imported_module_dir")),
    "BuilderConfig", "BuilderConfig.create_config_id", "BuilderConfig.version", "DownloadManager",
    "StreamingDownloadManager", "StreamingDownloadManager.extract", "StreamingDownloadManager.iter_archive",
    "StreamingDownloadManager.iter_files", "IterableDataset", "IterableDataset.from_csv",
    "IterableDataset.from_generator", "IterableDataset.from_json", "IterableDataset.from_parquet",
    "IterableDataset.from_spark", "IterableDataset.from_text", "IterableDataset.with_format",
}  # fmt: skip

NAMES = sorted(name for name in dir(theirs) if not name.startswith("_") and not inspect.ismodule(getattr(theirs, name)))
SHARED = [name for name in NAMES if hasattr(ours, name)]


def parameters(function: Any) -> list | None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return None
    return [(one.name, one.kind, repr(one.default)) for one in signature.parameters.values()]


def members() -> list[str]:
    found = []
    for name in SHARED:
        found.append(name)
        kind = getattr(theirs, name)
        if inspect.isclass(kind):
            found += [f"{name}.{one}" for one in dir(kind) if not one.startswith("_")]
    return [one for one in found if one not in OTHERS]


def resolve(root: Any, path: str) -> Any:
    for name in path.split("."):
        root = getattr(root, name)
    return root


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_here(name):
    assert hasattr(ours, name) != (name in ABSENT)


@pytest.mark.parametrize("path", members())
def test_arguments_and_defaults_are_the_references(path):
    if path in DIFFER:
        assert not hasattr(resolve(ours, path.rpartition(".")[0]), path.rpartition(".")[2])
        return
    mine, other = resolve(ours, path), resolve(theirs, path)

    assert callable(mine) == callable(other)
    if callable(other) and not (inspect.isclass(other) and issubclass(other, BaseException)):
        mine, other = parameters(mine), parameters(other)
        known = {one[0] for one in other or []}
        more = [one for one in mine or [] if one[0] not in known and one[1] is inspect.Parameter.KEYWORD_ONLY]
        assert [one for one in mine or [] if one not in more] == (other or [])  # more of one's own only by name


def test_what_people_import_first_is_found_at_the_top():
    for name in ("Dataset", "DatasetDict", "Features", "Value", "ClassLabel", "load_dataset", "load_from_disk"):
        assert getattr(bearhug, name) is getattr(ours, name)
