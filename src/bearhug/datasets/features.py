"""What a column holds: feature types, and `Features`, the dict of a data set's columns.

A feature knows its Arrow type and how a Python value is encoded for it. In memory every column is stored as a plain
Arrow type; types that Hugging Face's files mark as extensions (Array2D..5D, Json) carry that mark in the field's
metadata, so the files read alike on both sides and no extension has to be registered here.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Sequence as SequenceABC
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute

from bearhug._lib.errors import near
from bearhug.datasets.media import Audio, Image, MediaFile, Pdf, Video

pc: Any = pyarrow.compute  # its functions are made at run time

UNITS = r"(s|ms|us|ns)"
PLAIN = (
    "null bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 date32 date64 "
    "binary large_binary binary_view string large_string string_view utf8 large_utf8"
).split()


def arrow_type(dtype: str) -> pa.DataType:
    """The Arrow type of a dtype's name: `int32`, `timestamp[us, tz=UTC]`, `decimal128(10, 2)`, ...

    Raises:
        ValueError: there is no such dtype.
    """
    if dtype in PLAIN:
        return pa.bool_() if dtype == "bool" else getattr(pa, dtype)()
    if match := re.fullmatch(rf"timestamp\[{UNITS}(?:,\s*tz=([a-zA-Z0-9/_+\-:]*))?\]", dtype):
        return pa.timestamp(match[1], match[2])
    if match := re.fullmatch(rf"duration\[{UNITS}\]", dtype):
        return pa.duration(match[1])
    if match := re.fullmatch(r"time32\[(s|ms)\]", dtype):
        return pa.time32(match[1])
    if match := re.fullmatch(r"time64\[(us|ns)\]", dtype):
        return pa.time64(match[1])
    if match := re.fullmatch(r"decimal(128|256)\((\d+),\s*(-?\d+)\)", dtype):
        make = pa.decimal128 if match[1] == "128" else pa.decimal256
        return make(int(match[2]), int(match[3]))
    if match := re.fullmatch(r"fixed_size_binary\[(\d+)\]", dtype):
        return pa.binary(int(match[1]))
    if dtype == "json":
        raise ValueError("'json' is not a valid dtype; write Json() instead of Value('json').")
    examples = "'timestamp[us, tz=UTC]', 'duration[s]', 'time32[s]', 'decimal128(10, 2)'"
    raise ValueError(
        f"{dtype!r} is no dtype.{near(dtype, PLAIN)} Known are {', '.join(PLAIN)}, and those with units, "
        f"for example {examples}."
    )


def dtype_name(kind: pa.DataType) -> str:
    """The dtype's name of an Arrow type, the inverse of `arrow_type`; dictionaries give their values' name."""
    if pa.types.is_dictionary(kind):
        return dtype_name(kind.value_type)
    if pa.types.is_timestamp(kind):
        return f"timestamp[{kind.unit}]" if kind.tz is None else f"timestamp[{kind.unit}, tz={kind.tz}]"
    if pa.types.is_duration(kind):
        return f"duration[{kind.unit}]"
    if pa.types.is_time(kind):
        return f"time{kind.bit_width}[{kind.unit}]"
    if pa.types.is_decimal(kind):
        return f"decimal{kind.bit_width}({kind.precision}, {kind.scale})"
    if pa.types.is_fixed_size_binary(kind):
        return f"fixed_size_binary[{kind.byte_width}]"
    name = {"halffloat": "float16", "float": "float32", "double": "float64"}.get(str(kind), str(kind))
    name = {"date32[day]": "date32", "date64[ms]": "date64"}.get(name, name)
    if name not in PLAIN:
        raise ValueError(f"Arrow's type {kind} has no equal among the dtypes: {', '.join(PLAIN)}.")
    return name


@dataclass(repr=False)
class Value:
    """One scalar of the named dtype: `int64`, `string`, `float32`, `bool`, `binary`, `timestamp[s]`, ..."""

    dtype: str
    id: str | None = field(default=None, repr=False)
    _type: str = field(default="Value", init=False, repr=False)

    def __post_init__(self) -> None:
        self.dtype = {"double": "float64", "float": "float32", "bool_": "bool"}.get(self.dtype, self.dtype)
        self.pa_type: Any = arrow_type(self.dtype)

    def __call__(self) -> pa.DataType:
        """The Arrow type."""
        return self.pa_type

    def encode_example(self, value: Any) -> Any:
        """The value as this dtype's Python type (`"3"` -> 3 for an integer)."""
        kind = self.pa_type
        if pa.types.is_boolean(kind):
            return bool(value)
        if pa.types.is_integer(kind):
            return int(value)
        if pa.types.is_floating(kind):
            return float(value)
        if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
            return str(value)
        return value

    def __repr__(self) -> str:
        return f"{type(self).__name__}('{self.dtype}')"


