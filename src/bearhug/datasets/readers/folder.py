"""Folders of pictures, sounds, videos or documents: a row a file, with its folder's name as label, or with metadata.

Where files named metadata.csv, .jsonl or .parquet lie among them, the rows are theirs: a column `file_name` (or
`x_file_name`, or a list in `file_names`) names the file beside the metadata file and becomes the media column.
"""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from bearhug.datasets.arrow import column as column_of
from bearhug.datasets.features import ClassLabel, Feature, Features, List, Value, has_media
from bearhug.datasets.media import Audio, Image, MediaFile, Pdf, Video
from bearhug.datasets.readers import FOLDERS, METADATA, module_of, safe_member

if TYPE_CHECKING:
    from bearhug.datasets.find import Source

ROWS = 1000  # files in one table
KINDS: dict[str, tuple[str, Callable[[], MediaFile]]] = {
    "imagefolder": ("image", Image),
    "audiofolder": ("audio", Audio),
    "videofolder": ("video", Video),
    "pdffolder": ("pdf", Pdf),
}
TEXTS = (Value("string"), Value("large_string"))


@dataclass(frozen=True)
class Folder:
    """The reader of one kind of folder; it is given paths, a list of them for one table."""

    kind: str
    PATHS: bool = field(default=True, init=False)

    @property
    def column(self) -> str:
        """The media column's name."""
        return KINDS[self.kind][0]

    @property
    def feature(self) -> MediaFile:
        """The media column's feature."""
        return KINDS[self.kind][1]()

    def is_media(self, name: str) -> bool:
        """Whether a file's name has one of the kind's endings, a packed one (`.png.gz`) included."""
        root, ending = os.path.splitext(name.lower())
        return ending in FOLDERS[self.kind] or os.path.splitext(root)[1] in FOLDERS[self.kind]

    def units(self, paths: list[Path]) -> list[list[Path]]:
        """Paths that are read together, in order."""
        return [paths[i : i + ROWS] for i in range(0, len(paths), ROWS)]

    def read(
        self,
        file: Path | list[Path],
        name: str,
        features: Features | None = None,
        *,
        drop_labels: bool | None = None,
        drop_metadata: bool | None = None,
        metadata_filenames: list[str] | None = None,
        filters: Any = None,
        decode_num_threads: int = 32,
    ) -> Iterator[pa.Table]:
        """Files -> their rows; of a zip archive the files in it, of a metadata file its rows.

        Args:
            drop_labels: False takes the folders' names as labels whatever they are, True never does.
            drop_metadata: True leaves metadata files aside.
            metadata_filenames: other names of metadata files.
            filters: keeps rows: an Arrow expression, or [("column", "==", value)] as in parquet.
            decode_num_threads: accepted, and not used: files are decoded when a row is looked at.

        Raises:
            ValueError: a metadata file names a file outside of its folder.
        """
        known = set(metadata_filenames or METADATA)
        labelled = features is not None and "label" in features and not drop_labels
        plain: list[Path] = []
        for path in file if isinstance(file, list) else [file]:
            if path.suffix.lower() != ".zip" and path.name not in known:
                plain.append(path)
                continue
            yield from self._of_files(plain, labelled, filters)
            plain = []
            if path.name in known:
                yield from self._of_metadata(path.name, path.read_bytes(), features, filters, _beside(path.parent))
            else:
                yield from self._of_archive(path, features, labelled, filters, known, bool(drop_metadata))
        yield from self._of_files(plain, labelled, filters)

    def _of_files(self, paths: list[Path], labelled: bool, filters: Any) -> Iterator[pa.Table]:
        if paths:
            yield self._table([str(one) for one in paths], [one.parent.name for one in paths], labelled, filters)

    def _table(self, values: list, labels: list[str], labelled: bool, filters: Any) -> pa.Table:
        """One table of files and their labels."""
        names = [one if isinstance(one, str) else one["path"] for one in values]
        plain = pa.table({self.column: names, **({"label": labels} if labelled else {})})
        kept = plain.append_column("place", pa.array(range(len(values))))
        places = _filtered(kept, filters)["place"].to_pylist() if filters is not None else range(len(values))
        stored, feature = column_of([values[i] for i in places], self.feature)
        columns: dict[str, Any] = {self.column: stored}
        made = {self.column: feature}
        if labelled:
            columns["label"], made["label"] = pa.array([labels[i] for i in places], pa.string()), Value("string")
        return pa.table(list(columns.values()), schema=Features(made).arrow_schema)

    def _of_archive(
        self, path: Path, features: Features | None, labelled: bool, filters: Any, known: set, drop_metadata: bool
    ) -> Iterator[pa.Table]:
        with zipfile.ZipFile(path) as archive:
            inside = _members(archive)
            metadata = [] if drop_metadata else [one for one in inside if os.path.basename(one) in known]
            for one in metadata:
                resolve = _in_archive(archive, inside, one)
                yield from self._of_metadata(one, archive.read(one), features, filters, resolve)
            if not metadata:
                media = [one for one in inside if self.is_media(one)]
                for i in range(0, len(media), 100):
                    part = media[i : i + 100]
                    values = [{"path": one, "bytes": archive.read(one)} for one in part]
                    yield self._table(values, [_label(path, one) for one in part], labelled, filters)

    def _of_metadata(
        self, name: str, data: bytes, features: Features | None, filters: Any, resolve: Callable[[str], Any]
    ) -> Iterator[pa.Table]:
        """The rows of a metadata file, its files' names as media."""
        for table in read_metadata(name, data, features, self.column):
            table = _filtered(table, filters) if filters is not None else table
            given = Features.from_arrow_schema(table.schema)
            columns, made = [], {}
            for old, feature in given.items():
                new, changed = self.named(old, feature)
                if features is not None and new not in features:
                    continue
                if changed == feature and not has_media(changed):
                    array: Any = table.column(old)
                else:
                    values = [self._placed(one, feature, changed, resolve) for one in table.column(old).to_pylist()]
                    array = column_of(values, changed, name=new)[0]
                columns.append(array)
                made[new] = changed
            yield pa.table(columns, schema=Features(made).arrow_schema)

    def named(self, key: str, feature: Feature) -> tuple[str, Feature]:
        """A metadata column's name and feature, with files in place of files' names."""
        if (key == "file_name" or key.endswith("_file_name")) and feature in TEXTS:
            return key.removesuffix("file_name").removesuffix("_") or self.column, self.feature
        if (key == "file_names" or key.endswith("_file_names")) and feature in [List(one) for one in TEXTS]:
            return key.removesuffix("file_names").removesuffix("_") or f"{self.column}s", List(self.feature)
        return key, self._inside(feature)

    def _inside(self, feature: Feature) -> Feature:
        if isinstance(feature, dict):
            return dict(self.named(key, one) for key, one in feature.items())
        if isinstance(feature, List):
            return List(self._inside(feature.feature), length=feature.length)
        return feature

    def _placed(self, value: Any, old: Feature, new: Feature, resolve: Callable[[str], Any]) -> Any:
        """A value of a metadata column with its files' names resolved."""
        if value is None or not has_media(new):
            return value
        if isinstance(new, MediaFile):
            return resolve(value)
        if isinstance(new, List):
            return [self._placed(one, old.feature, new.feature, resolve) for one in value]
        pairs = [(key, *self.named(key, one)) for key, one in old.items()]
        return {name: self._placed(value[key], old[key], one, resolve) for key, name, one in pairs}

    def arrange(self, source: Source) -> Source:
        """The source with its features, and of its files those that are read: metadata files, or media and archives.

        Raises:
            ValueError: metadata files of different kinds or features, or without a file's name.
        """
        options = source.options
        known = set(options.get("metadata_filenames") or METADATA)
        metadata: dict[str, list] = {}
        kept: dict[str, list] = {}
        labels: dict[str, set[str]] = {}
        depths: set[int] = set()
        endings: set[str] = set()
        texts: dict[str, tuple[str, bytes]] = {}  # the first metadata file of each split, and its name
        for split, files in source.files.items():
            kept[split], labels[split] = [], set()
            for file in files:
                name = str(file).split("?")[0]
                if os.path.basename(name) in known:
                    metadata.setdefault(split, []).append(file)
                    endings.add(os.path.splitext(name)[1])
                    if split not in texts:
                        texts[split] = name, _path(file, source).read_bytes()
                elif self.is_media(name):
                    kept[split].append(file)
                    labels[split].add(os.path.basename(os.path.dirname(name)))
                    depths.add(name.count("/"))
                elif name.lower().endswith(".zip"):
                    kept[split].append(file)
                    with zipfile.ZipFile(_path(file, source)) as archive:
                        for one in _members(archive):
                            if self.is_media(one):
                                labels[split].add(_label(Path(name), one))
                                depths.add(name.count("/") + 1 + one.count("/"))
                            elif os.path.basename(one) in known:
                                metadata.setdefault(split, []).append(file)
                                endings.add(os.path.splitext(one)[1])
                                texts.setdefault(split, (f"{name}/{one}", archive.read(one)))
        files, features = kept, Features({self.column: self.feature})
        if metadata and not options.get("drop_metadata"):
            if len(endings) > 1:
                raise ValueError(f"Found metadata files with different extensions: {sorted(endings)}")
            features = self._metadata_features(list(texts.values()))
            files = {split: [*dict.fromkeys(metadata.get(split, []))] for split in source.files}
            files = {split: [_with_media(one, kept[split]) for one in found] for split, found in files.items()}
        elif not metadata and self._has_labels(options.get("drop_labels"), labels, depths):
            features["label"] = ClassLabel(names=sorted(set().union(*labels.values())))
        return replace(source, files=files, features=source.features if source.features is not None else features)

    @staticmethod
    def _has_labels(drop: bool | None, labels: dict[str, set[str]], depths: set[int]) -> bool:
        """Whether the folders' names are labels: several, at one depth, and not just a folder a split."""
        if drop is not None:
            return not drop and any(labels.values())
        several = len(set().union(*labels.values())) > 1 and len(depths) == 1
        return several and (len(labels) == 1 or any(len(one) > 1 for one in labels.values()))

    def _metadata_features(self, texts: list[tuple[str, bytes]]) -> Features:
        first: tuple[str, Features] | None = None
        for name, data in texts:
            table = next(iter(read_metadata(name, data, None, self.column)), None)
            if table is None:
                continue
            found = Features.from_arrow_schema(table.schema)
            if first is not None and found != first[1]:
                raise ValueError(f"Metadata files {name} and {first[0]} have different features: {found} != {first[1]}")
            first = first or (name, found)
        made = Features(dict(self.named(key, one) for key, one in first[1].items())) if first else Features()
        if not has_media(made):
            where = first[0] if first else texts[0][0]
            raise ValueError(
                "`file_name`, `*_file_name`, `file_names` or `*_file_names` must be present as dictionary key in "
                f"metadata files; {where} has {list(first[1]) if first else 'no rows'}."
            )
        return made


