"""Why one input cannot be used, whatever it was that went wrong with it."""

from edgepatent_runtime.errors import DrawingError


def unusable(error: Exception, name: str) -> DrawingError:
    """``error``, which arose over the input ``name``, as a reason to leave that input out."""
    match error:
        case DrawingError():
            return error
        case MemoryError():
            return DrawingError("needs too much memory to read", name)
        case RecursionError():
            return DrawingError("nested too deeply to read", name)
        case UnicodeEncodeError():
            return DrawingError("name that is not UTF-8", name)
        case OSError():
            return DrawingError("file cannot be read", f"{name} ({error.strerror or error})")
    return DrawingError("cannot be read", f"{name} ({type(error).__name__}: {error})")
