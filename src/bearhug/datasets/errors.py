"""The exceptions that only data sets have, below those of Python that people catch.

DatasetsError
    DatasetNotFoundError, DataFilesNotFoundError, EmptyDatasetError (all FileNotFoundError)
    DatasetGenerationError
DatasetTransformationNotAllowedError
MissingIndex
UnknownNameError (ValueError, KeyError)
"""


class DatasetsError(Exception):
    """Something is wrong with a data set."""


class DatasetNotFoundError(DatasetsError, FileNotFoundError):
    """No data set of this name, here or on the hub."""


class DataFilesNotFoundError(DatasetsError, FileNotFoundError):
    """No file in a format that can be read."""


class EmptyDatasetError(DatasetsError, FileNotFoundError):
    """A folder without data files."""


class DatasetGenerationError(DatasetsError):
    """A file could not be read into a table; the message names the file and the place."""


class DatasetTransformationNotAllowedError(Exception):
    """Rows cannot be chosen anew while a search index says where they are."""


class MissingIndex(Exception):
    """There is no search index of this name."""


class UnknownNameError(ValueError, KeyError):
    """There is no column or split of this name."""

    __str__ = Exception.__str__