def read_metadata(name: str, data: bytes, features: Features | None, column: str) -> Iterator[pa.Table]:
    """The tables of a metadata file, in the features asked for where those are no media."""
    kind = {".csv": "csv", ".jsonl": "json", ".parquet": "parquet"}[os.path.splitext(name)[1]]
    read = module_of(kind).read
    wanted: Features | None = None
    if features is not None and kind == "csv":  # so that text like 007 stays text
        first = next(iter(read(io.BytesIO(data), name, None)), None)
        if first is not None:
            found = Features.from_arrow_schema(first.schema)
            wanted = Features(
                {
                    key: features[key] if key in features and not has_media(features[key]) else found[key]
                    for key in found
                }
            )
    yield from read(io.BytesIO(data), name, wanted)


def _beside(folder: Path) -> Callable[[str], str]:
    return lambda item: os.path.join(folder, _inner(item))


def _in_archive(archive: zipfile.ZipFile, inside: list[str], metadata: str) -> Callable[[str], dict]:
    def resolve(item: str) -> dict:
        wanted = os.path.join(os.path.dirname(metadata), _inner(item)).replace("\\", "/")
        if wanted not in inside:
            raise FileNotFoundError(f"{archive.filename}/{metadata} names {item!r}, which is not in the archive.")
        return {"path": wanted, "bytes": archive.read(wanted)}

    return resolve