@dataclass
class _Array:
    shape: tuple
    dtype: str
    id: str | None = field(default=None, repr=False)
    dimensions: ClassVar[int] = 0

    def __post_init__(self) -> None:
        self.shape = tuple(self.shape)
        if len(self.shape) != self.dimensions or None in self.shape[1:]:
            raise ValueError(
                f"{type(self).__name__}(shape={self.shape}) needs {self.dimensions} sizes, of which only the first "
                "may be "
                f"None (rows of different lengths)."
            )

    def __call__(self) -> pa.DataType:
        kind = arrow_type(self.dtype)
        for _ in self.shape:
            kind = pa.list_(kind)
        return kind

    def encode_example(self, value: Any) -> Any:
        """Nested lists and arrays are stored as they are."""
        return value


@dataclass
class Array2D(_Array):
    """A matrix of one shape; `shape=(None, n)` lets the number of rows differ."""

    _type: str = field(default="Array2D", init=False, repr=False)
    dimensions: ClassVar[int] = 2


@dataclass
class Array3D(_Array):
    """A three-dimensional array of one shape; the first size may be None."""

    _type: str = field(default="Array3D", init=False, repr=False)
    dimensions: ClassVar[int] = 3


@dataclass
class Array4D(_Array):
    """A four-dimensional array of one shape; the first size may be None."""

    _type: str = field(default="Array4D", init=False, repr=False)
    dimensions: ClassVar[int] = 4


@dataclass
class Array5D(_Array):
    """A five-dimensional array of one shape; the first size may be None."""

    _type: str = field(default="Array5D", init=False, repr=False)
    dimensions: ClassVar[int] = 5


