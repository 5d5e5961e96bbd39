"""``edgepatent data locarno``: what a code means, and which US design classes go with it."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.console import print_json
from edgepatent.options import json_option
from edgepatent.places import index_option


@click.command()
@click.argument("code", required=False)
@click.option(
    "--uspc",
    metavar="CODE",
    help="The Locarno subclasses that designs of this US class (D6-334, D6) have in --index.",
)
@index_option
@json_option
def command(code: str | None, uspc: str | None, index: Path | str, as_json: bool) -> None:
    """Explain a Locarno code, or list them all.

    CODE may be written 06-01, 0601, 6-1, 06.01 or "LOC (13) Cl. 06-01"; a class alone (06) lists
    its subclasses. Codes of the editions 9 to 15 are known. Source: WIPO. Which Locarno subclass a
    US class stands for is counted in the index, whose patents carry both.
    """
    if uspc is not None:
        if code is not None:
            raise click.UsageError("name a Locarno code or --uspc, not both")
        _of_uspc(uspc, index, as_json)
        return
    from edgepatent_runtime import locarno
    from edgepatent_runtime.errors import InputError

    if code is None:
        chosen = locarno.codes()
    else:
        parsed = locarno.parse(code)
        if parsed is None:
            raise InputError(f"{code!r} is no Locarno code: write it as 06-01, 0601, 6-1 or 06")
        if not locarno.is_known(parsed):
            raise InputError(
                f"{parsed} is in no edition from 9 to 15: edgepatent data locarno "
                f"{locarno.klass(parsed)} lists the subclasses of a class"
            )
        chosen = (
            (locarno.klass(parsed), parsed)
            if "-" in parsed
            else tuple(known for known in locarno.codes() if known.startswith(parsed))
        )
    if as_json:
        print_json([{"code": known, "name": locarno.name(known)} for known in chosen])
        return
    for known in chosen:
        indent = "   " if "-" in known else ""
        console.say(f"{indent}{known}  {locarno.name(known) or '(no name at hand)'}")


def _of_uspc(code: str, folder: Path | str, as_json: bool) -> None:
    """The Locarno subclasses that go with a US class, most frequent first."""
    from edgepatent_runtime import locarno
    from edgepatent_runtime.index import Index
    from edgepatent_runtime.search.request import Request

    with Index.open(folder) as index:
        kinds = index.facets(Request(uspc=[code])).kinds
    counts = {subclass or klass: count for (klass, subclass), count in kinds.items()}
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    if as_json:
        print_json([
            {"code": found, "name": locarno.name(found), "designs": count}
            for found, count in ranked
        ])  # fmt: skip
        return
    if not ranked:
        console.say(f"no design of {code} with a Locarno code is indexed in {folder}")
    for found, count in ranked:
        console.say(f"{count:>7,}  {found}  {locarno.name(found) or '(no name at hand)'}")
