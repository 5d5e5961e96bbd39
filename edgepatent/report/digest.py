"""What ``watch run`` prints: what is new for each watch, as JSON, in lines, and as one page."""

from collections.abc import Iterator, Sequence

import msgspec

from edgepatent import kept
from edgepatent.report.asked import in_words
from edgepatent.report.document import HitEntry, hit_entry
from edgepatent.report.page import data_uri, encode_png
from edgepatent.report.table import found_by, in_percent, score
from edgepatent.watch import Seen, Watch
from edgepatent.watching import Finding
from edgepatent_runtime.search.results import Hit
from edgepatent_runtime.templates import template

# Longest side of a query's picture, in pixels.
QUERY = 192


class WatchSummary(msgspec.Struct, frozen=True):
    """A watch in the list of all; ``ran`` is UTC ("" for never), ``shown`` counts designs."""

    name: str
    asks: str
    created: str
    ran: str
    shown: int
    indexes: list[str]
    matter: str | None


class WatchEntry(msgspec.Struct, frozen=True):
    """What is new for a watch.

    ``searched`` is how many new drawings were scored; ``problem`` says why it could not be asked,
    ``doubt`` why hits have no verdict.
    """

    name: str
    asks: str
    matter: str | None
    searched: int
    hits: list[HitEntry]
    problem: str | None
    doubt: str | None


class DigestDocument(msgspec.Struct, frozen=True):
    """The JSON of ``watch run``; ``designs`` is how many are new over all watches."""

    created: str
    designs: int
    watches: list[WatchEntry]


def summary(watch: Watch, seen: Seen | None) -> WatchSummary:
    """A watch in a line."""
    seen = seen or Seen()
    return WatchSummary(
        watch.name,
        in_words(watch.request),
        watch.created,
        seen.ran,
        len(seen.shown),
        list(watch.indexes),
        watch.matter,
    )


def document(findings: Sequence[Finding]) -> DigestDocument:
    """What was found, in plain values."""
    watches = [
        WatchEntry(
            name=one.watch.name,
            asks=in_words(one.watch.request),
            matter=one.watch.matter,
            searched=one.searched,
            hits=[hit_entry(hit) for hit in one.hits],
            problem=one.problem,
            doubt=one.doubt,
        )
        for one in findings
    ]
    designs = {hit.patent_id for one in findings for hit in one.hits}
    return DigestDocument(kept.now(), len(designs), watches)


def lines(digest: DigestDocument) -> Iterator[str]:
    """The same for a terminal or a mail: one line a design, the quiet watches in one."""
    quiet = 0
    for watch in digest.watches:
        if not watch.hits:
            quiet += watch.problem is None
            continue
        yield f"{watch.name}: {watch.asks}"
        for hit in watch.hits:
            facts = (hit.patent_id, hit.title, hit.locarno, hit.date)
            yield f"  {_measure(hit)}  " + "  ".join(filter(None, facts))
    if quiet:
        yield f"{quiet} of {len(digest.watches)} watches: nothing new"
    if not digest.watches:
        yield "no watches: edgepatent watch add NAME IMG"


def _measure(hit: HitEntry) -> str:
    """How good a hit is, as far as that can be told, and how words found it."""
    measure = in_percent(hit.verdict, hit.probability) or score(hit)
    return ", ".join(filter(None, (measure, found_by(hit))))


def render(findings: Sequence[Finding], digest: DigestDocument) -> str:
    """The page: what is new for each watch beside what it asks. Pictures as the indexes have them.

    The indexes must be open still.
    """
    pairs = [
        (one, entry) for one, entry in zip(findings, digest.watches, strict=True) if entry.hits
    ]
    loud = [
        {
            "entry": entry,
            "pictures": [data_uri(encode_png(page, QUERY)[0]) for page in one.pictures],
            "hits": [_tile(hit) for hit in one.hits],
        }
        for one, entry in pairs
    ]
    quiet = [one.name for one in digest.watches if not one.hits and one.problem is None]
    return template("edgepatent.report", "digest.html.j2").render(
        title=f"New designs, {digest.created[:10]}",
        created=digest.created[:16].replace("T", " ") + " UTC",
        digest=digest,
        loud=loud,
        quiet=quiet,
    )


def _tile(hit: Hit) -> dict[str, object]:
    png = hit.drawings[0].thumbnail()
    owner = ", ".join(hit.bibliography.owners[:1])
    return {
        "patent_id": hit.patent_id,
        "title": hit.title or "",
        "score": score(hit),
        "verdict": ", ".join(
            filter(None, (in_percent(hit.verdict, hit.probability), found_by(hit)))
        ),
        "uri": None if png is None else data_uri(png),
        "facts": [fact for fact in (hit.locarno, hit.date, owner) if fact],
    }