@dataclass(init=False)
class ClassLabel:
    """Class names, stored as integers (int64); -1 and None mean "no label"."""

    names: list[str]
    id: str | None = field(default=None, repr=False)
    dtype: ClassVar[str] = "int64"
    pa_type: ClassVar[Any] = pa.int64()
    _type: str = field(default="ClassLabel", init=False, repr=False)

    def __init__(
        self,
        num_classes: int | None = None,
        names: list[str] | None = None,
        names_file: str | None = None,
        id: str | None = None,
    ):
        self.id, self.names_file = id, names_file
        self._type = "ClassLabel"
        if names_file is not None and names is not None:
            raise ValueError("give ClassLabel either names or names_file, not both.")
        if names is None:
            if names_file is not None:
                with open(names_file, encoding="utf-8") as file:
                    names = [name.strip() for name in file if name.strip()]
            elif num_classes is not None:
                names = [str(i) for i in range(num_classes)]
            else:
                raise ValueError("ClassLabel needs num_classes, names or names_file: ClassLabel(names=['neg', 'pos']).")
        elif not isinstance(names, SequenceABC):
            raise TypeError(f"ClassLabel's names are a list, not {type(names).__name__}.")
        self.names = names
        self.num_classes: int = len(self.names) if num_classes is None else num_classes
        if self.num_classes != len(self.names):
            raise ValueError(f"ClassLabel got {len(self.names)} names, but num_classes={self.num_classes}.")
        self._int2str = [str(name) for name in self.names]
        self._str2int = {name: i for i, name in enumerate(self._int2str)}
        if len(self._str2int) != len(self._int2str):
            twice = sorted({name for name in self._int2str if self._int2str.count(name) > 1})
            raise ValueError(f"ClassLabel's names must differ, but {twice} appear more than once.")

    def __call__(self) -> pa.DataType:
        """The Arrow type."""
        return self.pa_type

    def str2int(self, values: str | Iterable) -> int | list[int]:
        """A name (or several) -> its integer.

        Raises:
            ValueError: a name is not among `names`.
        """
        if not isinstance(values, str | Iterable):
            raise ValueError(f"str2int takes a name or a list of names, not {values!r}.")
        return self._number(values) if isinstance(values, str) else [self._number(value) for value in values]

    def _number(self, value: Any) -> int:
        text = str(value)
        for known in (text, text.strip()):
            if known in self._str2int:
                return self._str2int[known]
        try:
            number = int(text)
        except ValueError:
            number = -2
        if not -1 <= number < self.num_classes:
            raise ValueError(
                f"{text!r} is no class label.{near(text, self._int2str)} The names are {_few(self._int2str)}."
            )
        return number

    def int2str(self, values: int | Iterable) -> str | list[str]:
        """An integer (or several) -> its name.

        Raises:
            ValueError: an integer is below 0 or not below `num_classes`.
        """
        if not isinstance(values, int | Iterable) and not hasattr(values, "__index__"):
            raise ValueError(f"int2str takes an integer or a list of integers, not {values!r}.")
        one = not isinstance(values, Iterable) or (hasattr(values, "ndim") and values.ndim == 0)  # pyright: ignore
        numbers = [values] if one else list(values)  # pyright: ignore[reportArgumentType]
        for number in numbers:
            if not 0 <= number < self.num_classes:  # pyright: ignore[reportOperatorIssue]
                raise ValueError(f"{number} is no class label: they run from 0 to {self.num_classes - 1}.")
        names = [self._int2str[int(number)] for number in numbers]  # pyright: ignore[reportArgumentType]
        return names[0] if one else names

    def encode_example(self, example_data: Any) -> int:
        """A name or an integer -> the integer that is stored."""
        if isinstance(example_data, str):
            return self._number(example_data)
        if not -1 <= example_data < self.num_classes:
            raise ValueError(
                f"the class label {example_data} is not below num_classes={self.num_classes}; the names are "
                f"{_few(self._int2str)}."
            )
        return example_data

    def cast_storage(self, storage: pa.Array) -> pa.Array:
        """Names or integers in Arrow -> int64."""
        if pa.types.is_integer(storage.type):
            top = pc.max(storage).as_py() if len(storage) else None
            if top is not None and top >= self.num_classes:
                raise ValueError(f"the class label {top} is not below num_classes={self.num_classes}.")
        elif _is_text(storage.type):
            return pa.array([None if x is None else self._number(x) for x in storage.to_pylist()], self.pa_type)
        return storage.cast(self.pa_type)


@dataclass
class Json:
    """Any JSON value, stored as its text: what a column of mixed types becomes."""

    decode: bool = True
    id: str | None = field(default=None, repr=False)
    pa_type: ClassVar[Any] = pa.string()
    _type: str = field(default="Json", init=False, repr=False)

    def __call__(self) -> pa.DataType:
        """The Arrow type."""
        return self.pa_type

    def encode_example(self, example_data: Any) -> str | None:
        """A value -> its JSON text; text that is JSON already stays."""
        return None if example_data is None else json_text(example_data)

    def decode_example(self, example_data: str | None, token_per_repo_id: Any = None) -> Any:
        """The stored text -> the value."""
        if not self.decode:
            raise RuntimeError("decoding is off for this column: use Json(decode=True).")
        return None if example_data is None else json.loads(example_data)

    def cast_storage(self, storage: pa.Array) -> pa.Array:
        """Text or any other values in Arrow -> JSON text."""
        if _is_text(storage.type):
            storage = storage.cast(pa.string())
            if all(value is None or _is_json(value) for value in storage[:5].to_pylist()):
                return storage
            return pa.array([None if x is None else json.dumps(x) for x in storage.to_pylist()], pa.string())
        from bearhug.datasets.arrow import to_list

        return pa.array([None if x is None else json_text(x) for x in to_list(storage)], pa.string())


def json_text(value: Any) -> str:
    """A value as JSON text; a string that is JSON already stays as it is."""
    if isinstance(value, str) and _is_json(value):
        return value
    return json.dumps(value, default=str, separators=(",", ":"))


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


