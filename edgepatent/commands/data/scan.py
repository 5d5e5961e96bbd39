"""``edgepatent data scan``: what sources hold."""

import click

from edgepatent.console import print_json, report_skipped
from edgepatent.options import json_option, sources_argument


@click.command(help="Tell what sources hold: drawings, patents, classes, and what cannot be used.")
@sources_argument
@json_option
def command(sources: tuple[str, ...], as_json: bool) -> None:
    """Count drawings, patents, classes and subclasses of SOURCES."""
    from edgepatent_runtime.record import Skipped
    from edgepatent_runtime.sources import open_source
    from edgepatent_runtime.sources.survey import Survey, usable

    survey, skipped = Survey(), Skipped()
    for source in [open_source(spec) for spec in sources]:
        for record in usable(source.records(skipped), skipped):
            survey.add(record)
    document = {
        "drawings": survey.drawings,
        "patents": len(survey.views),
        "classes": len(survey.drawings_by_class),
        "subclasses": len(survey.drawings_by_subclass),
        "unknown_locarno": survey.unknown_locarno,
        "views_per_patent": round(survey.drawings / len(survey.views), 2) if survey.views else 0,
        "skipped": dict(sorted(skipped.counts.items())),
    }
    if as_json:
        print_json(document)
        return
    for name, value in document.items():
        click.echo(f"{name}: {value}")
    report_skipped(skipped)
