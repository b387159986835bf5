"""A worker whose parent is killed ends by itself, also in the midst of a file."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dfcore.data.workers import serve

PARENT = """
import sys, time
from dfcore.data.workers.process import Worker
from test_orphans import {work}
worker = Worker({work})
worker.give(0, 600)
print(worker.process.pid, flush=True)
time.sleep(600)
"""


def sleeps(_: int) -> None:
    time.sleep(600)


def keeps_the_lock(_: int) -> None:
    """Holds Python's lock without end: no thread has its turn."""
    serve.STUCK = 4.0
    assert serve._Here.watchdog is not None
    serve._Here.watchdog._due = 0.0
    time.sleep(1)
    re.fullmatch("(a|a)*b", "a" * 60)


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc")
@pytest.mark.parametrize("work", ["sleeps", "keeps_the_lock"])
def test_a_killed_parent_leaves_no_worker(work: str) -> None:
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    command = [sys.executable, "-c", PARENT.format(work=work)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": path}) as parent:
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        time.sleep(2)  # it is at work
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    try:
        for _ in range(600):
            if not is_there(worker):
                return
            time.sleep(0.1)
        pytest.fail("the worker goes on alone")
    finally:
        if is_there(worker):
            os.kill(worker, signal.SIGKILL)
