"""What patents can be found and counted by: names, US design classes, countries, families.

A term has a ``kind``, a ``key`` that questions are compared with, and a ``value`` for people. Of
kind "family" are the patent itself and all applications and patents that it builds upon: patents
that share one are of one family, directly or by way of others.
"""

from collections.abc import Iterator

from edgepatent_runtime import uspc
from edgepatent_runtime.parties import folded
from edgepatent_runtime.record import Bibliography

APPLICANT, COUNTRY, FAMILY, USPC, USPC_CLASS = (
    "applicant", "country", "family", "uspc", "uspc class"
)  # fmt: skip


def terms(patent_id: str, known: Bibliography) -> set[tuple[str, str, str]]:
    """Kind, key and value of all terms of a patent; one of several spellings of a name."""
    found = {(kind, key): value for kind, key, value in _terms(patent_id, known) if key}
    return {(kind, key, value) for (kind, key), value in found.items()}


def _terms(patent_id: str, known: Bibliography) -> Iterator[tuple[str, str, str]]:
    for name in reversed(known.owners):
        yield APPLICANT, folded(name), name
    if known.country:
        yield COUNTRY, known.country, known.country
    for code in known.uspc:
        if "-" in code:
            yield USPC, code, code
        yield USPC_CLASS, uspc.klass(code), uspc.klass(code)
    numbers = [number for one in known.related for number in (one.application, one.patent)]
    for number in (patent_id, known.application, *numbers):
        if number:
            yield FAMILY, number, number
