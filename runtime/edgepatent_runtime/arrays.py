"""What numpy raises for files of arrays that are damaged, or were made to be."""

import tokenize
import zipfile
import zlib

DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""numpy parses a header as Python text and an archive as a ZIP: each has errors of its own."""
