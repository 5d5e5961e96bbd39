"""Why one input cannot be used, whatever it was that went wrong with it."""

from collections.abc import Iterator
from contextlib import contextmanager

from edgepatent_runtime.errors import DrawingError, EdgepatentError
from edgepatent_runtime.record import Skipped


@contextmanager
def survived(skipped: Skipped, name: str) -> Iterator[None]:
    """The boundary around looking at one input: what goes wrong is counted, and the next one comes.

    Reading its pixels has another one, in the worker.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 -- whatever a stranger's file makes go wrong
        reason = unusable(error, name)
        skipped.add(reason.reason, reason.detail or name)


def unusable(error: Exception, name: str) -> DrawingError:
    """``error``, which arose over the input ``name``, as a reason to leave that input out."""
    match error:
        case DrawingError():
            return error
        case EdgepatentError():
            return DrawingError(str(error), name)
        case MemoryError():
            return DrawingError("needs too much memory to read", name)
        case RecursionError():
            return DrawingError("nested too deeply to read", name)
        case UnicodeEncodeError():
            return DrawingError("name that is not UTF-8", name)
        case OSError():
            return DrawingError("file cannot be read", f"{name} ({error.strerror or error})")
    return DrawingError("cannot be read", f"{name} ({type(error).__name__}: {error})")
