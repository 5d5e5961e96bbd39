"""``edgepatent watch run``: what is new, on one page."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.options import json_option, quiet_option, threads_option
from edgepatent.places import watches_option


def _since(ctx: click.Context, parameter: click.Parameter, value: str | None) -> int | str | None:
    from edgepatent_runtime.filters import Filters

    return Filters.read(added=value).added


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--since",
    callback=_since,
    metavar="GENERATION|DATE",
    help="Ask of what came after this generation of the index, or on this date or later, also "
    "what was shown already. [default: since each watch last ran]",
)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the digest: one page to look at and to print. Where nothing is new, a page that "
    "is there stays.",
)
@watches_option
@threads_option
@quiet_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    names: tuple[str, ...],
    since: int | str | None,
    html: Path | None,
    watches: Path,
    threads: int,
    quiet: bool,
    as_json: bool,
) -> None:
    """Ask the watches of what came since they last ran.

    Without NAME all of them. Only new drawings are scored; a design that was shown, or is rated
    noise in the watch's matter, is not shown again. Interrupted, the same command begins again
    and loses nothing. Exits with 1 where a watch could not be asked; the others were.
    """
    from edgepatent.report import digest
    from edgepatent.watch import Watches
    from edgepatent.watching import Round
    from edgepatent_runtime import whole

    folder = Watches(watches)
    chosen = [folder.get(name) for name in names or folder.names()]
    findings = []
    with Round(folder, threads=threads) as asked, console.progress_bar() as progress:
        for number, watch in enumerate(chosen, start=1):
            findings.append(asked.ask(watch, since))
            progress("asking watches", number, len(chosen))
        document = digest.document(findings)
        # The page first: a crash in between shows something twice, never not at all.
        if html is not None and (document.designs or not html.exists()):
            whole.write(html, digest.render(findings, document).encode())
        asked.remember(findings)
    if as_json:
        console.print_json(document)
    else:
        if quiet:
            console.say(f"{len(chosen)} watches: {document.designs} new designs")
        else:
            for line in digest.lines(document):
                console.say(line)
        if html is not None and not document.designs:
            console.say(f"nothing new: {html} stays as it is", err=True)
    failed = [one for one in findings if one.problem is not None]
    if failed and quiet:
        console.warn(f"{len(failed)} watches were not asked: edgepatent watch run says which")
    for one in failed if not quiet else ():
        console.warn(f"{one.watch.name} was not asked: {one.problem}")
    ctx.exit(1 if failed else 0)
