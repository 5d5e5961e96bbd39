"""The command ``edgepatent``: a group that imports a verb only when it is called."""

import sys
from importlib import import_module
from io import StringIO

import click

from edgepatent import __version__
from edgepatent_runtime.errors import EdgepatentError, MissingExtraError


class LazyGroup(click.Group):
    """A group whose commands live in modules of a package, one module a verb.

    ``verbs`` maps each verb to its one-line help: kept here so that ``--help`` imports nothing.
    The module ``PACKAGE.VERB`` defines ``command``; a test holds the lines to the commands' own.
    """

    def __init__(self, *, package: str, verbs: dict[str, str], name: str, help: str) -> None:
        super().__init__(name=name, help=help)
        self.package = package
        self.verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs, what is used most first."""
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the verb's module and return its command; None for an unknown verb."""
        if cmd_name not in self.verbs:
            return None
        module = import_module(f"{self.package}.{cmd_name.replace('-', '_')}")
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The verb that is named first; a mistyped one is told its neighbour."""
        name = args[0]
        if name not in self.verbs and not name.startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(name, self.verbs, n=1)
            where = ctx.command_path
            meant = f"did you mean {where} {near[0]}?" if near else f"{where} --help lists them"
            raise click.UsageError(f"there is no {where} {name}: {meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.verbs.items()))


# What most people come for is first.
VERBS = {
    "search": "Find the patents whose drawings look like an image.",
    "index": "Make drawings searchable: add, remove, info, verify, rebuild, merge, split.",
    "batch": "Search with every image of a folder, each by itself.",
    "watch": "Ask saved searches of what is new: add, list, show, remove, run.",
    "matter": "What was kept of a case (search --matter): list, show, rate, report, export.",
    "serve": "Serve the page: search, compare, rate and keep, in a browser on this machine.",
    "replay": "Search again as recorded in FILE (search --record) and say what differs.",
    "classify": "Suggest Locarno subclasses for a drawing, from its neighbours.",
    "demo": "Show a search on synthetic designs, start to finish.",
    "doctor": "Check that model, index and machine are in order.",
    "bench": "Measure encoding and search on this machine.",
    "data": "Look at, unpack or make drawings: scan, figures, synthesize, deeppatent2, locarno.",
    "embed": "Write the embeddings of drawings to a .npy file.",
    "cluster": "Many machines at once, by Ray: embed, serve.",
    "evaluate": "Score a model's retrieval at patent, subclass and class level.",
    "compare": "Score every MODEL (a bundle, a run, starter, starter-small) on the same drawings.",
    "train": "Fine-tune a backbone with the hierarchical contrastive loss.",
    "export": "Turn the training run RUN into a bundle.",
    "update": "Bring indexes up to date by what differs: pack, apply, rollback.",
    "bundle": "Sign bundles, verify their signatures, teach them words: key, sign, verify, words.",
}

# The extra that brings a module. Verbs import these where they need them; one that is missing is
# explained at the one edge below, so that no verb has to.
EXTRAS = {
    "edgepatent_train": "train",
    "torch": "train",
    "torchvision": "train",
    "timm": "train",
    "accelerate": "train",
    "safetensors": "train",
    "matplotlib": "train",
    "sklearn": "train",
    "edgepatent_export": "export",
    "onnx": "export",
    "onnxscript": "export",
    "optimum": "export",
    "pypdfium2": "pdf",
    "pillow_heif": "heif",
    "resvg_py": "svg",
    "cryptography": "sign",
    "edgepatent_postgres": "postgres",
    "psycopg": "postgres",
    "edgepatent_cluster": "ray",
    "fsspec": "ray",
    "ray": "ray",
    "starlette": "web",
    "uvicorn": "web",
    "xlsxwriter": "xlsx",
}

command = LazyGroup(
    package="edgepatent.commands",
    verbs=VERBS,
    name="edgepatent",
    help="Find patent drawings by image, offline. Nothing leaves this machine.",
)
click.version_option(__version__, prog_name="edgepatent")(command)
click.option("--debug", is_flag=True, help="Show a traceback when something fails.")(command)


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status.

    The one edge where errors become words: whatever edgepatent raises on purpose is one line on
    stderr and status 1, a traceback only with ``--debug``, which may stand anywhere.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments
    arguments = [argument for argument in arguments if argument != "--debug"]
    try:
        status = command.main(arguments, prog_name="edgepatent", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("interrupted", err=True)
        return 1
    except click.ClickException as error:
        from edgepatent.console import say

        words = StringIO()
        error.show(words)
        say(words.getvalue().rstrip("\n"), err=True)
        return error.exit_code
    except ImportError as error:
        missing = (error.name or "").partition(".")[0]
        extra = EXTRAS.get(missing) if isinstance(error, ModuleNotFoundError) else None
        if debug:
            raise
        if extra is not None:
            click.echo(f"edgepatent: {MissingExtraError('this', extra)}", err=True)
        else:
            reason = (str(error).splitlines() or [""])[0]
            click.echo(
                f"edgepatent: the installation is broken ({reason}): edgepatent doctor says what "
                "to do about it",
                err=True,
            )
        return 1
    except (EdgepatentError, OSError) as error:
        if debug:
            raise
        from edgepatent.console import plain

        click.echo(plain(f"edgepatent: {_explained(error)}"), err=True)
        return 1
    return status if isinstance(status, int) else 0


def _explained(error: EdgepatentError | OSError) -> str:
    """What is wrong, and what to do about it."""
    # Python's own words, where it finds no place for temporary files, say nothing of the latter.
    if isinstance(error, OSError) and "No usable temporary directory" in str(error):
        return "this needs a folder for temporary files: set TMPDIR to one that can be written to"
    return str(error)
