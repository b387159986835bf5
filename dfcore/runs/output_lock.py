"""One process at a time writes to a file of results, or a report.

Two that go on with one file would each judge what the other is about to, and one might cut off the other's last line as
what a kill has left. The lock lies beside the file as ``.NAME.lock``; see :mod:`dfcore.runs.lock` for when it is stale.
"""

from __future__ import annotations

from pathlib import Path

from dfcore.runs.lock import LOCK, Holder, RunLock, stop_hint

__all__ = ["OutputLock"]


class OutputLock(RunLock):
    """Says that this process writes to a file or a report's folder, while this context is open.

    Where no lock can be written, there is none: whoever writes the file itself says what is wrong with the place.

    Args:
        output: the file or folder; it need not be there.
        purpose: ``predicting``, ...

    Raises:
        RunLockedError: another process writes there; the message says which, since when, and what to do.
    """

    def __init__(self, output: Path, purpose: str) -> None:
        output = output.absolute()
        super().__init__(output.parent, purpose)
        self.output = output
        self.path = output.with_name(f".{output.name}{LOCK}")

    def _needed(self) -> bool:
        return False

    def refusal(self, other: Holder | None) -> str:
        """As :meth:`RunLock.refusal`."""
        if other is None:
            return f"{self.output} is being taken by other processes at this moment. Try again."
        return (
            f"{self.output} is in use by {other}. Two processes that write to one file would mix and repeat results. "
            f"Wait until it has ended, {stop_hint(other)}, or name another file."
        )
