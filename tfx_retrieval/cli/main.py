"""Entry point of the command: the command group and the contract about exit codes."""

from __future__ import annotations

import io
import shutil
import sys
from typing import Any, NoReturn

import click

import tfx_retrieval
from tfx_retrieval.cli import failures
from tfx_retrieval.cli.commands import configs, generate, inspect, recommend, run, serving, vertex

_DONE = 0
_FAILED = 1
_WRONG_INPUT = 2


class ContractGroup(click.Group):
    """Command group that exits with 0 (done), 2 (the input is wrong) or 1 (anything else)."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Lists the commands in the order in which a person needs them."""
        return list(self.commands)

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Runs the command line and ends the process; arguments as in `click.Command.main`."""
        kwargs["standalone_mode"] = False
        sys.exit(self._exit_code(*args, **kwargs))

    def _exit_code(self, *args: Any, **kwargs: Any) -> int:
        try:
            # A command returns nothing; --help and --version return their exit code.
            return super().main(*args, **kwargs) or _DONE
        except click.ClickException as error:
            # Every error of click itself is about the command line: an option, an argument, a file.
            error.show()
            return _WRONG_INPUT
        except (click.Abort, KeyboardInterrupt):
            click.echo("interrupted", err=True)
            return _FAILED
        except Exception as error:
            wrong_input = failures.input_error(error)
            if wrong_input is not None:
                width = shutil.get_terminal_size().columns if sys.stderr.isatty() else None
                click.echo(failures.describe_input_error(wrong_input, width), err=True)
                return _WRONG_INPUT
            click.echo(failures.describe_failure(error), err=True)
            return _FAILED


_HELP = """Two-tower retrieval models on TFX, from two JSON files.

Start with `tfx-retrieval demo`, or with your own table:

\b
  tfx-retrieval init table.csv --output configs
  tfx-retrieval run --data table.csv --features configs/features.json \\
      --model configs/model.json --output runs/first
  tfx-retrieval recommend --run runs/first --query '{"user": "u17"}'

Exit code 0: done; 2: the input is wrong; 1: anything else.
"""


@click.group(
    cls=ContractGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help=_HELP,
)
@click.version_option(tfx_retrieval.__version__, prog_name="tfx-retrieval")
def cli() -> None:
    """The command group; its help is `_HELP`."""


for _command in (
    configs.init,
    configs.validate,
    configs.import_config,
    generate.generate,
    run.run,
    run.quick_test,
    run.demo,
    recommend.recommend,
    inspect.evaluate,
    inspect.view,
    inspect.graph,
    inspect.timings,
    vertex.compile_,
    vertex.submit,
    serving.serve,
    serving.export_embeddings,
):
    cli.add_command(_command)


def main() -> NoReturn:
    """Runs the command line of this process."""
    if sys.argv[1:2] in (["init"], ["validate"]) and not any("://" in text for text in sys.argv):
        # pyarrow imports pandas as soon as it is handed a Python value, which takes as long as all
        # the rest of these commands; it does without it as well. Reading from clouds takes TFX.
        sys.modules.setdefault("pandas", None)  # type: ignore[arg-type]
    for stream in (sys.stdout, sys.stderr):
        # A name in an alphabet that the terminal lacks must not end the command.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    cli.main(prog_name="tfx-retrieval")


if __name__ == "__main__":
    main()
