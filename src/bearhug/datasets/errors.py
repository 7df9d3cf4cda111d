"""The exceptions that only data sets have, below those of Python that people catch.

DatasetsError
    DatasetNotFoundError, DataFilesNotFoundError, EmptyDatasetError (all FileNotFoundError)
        DatasetUnreachableError (also ConnectionError)
    DefunctDatasetError
    DatasetBuildError
        ManualDownloadError, FileFormatError
        DatasetGenerationError
            DatasetGenerationCastError
    ChecksumVerificationError
        UnexpectedDownloadedFileError, ExpectedMoreDownloadedFilesError, NonMatchingChecksumError
    SplitsVerificationError
        UnexpectedSplitsError, ExpectedMoreSplitsError, NonMatchingSplitsSizesError
DatasetTransformationNotAllowedError
MissingIndex
UnknownNameError (ValueError, KeyError)
"""


class DatasetsError(Exception):
    """Something is wrong with a data set."""


class DatasetNotFoundError(DatasetsError, FileNotFoundError):
    """No data set of this name, here or on the hub."""


class DatasetUnreachableError(DatasetNotFoundError, ConnectionError):
    """No data set of this name is here or in the cache, and no hub answers."""


class DataFilesNotFoundError(DatasetsError, FileNotFoundError):
    """No file in a format that can be read."""


class EmptyDatasetError(DatasetsError, FileNotFoundError):
    """A folder without data files."""


class DefunctDatasetError(DatasetsError):
    """A data set that was taken down."""


class DatasetBuildError(DatasetsError):
    """A data set could not be made out of its source."""


class ManualDownloadError(DatasetBuildError):
    """Files are needed that nobody can fetch for you."""


class FileFormatError(DatasetBuildError):
    """Prepared files are in a format that cannot be opened as a data set."""


class DatasetGenerationError(DatasetBuildError):
    """A file could not be read into a table; the message names the file and the place."""


class DatasetTransformationNotAllowedError(Exception):
    """Rows cannot be chosen anew while a search index says where they are."""


class MissingIndex(Exception):
    """There is no search index of this name."""


class DatasetGenerationCastError(DatasetGenerationError):
    """Files with other columns or types than the features, or the files before them, have."""


class ChecksumVerificationError(DatasetsError):
    """A fetched file is not the one that was announced."""


class UnexpectedDownloadedFileError(ChecksumVerificationError):
    """A file was fetched that nobody announced."""


class ExpectedMoreDownloadedFilesError(ChecksumVerificationError):
    """An announced file was not fetched."""


class NonMatchingChecksumError(ChecksumVerificationError):
    """A fetched file has other bytes than were announced."""


class SplitsVerificationError(DatasetsError):
    """The splits are not those that the data set's card announces."""


class UnexpectedSplitsError(SplitsVerificationError):
    """There is a split that the card does not announce."""


class ExpectedMoreSplitsError(SplitsVerificationError):
    """A split that the card announces is missing."""


class NonMatchingSplitsSizesError(SplitsVerificationError):
    """A split has another number of rows than the card announces."""


class UnknownNameError(ValueError, KeyError):
    """There is no column or split of this name."""

    __str__ = Exception.__str__
