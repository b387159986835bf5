from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from dfcore.training.runtime.signals import StopSignals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_is_noted_and_handlers_are_put_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    said: list[str] = []
    with StopSignals(said.append) as signals:
        assert signals.asked == ""
        os.kill(os.getpid(), number)
        assert signals.asked == number.name
    assert said == [f"{number.name}: finishing this step and saving; once more to stop at once"]
    assert signal.getsignal(number) is before


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_the_second_signal_ends_the_process() -> None:
    script = (
        "import os, time\nfrom dfcore.training.runtime.signals import StopSignals\n"
        "with StopSignals(print):\n    os.kill(os.getpid(), 15)\n    os.kill(os.getpid(), 15)\n    print('alive')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == -signal.SIGTERM
    assert "alive" not in done.stdout


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_an_echo_within_seconds_is_the_same_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cluster's manager signals torchrun and the processes, and torchrun hands its signal on to them."""
    now = [100.0]
    monkeypatch.setattr("dfcore.training.runtime.signals.time.monotonic", lambda: now[0])
    killed: list[int] = []
    with StopSignals(lambda text: None, echoes=True) as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        now[0] += 4
        os.kill(os.getpid(), signal.SIGTERM)
        assert signals.asked == "SIGTERM"
        now[0] += 2
        monkeypatch.setattr("dfcore.training.runtime.signals.os.kill", lambda pid, number: killed.append(number))
        signal.raise_signal(signal.SIGTERM)
    assert killed == [signal.SIGTERM]


def test_does_nothing_on_another_thread() -> None:
    asked: list[str] = []

    def work() -> None:
        with StopSignals(print) as signals:
            asked.append(signals.asked)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert asked == [""]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
def test_loader_processes_ignore_them() -> None:
    script = (
        "import os, signal; from dfcore.training.runtime.signals import ignore_stop_signals; ignore_stop_signals(0);"
        "os.kill(os.getpid(), signal.SIGINT); os.kill(os.getpid(), signal.SIGTERM); print('alive')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout == "alive\n"