class Sequence:
    """`Sequence(feature)` is `List(feature)`; `Sequence({...})` is a dict of lists, as in TensorFlow Datasets."""

    def __new__(cls, feature: Any = None, length: int = -1, **kwargs: Any) -> Any:
        """A plain list, or a dict of lists."""
        if cls is Sequence and isinstance(feature, dict) and any(not isinstance(f, List) for f in feature.values()):
            return {key: List(value, length=length, **kwargs) for key, value in feature.items()}
        return object.__new__(List)


@dataclass(repr=False)
class List(Sequence):
    """A list of one feature, of any length or of a fixed one; 32-bit offsets."""

    feature: Any
    length: int = -1
    id: str | None = field(default=None, repr=False)
    pa_type: ClassVar[Any] = None
    _type: str = field(default="List", init=False, repr=False)

    def __repr__(self) -> str:
        length = "" if self.length == -1 else f", length={self.length}"
        return f"{type(self).__name__}({self.feature}{length})"


@dataclass(repr=False)
class LargeList:
    """A list of one feature with 64-bit offsets: more than two billion values in one batch."""

    feature: Any
    id: str | None = field(default=None, repr=False)
    pa_type: ClassVar[Any] = None
    _type: str = field(default="LargeList", init=False, repr=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.feature})"


@dataclass
class Translation:
    """One text in each of the same languages."""

    languages: list[str]
    id: str | None = field(default=None, repr=False)
    dtype: ClassVar[str] = "dict"
    pa_type: ClassVar[Any] = None
    _type: str = field(default="Translation", init=False, repr=False)

    def __call__(self) -> pa.DataType:
        """The Arrow type."""
        return pa.struct({language: pa.string() for language in sorted(self.languages)})

    def flatten(self) -> dict:
        """The languages as columns of strings."""
        return {language: Value("string") for language in sorted(self.languages)}


@dataclass
class TranslationVariableLanguages:
    """Texts in languages that differ from row to row, several a language allowed."""

    languages: list | None = None
    num_languages: int | None = None
    id: str | None = field(default=None, repr=False)
    dtype: ClassVar[str] = "dict"
    pa_type: ClassVar[Any] = None
    _type: str = field(default="TranslationVariableLanguages", init=False, repr=False)

    def __post_init__(self) -> None:
        self.languages = sorted(set(self.languages)) if self.languages else None
        self.num_languages = len(self.languages) if self.languages else None

    def __call__(self) -> pa.DataType:
        """The Arrow type."""
        return pa.struct({"language": pa.list_(pa.string()), "translation": pa.list_(pa.string())})

    def encode_example(self, translation_dict: dict) -> dict:
        """`{"en": "a", "de": ["b", "c"]}` -> `{"language": ("de", "de", "en"), "translation": ("b", "c", "a")}`."""
        if set(translation_dict) == {"language", "translation"}:
            return translation_dict
        if self.languages and (unknown := sorted(set(translation_dict) - set(self.languages))):
            raise ValueError(f"the languages {unknown} are not among {self.languages}.")
        pairs = [
            (key, text) for key, one in translation_dict.items() for text in ([one] if isinstance(one, str) else one)
        ]
        languages, translations = zip(*sorted(pairs), strict=True)
        return {"language": languages, "translation": translations}

    def flatten(self) -> dict:
        """Two columns of lists of strings."""
        return {"language": List(Value("string")), "translation": List(Value("string"))}


Feature = Any  # a dict of features, or one of the classes above
TYPES: dict[str, Callable] = {
    kind.__name__: kind
    for kind in (
        Value, ClassLabel, Translation, TranslationVariableLanguages, LargeList, List, Array2D, Array3D, Array4D,
        Array5D, Json, Image, Audio, Video, Pdf,
    )
}  # fmt: skip


