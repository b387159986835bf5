"""A small pool of worker processes that outlives its workers.

``concurrent.futures.ProcessPoolExecutor`` gives up as a whole when one worker dies, and does not say over which
task. Videos do crash decoders and fill memories, so here each worker has its own pipe and one task at a time: a death
is the outcome of that task, and a new worker takes the dead one's place.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from dfcore.errors import DfcoreError

__all__ = ["Died", "run_tasks"]

_CRASHES = frozenset(
    getattr(signal, name) for name in ("SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL") if hasattr(signal, name)
)
_SINGLE_THREADED = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Died:
    """The outcome of a task whose worker died: how, and whether it crashed by itself (SIGSEGV and the like)."""

    reason: str
    crashed: bool = False


@dataclass(slots=True)
class _Worker:
    process: Any
    pipe: Connection
    task: Any = None
    served: bool = False


def run_tasks(function: Callable[[Any], Any], tasks: Iterable[Any], workers: int) -> Iterator[tuple[Any, Any]]:
    """Run ``function(task)`` for each task in ``workers`` new processes; yields ``(task, outcome)`` as they end.

    ``function`` and tasks are pickled, so ``function`` must live at a module's top level. It should return its errors:
    one that it raises ends the run. Each worker gets one thread for numerical libraries. When the caller stops
    (an error, Ctrl-C), the workers are ended; Ctrl-C and SIGTERM do not reach them otherwise.

    Yields:
        The task and what ``function`` returned, or :class:`Died`.
    """
    context = multiprocessing.get_context("spawn")
    waiting = iter(tasks)
    alive: list[_Worker] = []
    try:
        for task in waiting:
            alive.append(_start(context, function, task))
            if len(alive) == workers:
                break
        while alive:
            ready = set(wait([worker.pipe for worker in alive]))
            for worker in [worker for worker in alive if worker.pipe in ready]:
                outcome = _outcome(worker)
                yield worker.task, outcome
                alive.remove(worker)
                task = next(waiting, None)
                if task is None:
                    _stop(worker)
                elif isinstance(outcome, Died):
                    alive.append(_start(context, function, task))
                else:
                    alive.append(_give(context, function, worker, task))
    finally:
        for worker in alive:
            worker.process.kill()
        for worker in alive:
            worker.process.join()
            worker.pipe.close()


def _start(context: Any, function: Callable[[Any], Any], task: Any) -> _Worker:
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, function), daemon=True)
    with _environment(dict.fromkeys(_SINGLE_THREADED, "1")):
        process.start()
    there.close()  # so that the worker's death closes the pipe
    here.send(task)
    return _Worker(process, here, task)


def _give(context: Any, function: Callable[[Any], Any], worker: _Worker, task: Any) -> _Worker:
    try:
        worker.pipe.send(task)
    except OSError:  # it died between two tasks
        _stop(worker)
        return _start(context, function, task)
    worker.task = task
    return worker


def _outcome(worker: _Worker) -> Any:
    kind = ""
    try:
        kind, value = worker.pipe.recv()
        if kind == "ready":
            kind, value = worker.pipe.recv()
    except (EOFError, OSError):
        worker.process.join()
        worker.pipe.close()
        cause = _cause(worker.process.exitcode)
        if not (worker.served or kind):
            raise DfcoreError(
                f"worker processes cannot be started: {cause}. A script that prepares videos with several workers must "
                "do so under `if __name__ == '__main__':`; or give workers=1."
            ) from None
        return Died(cause, -worker.process.exitcode in _CRASHES)
    if kind == "error":
        raise value
    worker.served = True
    return value


def _stop(worker: _Worker) -> None:
    with contextlib.suppress(OSError):
        worker.pipe.close()  # the worker ends when it reads on
    worker.process.join()


def _cause(exit_code: int) -> str:
    if exit_code >= 0:
        return f"the worker process ended by itself with exit code {exit_code}"
    name = signal.Signals(-exit_code).name if -exit_code in set(signal.Signals) else f"signal {-exit_code}"
    why = {"SIGKILL": "; the system probably ran out of memory", "SIGSEGV": "; a decoder crashed on this file"}
    return f"the worker process was ended by {name}{why.get(name, '')}"


@contextlib.contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Set variables that a new process inherits; those set by the user stay."""
    added = [name for name in values if name not in os.environ]
    os.environ.update({name: values[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _serve(pipe: Connection, function: Callable[[Any], Any]) -> None:
    """A worker's life: tasks in, outcomes out, until the other end closes."""
    for number in (signal.SIGINT, signal.SIGTERM):  # they may go to the whole group; the parent ends the workers
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(EOFError, OSError):  # the parent is gone, or has no more tasks
        pipe.send(("ready", None))
        while True:
            task = pipe.recv()
            pipe.send(_answer(function, task))


def _answer(function: Callable[[Any], Any], task: Any) -> tuple[str, Any]:
    try:
        return "done", function(task)
    except Exception as error:  # handed to the parent, which raises it
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # an exception class with its own arguments
            return "error", DfcoreError(f"{type(error).__name__}: {error}")
        return "error", error
