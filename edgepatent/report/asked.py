"""What was asked, in words."""

from edgepatent_runtime.search.request import Request


def in_words(request: Request) -> str:
    """What was asked, in a line."""
    parts = []
    if request.queries:
        views = len(request.queries)
        parts.append("one image" if views == 1 else f"{views} images of one design")
    if request.like:
        parts.append(f"like {request.like}")
    if request.text:
        parts.append(f"“{request.text}”")
    if request.kin is not None:
        parts.append(f"kin {request.kin:g}")
    named = (
        ("Locarno ", request.locarno),
        ("without Locarno ", request.not_locarno),
        ("US class ", request.uspc),
        ("by ", request.applicants),
        ("not by ", request.not_applicants),
        ("in ", request.countries),
        ("the family of ", request.families),
        ("without the family of ", request.not_families),
    )
    parts += [label + ", ".join(values) for label, values in named if values]
    if request.since:
        parts.append(f"from {request.since}")
    if request.before:
        parts.append(f"before {request.before}")
    return ", ".join(parts)
