"""``edgepatent data locarno``: what a code means."""

import click

from edgepatent import console
from edgepatent.console import print_json
from edgepatent.options import json_option


@click.command()
@click.argument("code", required=False)
@json_option
def command(code: str | None, as_json: bool) -> None:
    """Explain a Locarno code, or list them all.

    CODE may be written 06-01, 0601, 6-1, 06.01 or "LOC (13) Cl. 06-01"; a class alone (06) lists
    its subclasses. Codes of the editions 9 to 15 are known. Source: WIPO.
    """
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