def _inner(item: str) -> str:
    """A file's name in a metadata file, normalised.

    Raises:
        ValueError: it leads out of the metadata file's folder.
    """
    path = os.path.normpath(item).replace("\\", "/")
    if "://" in item or os.path.isabs(item) or os.path.isabs(path) or path == ".." or path.startswith("../"):
        raise ValueError(
            f"Invalid metadata file_name '{item}': it must be a relative path inside the metadata file's folder."
        )
    return path


def _members(archive: zipfile.ZipFile) -> list[str]:
    names = [one for one in sorted(archive.namelist()) if not one.endswith("/")]
    names = [one for one in names if not any(part.startswith((".", "__")) for part in one.split("/"))]
    for one in names:
        safe_member(one, str(archive.filename))
    return names


def _label(archive: Path, member: str) -> str:
    return os.path.basename(os.path.dirname(member)) or archive.stem


def _path(file: Any, source: Source) -> Path:
    """Where a file lies on this machine."""
    from bearhug.datasets.prepare import cache_folder, local

    return local(file, source, cache_folder())


def _with_media(file: Any, media: list) -> Any:
    """A metadata file of the hub, which brings the files that lie in its repository with it."""
    if isinstance(file, Path | str):
        return file
    from bearhug.datasets.find import Together

    return Together(file.repo, file.name, tuple(media))


def _filtered(table: pa.Table, filters: Any) -> pa.Table:
    import pyarrow.parquet as pq

    return table.filter(pq.filters_to_expression(filters) if isinstance(filters, list) else filters)
