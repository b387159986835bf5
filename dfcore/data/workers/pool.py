"""A small pool of worker processes that outlives its workers.

``concurrent.futures.ProcessPoolExecutor`` gives up as a whole when one worker dies, and does not say over which
task. Videos do crash decoders and fill memories, so here each worker has its own pipe and one task at a time: a death
is the outcome of that task, and a new worker takes the dead one's place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import wait
from typing import Any

from dfcore.data.workers.process import PATIENCE, Died, Worker

__all__ = ["Died", "run_tasks"]

_SINGLE_THREADED = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


def run_tasks(
    function: Callable[[Any], Any],
    tasks: Iterable[Any],
    workers: int,
    seconds: Callable[[Any], float] = lambda _: PATIENCE,
) -> Iterator[tuple[Any, Any]]:
    """Run ``function(task)`` for each task in ``workers`` new processes; yields ``(task, outcome)`` as they end.

    ``function`` and tasks are pickled, so ``function`` must live at a module's top level. It should return its errors:
    one that it raises ends the run. Each worker gets one thread for numerical libraries. When the caller stops
    (an error, Ctrl-C), the workers are ended; Ctrl-C and SIGTERM do not reach them otherwise.

    Args:
        function: what is done.
        tasks: with what.
        workers: processes.
        seconds: the time that a task may take; files that it announces add to it.

    Yields:
        The task and what ``function`` returned, or :class:`Died`.

    Raises:
        DfcoreError: no worker can be started.
    """
    waiting = iter(tasks)
    busy: dict[Worker, Any] = {}
    try:
        for task in waiting:
            busy[_given(Worker(function, _SINGLE_THREADED), task, seconds)] = task
            if len(busy) == workers:
                break
        while busy:
            for worker in _to_be_heard(list(busy)):
                outcome = worker.answer()
                if outcome is None:
                    continue
                done = busy.pop(worker)
                task = next(waiting, None)  # before it is yielded: the worker must not wait for the caller
                if task is not None:
                    next_one = Worker(function, _SINGLE_THREADED) if isinstance(outcome, Died) else worker
                    busy[_given(next_one, task, seconds)] = task
                else:
                    worker.end()
                yield done, outcome
    finally:
        for worker in busy:
            worker.end()


def _given(worker: Worker, task: Any, seconds: Callable[[Any], float]) -> Worker:
    worker.give(task, seconds(task))
    return worker


def _to_be_heard(workers: list[Worker]) -> list[Worker]:
    """Those that have something to say, or have had their time."""
    heard = set(wait([worker.pipe for worker in workers], min(worker.seconds_left for worker in workers)))
    return [worker for worker in workers if worker.pipe in heard or worker.seconds_left <= 0]
