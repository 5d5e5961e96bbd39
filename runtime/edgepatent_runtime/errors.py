"""Every error that edgepatent raises on purpose.

    EdgepatentError
    ├── InputError              what was passed in cannot be used
    │   ├── DrawingError        bytes that are no usable drawing
    │   ├── SourceError         a source of drawings that cannot be read at all
    │   └── RecipeError         a training recipe that makes no sense
    ├── BundleError             a model bundle that is missing, damaged or not for us
    ├── CollectionError         a collection that is missing, damaged or not for us
    │   ├── SpaceMismatchError  embeddings of one model compared with those of another
    │   └── LockedError         somebody else is writing
    ├── TrainingError           a training run that cannot start or go on
    ├── ExportError             a model that cannot be exported, or is refused its certificate
    ├── ClusterError            machines that cannot be reached, or lost what they were given
    └── MissingExtraError       an optional dependency that is not installed

A message is one line that says what is wrong and what to do; the command line prints it as it is
and exits with 1. Anything else that escapes is a bug.
"""


class EdgepatentError(Exception):
    """The base of all errors that a user can do something about."""


class InputError(EdgepatentError):
    """What was passed in cannot be used."""


class DrawingError(InputError):
    """Bytes that are no usable drawing.

    ``reason`` is a short phrase without names or numbers ("blank page"): summaries count by it.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}" if detail else reason)

    def __reduce__(self) -> tuple[type["DrawingError"], tuple[str, str]]:
        # As it was made, on its way to another process: pickle would pass the message alone.
        return type(self), (self.reason, self.detail)


class SourceError(InputError):
    """A source of drawings that cannot be read at all."""


class RecipeError(InputError):
    """A training recipe that makes no sense."""


class BundleError(EdgepatentError):
    """A model bundle that is missing, damaged or not for this version."""


class CollectionError(EdgepatentError):
    """A collection that is missing, damaged or not for this version."""


class SpaceMismatchError(CollectionError):
    """Embeddings of one model compared with those of another."""


class LockedError(CollectionError):
    """Another process is writing to the collection."""


class TrainingError(EdgepatentError):
    """A training run that cannot start or go on."""


class ExportError(EdgepatentError):
    """A model that cannot be exported, or that is refused its certificate."""


class ClusterError(EdgepatentError):
    """Machines that cannot be reached, or that lost what they were given to do."""


class MissingExtraError(EdgepatentError):
    """An optional dependency that is not installed."""

    def __init__(self, what: str, extra: str) -> None:
        self.what = what
        self.extra = extra
        super().__init__(f"{what} needs an extra: pip install 'edgepatent[{extra}]'")

    def __reduce__(self) -> tuple[type["MissingExtraError"], tuple[str, str]]:
        return type(self), (self.what, self.extra)