class Features(dict):
    """The columns of a data set, in order: name -> feature. A nested dict is a struct, `[feature]` a list."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, feature in self.items():
            super().__setitem__(name, visit(feature, _modern))

    def __reduce__(self) -> tuple:
        return Features, (dict(self),)

    @property
    def type(self) -> pa.DataType:
        """The columns as one Arrow struct type."""
        return feature_type(self)

    @property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema that Hugging Face's files carry, features in its metadata."""
        metadata = {"huggingface": json.dumps({"info": {"features": self.to_dict()}})}
        return pa.schema([field_of(name, feature) for name, feature in self.items()], metadata=metadata)

    @classmethod
    def from_arrow_schema(cls, pa_schema: pa.Schema) -> Features:
        """The features of an Arrow schema: those in its metadata where they fit, else those of its types."""
        known: dict = {}
        if pa_schema.metadata and b"huggingface" in pa_schema.metadata:
            info = json.loads(pa_schema.metadata[b"huggingface"]).get("info") or {}
            known = Features.from_dict(info["features"]) if info.get("features") else {}
        return cls(
            {
                one.name: known[one.name]
                if one.name in known and feature_type(known[one.name]) == plain_type(one.type)
                else feature_of(one)
                for one in pa_schema
            }
        )

    @classmethod
    def from_dict(cls, dic: dict) -> Features:
        """The features of `to_dict`'s dict, older layouts included."""
        return cls(_from_dict(dic))

    def to_dict(self) -> dict:
        """The features as plain dicts, for JSON."""
        return {name: _to_dict(feature) for name, feature in self.items()}

    def _to_yaml_list(self) -> list:
        return [{"name": name, **_to_yaml(feature)} for name, feature in self.items()]

    @classmethod
    def _from_yaml_list(cls, yaml_data: list) -> Features:
        return cls(_from_yaml(copy.deepcopy(yaml_data)))

    def encode_example(self, example: Mapping) -> dict:
        """A row, names for labels and arrays included -> the values that are stored."""
        from bearhug.datasets.arrow import plain

        return {name: encode(feature, plain(example.get(name))) for name, feature in self.items()}

    def encode_column(self, column: Iterable, column_name: str) -> list:
        """One column's values -> those that are stored."""
        from bearhug.datasets.arrow import plain

        return encode_all(self[column_name], [plain(value) for value in column])

    def encode_batch(self, batch: Mapping) -> dict:
        """Columns of values -> columns as they are stored."""
        if set(batch) != set(self):
            raise ValueError(f"the batch has the columns {list(batch)}, the features are {list(self)}.")
        return {name: self.encode_column(column, name) for name, column in batch.items()}

    def decode_example(self, example: dict, token_per_repo_id: Any = None) -> dict:
        """A stored row -> the row as people see it (Json read)."""
        return {
            name: decode(self[name], value, token_per_repo_id) if name in self else value
            for name, value in example.items()
        }

    def decode_column(self, column: list, column_name: str, token_per_repo_id: Any = None) -> list:
        """A stored column -> the column as people see it."""
        feature = self[column_name]
        return [decode(feature, one, token_per_repo_id) for one in column] if needs_decoding(feature) else column

    def decode_batch(self, batch: dict, token_per_repo_id: Any = None) -> dict:
        """Stored columns -> the columns as people see them."""
        return {name: self.decode_column(column, name, token_per_repo_id) for name, column in batch.items()}

    def copy(self) -> Features:
        """A deep copy."""
        return copy.deepcopy(self)

    def reorder_fields_as(self, other: Features) -> Features:
        """The same features in the order of `other`, nested ones too.

        Raises:
            ValueError: the names differ.
        """
        return Features(_reorder(self, other, ""))

    def flatten(self, max_depth: int = 16) -> Features:
        """Structs as one column a field, named `column.field`."""
        features = self.copy()
        for _ in range(1, max_depth):
            flat = features.copy()
            for name, feature in features.items():
                inner = feature if isinstance(feature, dict) else getattr(feature, "flatten", dict)()
                if isinstance(inner, dict) and (inner or feature == {}):
                    del flat[name]
                    flat.update({f"{name}.{key}": value for key, value in inner.items()})
            if flat == features:
                break
            features = flat
        return features


def _modern(feature: Feature) -> Feature:
    return List(visit(feature[0], _modern)) if isinstance(feature, list | tuple) else feature


def visit(feature: Feature, change: Callable[[Feature], Feature]) -> Feature:
    """Apply `change` to a feature and all below it, innermost first."""
    if isinstance(feature, dict):
        return change({key: visit(value, change) for key, value in feature.items()})
    if isinstance(feature, LargeList):
        return change(LargeList(visit(feature.feature, change), id=feature.id))
    if isinstance(feature, List):
        return change(List(visit(feature.feature, change), length=feature.length, id=feature.id))
    return change(feature)


