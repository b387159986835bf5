"""The command line. One file a command; a command's file is imported when it is called, never for ``--help``."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import click

from dfcore.cli.output.streams import make_safe
from dfcore.errors import DfcoreError, UnknownNameError, UsageError, nearest
from dfcore.version import __version__

__all__ = ["COMMANDS", "cli", "main"]

COMMANDS = {
    "train": "Train a specialist through one stage of the curriculum.",
    "calibrate": "Learn from validation videos what specialists' scores are worth.",
    "ensemble": "Fuse several specialists: learn how from validation videos.",
    "evaluate": "Measure trained specialists on a dataset's test split.",
    "predict": "Judge videos and photos with trained specialists.",
    "export": "Write trained weights as an ONNX file, checked against PyTorch.",
    "runs": "List the runs and what they came to; delete what they need no more.",
    "prepare": "Make the clip store of a dataset ahead of training.",
    "store": "Verify a clip store: is what was prepared still what was written?",
    "datasets": "List the datasets; verify a copy of one.",
    "stages": "List the stages of the curriculum.",
    "plugins": "List the installed plugins; check that they load.",
    "describe": "Say what a specialist looks at, and with what.",
    "doctor": "Show what this machine offers, what would be chosen, and why.",
}


_OF_A_PATH = (
    errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.ENAMETOOLONG,
)  # fmt: skip
"""What is wrong with a path, in the system's numbers."""


class LazyGroup(click.Group):
    """A group that knows its commands' names and summaries without importing them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names, in the order a user needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import ``dfcore.cli.<name>`` and give its ``command``."""
        from dfcore.console.logs import print_warnings

        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"dfcore.cli.{cmd_name}").command
        print_warnings()
        return command if isinstance(command, click.Command) else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or fail with the nearest name suggested."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            close = nearest(name, COMMANDS)
            hint = f" Did you mean {close!r}?" if close else ""
            ctx.fail(f"No such command {name!r}.{hint} Commands: {', '.join(COMMANDS)}.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in ``--help``, from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="dfcore")
def cli() -> None:
    """Train, measure and run deepfake-video detectors, one specialist for each kind of trace.

    \b
    Try it without any data:
        dfcore train cm --stage 1 --data demo
    """


def main() -> None:
    """Run the command line; exits with the code of the error, as the tree in :mod:`dfcore.errors` says."""
    make_safe()
    try:
        with _terminating():
            code = cli.main(standalone_mode=False, prog_name="dfcore") or 0
        sys.stdout.flush()  # a run goes on without its reader, who may have left long ago
        sys.exit(code)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt) as error:
        terminated = isinstance(error.__cause__ or error, _Terminated)  # click's Abort was caused by what it caught
        click.echo("Terminated." if terminated else "Interrupted.", err=True)
        sys.exit(143 if terminated else 130)
    except BrokenPipeError:  # `dfcore ... | head`: the reader has left, there is nobody to tell
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except (DfcoreError, OSError) as error:
        shown = error if isinstance(error, DfcoreError) else _as_ours(error)
        if os.environ.get("DFCORE_TRACEBACK"):
            raise
        if not shown.told:
            from dfcore.cli.output.words import as_options
            from dfcore.text import printable

            # A list of names is shown as it is: what was typed is among them.
            said = str(shown) if isinstance(shown, UnknownNameError) else as_options(str(shown))
            click.echo(f"Error: {printable(said, lines=True)}", err=True)
        sys.exit(shown.exit_code)


class _Terminated(KeyboardInterrupt):
    """SIGTERM: whatever is closed in order on Ctrl-C is on it too."""


@contextmanager
def _terminating() -> Iterator[None]:
    """While it is open SIGTERM (a cluster's end of the time, ``kill``) ends a command in order, as Ctrl-C does."""

    def end(number: int, frame: object) -> None:
        raise _Terminated

    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield  # handlers can be set on the main thread only; and another's handler stays
        return
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _as_ours(error: OSError) -> DfcoreError:
    """A full disk as our own error, wherever it was met, and what the system says of a path that was named to it; any
    other error is not ours to explain, and raised.
    """
    from dfcore.filesystem.writing import is_full, write_error

    if is_full(error):
        return write_error(Path(str(error.filename or "a file")), error)
    if not isinstance(error.filename, str) or error.errno not in _OF_A_PATH:
        raise error
    return UsageError(f"{error.filename}: {error.strerror}. Check the path and its permissions.")
