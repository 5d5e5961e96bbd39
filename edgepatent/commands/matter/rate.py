"""``edgepatent matter rate``: what is decided about a design."""

from pathlib import Path

import click

from edgepatent import console
from edgepatent.places import matter_argument


@click.command()
@matter_argument
@click.argument("patents", nargs=-1, required=True, metavar="ID...")
@click.option(
    "--as",
    "rating",
    type=click.Choice(["relevant", "background", "noise", "nothing"]),
    help="noise is left out of later searches; nothing takes a rating back.",
)
@click.option("--note", metavar="TEXT", help="What shall stand beside it in the report.")
@click.option(
    "--shortlist/--no-shortlist", default=None, help="Put it on the shortlist, or take it off."
)
def command(
    matter: Path,
    patents: tuple[str, ...],
    rating: str | None,
    note: str | None,
    shortlist: bool | None,
) -> None:
    """Rate designs, note something, or put them on the shortlist.

    What is not named stays as it is.
    """
    import msgspec

    from edgepatent.matter import Matter, Rating
    from edgepatent_runtime.patent_id import canonical

    if rating is None and note is None and shortlist is None:
        raise click.UsageError("say what is decided: --as, --note or --shortlist")
    wanted: Rating | msgspec.UnsetType | None = msgspec.UNSET
    if rating is not None:
        wanted = None if rating == "nothing" else msgspec.convert(rating, Rating)
    case = Matter(matter)
    for number in patents:
        made = case.decide(
            canonical(number),
            rating=wanted,
            note=msgspec.UNSET if note is None else note,
            shortlisted=msgspec.UNSET if shortlist is None else shortlist,
        )
        console.say(f"{made.patent_id}: {made.in_words or 'no rating'}")