def leaves(feature: Feature) -> Iterable[Feature]:
    """The scalar features below a feature."""
    if isinstance(feature, dict):
        for value in feature.values():
            yield from leaves(value)
    elif isinstance(feature, List | LargeList):
        yield from leaves(feature.feature)
    else:
        yield feature


def needs_decoding(feature: Feature) -> bool:
    """Whether what is stored differs from what people see."""
    return any(hasattr(leaf, "decode_example") and getattr(leaf, "decode", True) for leaf in leaves(feature))


def has_media(feature: Feature) -> bool:
    """Whether files (pictures, sounds, ...) lie below a feature."""
    return any(isinstance(leaf, MediaFile) for leaf in leaves(feature))


def with_media_decoded(features: Features, decoded: bool) -> Features:
    """The same features with all files decoded, or none."""

    def change(feature: Feature) -> Feature:
        if not isinstance(feature, MediaFile) or feature.decode == decoded:
            return feature
        feature = copy.copy(feature)
        feature.decode = decoded
        return feature

    return Features({name: visit(one, change) for name, one in features.items()})


def feature_type(feature: Feature) -> pa.DataType:
    """The Arrow type in which a feature is stored."""
    return field_of("item", feature).type


def field_of(name: str, feature: Feature) -> pa.Field:
    """The Arrow field of a feature, with the extension's mark that Hugging Face's files carry."""
    if isinstance(feature, dict):
        return pa.field(name, pa.struct([field_of(key, value) for key, value in feature.items()]))
    if isinstance(feature, list | tuple):
        if len(feature) != 1:
            raise ValueError(
                f"a list feature names one inner feature, as in [Value('int64')]; {feature} names {len(feature)}."
            )
        return pa.field(name, pa.list_(field_of("item", feature[0])))
    if isinstance(feature, LargeList):
        return pa.field(name, pa.large_list(field_of("item", feature.feature)))
    if isinstance(feature, List):
        return pa.field(name, pa.list_(field_of("item", feature.feature), feature.length))
    if not callable(feature):
        raise TypeError(f"{feature!r} is no feature; write Value('string'), ClassLabel(names=[...]), List(...), ...")
    return pa.field(name, feature(), metadata=_mark(feature))


def _mark(feature: Feature) -> dict | None:
    if isinstance(feature, Json):
        return {"ARROW:extension:name": "arrow.json", "ARROW:extension:metadata": ""}
    if isinstance(feature, _Array):
        name = f"datasets.features.features.{type(feature).__name__}ExtensionType"
        return {"ARROW:extension:name": name, "ARROW:extension:metadata": json.dumps([feature.shape, feature.dtype])}
    return None


def feature_of(one: pa.Field) -> Feature:
    """The feature of an Arrow field: its extension's mark, else its type."""
    kind = one.type
    if isinstance(kind, pa.BaseExtensionType):
        mark, extra = kind.extension_name, getattr(kind, "__arrow_ext_serialize__", bytes)()
        kind = kind.storage_type
    else:
        metadata = one.metadata or {}
        mark = metadata.get(b"ARROW:extension:name", b"").decode()
        extra = metadata.get(b"ARROW:extension:metadata", b"")
    if mark == "arrow.json":
        return Json()
    if match := re.search(r"Array([2345])DExtensionType$", mark):
        shape, dtype = json.loads(extra)
        return TYPES[f"Array{match[1]}D"](shape=tuple(shape), dtype=dtype)
    if pa.types.is_struct(kind):
        return {inner.name: feature_of(inner) for inner in kind}
    if pa.types.is_fixed_size_list(kind):
        return List(feature_of(kind.value_field), length=kind.list_size)
    if pa.types.is_list(kind):
        return List(feature_of(kind.value_field))
    if pa.types.is_large_list(kind):
        return LargeList(feature_of(kind.value_field))
    return Value(dtype_name(kind))


def plain_type(kind: pa.DataType) -> pa.DataType:
    """A type without extensions and dictionaries, at any depth."""
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(inner.name, plain_type(inner.type)) for inner in kind])
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(plain_type(kind.value_type), kind.list_size)
    if pa.types.is_list(kind):
        return pa.list_(plain_type(kind.value_type))
    if pa.types.is_large_list(kind):
        return pa.large_list(plain_type(kind.value_type))
    return kind


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)


def encode(feature: Feature, value: Any) -> Any:
    """A Python value as a feature stores it; None stays None, a missing field of a struct is None."""
    if value is None:
        return None
    if isinstance(feature, dict):
        return {key: encode(inner, value.get(key)) for key, inner in feature.items()}
    if isinstance(feature, List | LargeList):
        return encode_all(feature.feature, list(value)) if feature_encodes(feature.feature) else value
    return feature.encode_example(value) if hasattr(feature, "encode_example") else value


def encode_all(feature: Feature, values: list) -> list:
    """Many values as a feature stores them; integers, floats and strings that fit already are returned as they are."""
    if isinstance(feature, Value) and {type(value) for value in values} <= _FITTING.get(feature.dtype, set()):
        return values
    return [encode(feature, value) for value in values]


_NONE = type(None)
_FITTING = {
    "string": {str, _NONE}, "large_string": {str, _NONE}, "bool": {bool, _NONE},
    "int64": {int, _NONE}, "int32": {int, _NONE}, "int16": {int, _NONE}, "int8": {int, _NONE},
    "float64": {float, _NONE}, "float32": {float, _NONE}, "binary": {bytes, _NONE},
}  # fmt: skip


def feature_encodes(feature: Feature) -> bool:
    """Whether some value below a feature can differ from what is stored."""
    return any(hasattr(leaf, "encode_example") and not isinstance(leaf, _Array) for leaf in leaves(feature))


def decode(feature: Feature, value: Any, tokens: dict | None = None) -> Any:
    """A stored value as people see it; `tokens` open files in private repositories, by the repository's name."""
    if value is None or not needs_decoding(feature):
        return value
    if isinstance(feature, dict):
        return {key: decode(feature[key], inner, tokens) for key, inner in value.items()}
    if isinstance(feature, List | LargeList):
        return [decode(feature.feature, inner, tokens) for inner in value]
    return feature.decode_example(value, tokens) if tokens else feature.decode_example(value)


def is_null(feature: Feature) -> bool:
    """Whether a feature is null, or a list of nothing but nulls: no value has been seen yet."""
    if isinstance(feature, List | LargeList):
        return is_null(feature.feature)
    return isinstance(feature, Value) and feature.dtype == "null"


def align(features: list[Features]) -> list[Features]:
    """Give columns of the same name the same feature: one that is null takes the other's.

    Raises:
        ValueError: two features of one name differ.
    """
    chosen: dict = {}
    for one in features:
        for name, feature in one.items():
            if name not in chosen or is_null(chosen[name]):
                chosen[name] = feature
            elif isinstance(feature, dict) and isinstance(chosen[name], dict):
                both = align([Features(chosen[name]), Features(feature)])
                chosen[name] = {**both[0], **both[1]}
            elif not is_null(feature) and feature != chosen[name]:
                raise ValueError(
                    f"the features cannot be aligned: the column {name!r} is {chosen[name]} in one data set and "
                    f"{feature} in "
                    f"another.\nBring them to one with ds.cast_column({name!r}, {chosen[name]})."
                )
    return [Features({name: chosen[name] for name in one}) for one in features]


def _reorder(source: Feature, target: Feature, at: str) -> Feature:
    where = f" at {at[1:]}" if at else ""
    if isinstance(source, dict):
        if not isinstance(target, dict):
            raise ValueError(f"Type mismatch between {source} and {target}{where}.")
        if sorted(source) != sorted(target):
            raise ValueError(
                f"Keys mismatch between {source} and {target}{where}: {sorted(source.keys() - target.keys())} and "
                f"{sorted(target.keys() - source.keys())} have no partner."
            )
        return {key: _reorder(source[key], target[key], f"{at}.{key}") for key in target}
    if isinstance(source, List | LargeList):
        if type(source) is not type(target):
            raise ValueError(f"Type mismatch between {source} and {target}{where}.")
        inner = _reorder(source.feature, target.feature, f"{at}.<list>")
        return List(inner, length=source.length) if isinstance(source, List) else LargeList(inner)
    return source


def _few(names: list[str]) -> str:
    return ", ".join(map(repr, names[:10])) + (f" and {len(names) - 10} more" if len(names) > 10 else "")


# ---- dicts, as in dataset_info.json and in Arrow's metadata


def _to_dict(feature: Feature) -> Any:
    if isinstance(feature, dict):
        return {key: _to_dict(value) for key, value in feature.items()}
    if isinstance(feature, list | tuple):
        return [_to_dict(value) for value in feature]
    if not is_dataclass(feature):
        return feature
    out = {}
    for one in fields(feature):
        value = getattr(feature, one.name)
        if one.name == "_type" or value != one.default:
            out[one.name] = _to_dict(value) if one.name == "feature" else value
    return {**{key: value for key, value in out.items() if key != "_type"}, "_type": out["_type"]}


def _from_dict(dic: Any) -> Feature:
    if isinstance(dic, list):
        return [_from_dict(value) for value in dic]
    if not isinstance(dic, dict):
        raise TypeError(f"{dic!r} is no feature's dict, as in {{'dtype': 'string', '_type': 'Value'}}.")
    if "_type" not in dic or isinstance(dic["_type"], dict):
        return {key: _from_dict(value) for key, value in dic.items()}
    dic = dict(dic)
    name = dic.pop("_type")
    kind = Sequence if name == "Sequence" else TYPES.get(name)
    if kind is None:
        raise ValueError(f"there is no feature type {name!r}.{near(name, TYPES)} Known are {', '.join(TYPES)}.")
    if kind in (Sequence, List, LargeList):
        return kind(_from_dict(dic.pop("feature")), **dic)
    known = {one.name for one in fields(kind)}  # pyright: ignore[reportArgumentType]
    return kind(**{key: value for key, value in dic.items() if key in known})


# ---- YAML, as in a README's `dataset_info`


def _snake(name: str) -> str:
    return re.sub(r"([a-z\d])([A-Z])", r"\1_\2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)).lower()


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in re.split(r"_+", name))


_BY_SNAKE = {_snake(name): name for name in TYPES}


def _to_yaml(feature: Feature) -> dict:
    if isinstance(feature, dict):
        return {"struct": [{"name": key, **_to_yaml(value)} for key, value in feature.items()]}
    if isinstance(feature, List | LargeList):
        inner: Any = _to_yaml(feature.feature)
        inner = next(iter(inner.values())) if list(inner) in (["dtype"], ["struct"]) else inner
        rest = {key: value for key, value in _to_dict(feature).items() if key not in ("feature", "_type")}
        return {_snake(type(feature).__name__): inner, **rest}
    rest = {key: list(v) if isinstance(v, tuple) else v for key, v in _to_dict(feature).items() if key != "_type"}
    if isinstance(feature, Value):
        return rest
    if isinstance(feature, ClassLabel):
        rest["names"] = {str(i): name for i, name in enumerate(feature.names or [])}
    name = _snake(type(feature).__name__)
    return {"dtype": {name: rest} if rest else name}


def _from_yaml(data: Any) -> Feature:
    if isinstance(data, list):
        return {one.pop("name"): _from_yaml(one) for one in data}
    if not isinstance(data, dict):
        raise TypeError(f"{data!r} is no feature in YAML, as in `- name: text` with `dtype: string`.")
    if not data:
        return {}
    kind = next(iter(data))
    if kind in ("list", "large_list", "sequence"):
        inner = data.pop(kind)
        feature: Any = _from_yaml({"dtype": inner} if isinstance(inner, str) else inner)
        if kind == "sequence" and isinstance(inner, list):
            return {key: List(value, **data) for key, value in feature.items()}
        return LargeList(feature, **data) if kind == "large_list" else List(feature, **data)
    if kind == "struct":
        return _from_yaml(data["struct"])
    if kind == "dtype":
        inner = data["dtype"]
        if not isinstance(inner, str):
            return _from_yaml(inner)
        if inner in _BY_SNAKE:
            return TYPES[_BY_SNAKE[inner]]()
        return Value(**data)
    options = dict(data[kind])
    if kind == "class_label" and isinstance(options.get("names"), dict):
        ids = sorted(options["names"], key=int)
        if [int(i) for i in ids] != list(range(len(ids))):
            raise ValueError(f"class_label needs a name for every id from 0 to {ids[-1]}; given are {ids}.")
        options["names"] = [options["names"][i] for i in ids]
    return _from_dict({"_type": _BY_SNAKE.get(kind, _camel(kind)), **options})
