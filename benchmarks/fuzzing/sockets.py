"""No connection may be opened: the kernel ends who tries, and a server counts who comes all the same. And no program
may be started but Python's own.
"""

from __future__ import annotations

import ctypes
import os
import platform
import socket
import struct
import sys
import threading
from pathlib import Path
from typing import Any

__all__ = ["Server", "forbid_connections", "forbid_programs"]

_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP, _FILTER = 38, 22, 2
_KILL_PROCESS, _ALLOW = 0x80000000, 0x7FFF0000
_NUMBERS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}
"""Of a machine: its number in the kernel's audit, and of the system call ``socket``."""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def forbid_connections() -> str:
    """From now on this process, and those it starts, end (SIGSYS) when they make a socket of the internet's families.

    Returns:
        How it is done; "" where this system cannot.
    """
    found = _NUMBERS.get(platform.machine())
    if platform.system() != "Linux" or found is None:
        return ""
    audit, number = found
    load, equal, give = 0x20, 0x15, 0x06  # BPF: a word of the call's data; jump if equal; return
    code = [
        (load, 0, 0, 4), (equal, 1, 0, audit), (give, 0, 0, _ALLOW),
        (load, 0, 0, 0), (equal, 1, 0, number), (give, 0, 0, _ALLOW),
        (load, 0, 0, 16), (equal, 1, 0, socket.AF_INET), (equal, 0, 1, socket.AF_INET6),
        (give, 0, 0, _KILL_PROCESS), (give, 0, 0, _ALLOW),
    ]  # fmt: skip
    content = b"".join(struct.pack("HBBI", *line) for line in code)
    buffer = ctypes.create_string_buffer(content, len(content))
    program = _Program(len(code), ctypes.cast(buffer, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl.argtypes = [ctypes.c_int, *([ctypes.c_ulong] * 4)]
    if libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        return ""
    if libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.addressof(program), 0, 0):
        return ""
    return "the kernel ends a process that makes a socket of the internet's families (seccomp)"


_STARTS = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "os.startfile", "pty.spawn")
_CONNECTS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "urllib.Request")


def forbid_programs(mark: Path) -> None:
    """From now on this process refuses to start another program than Python, and to connect or to look up a host.

    Args:
        mark: what was tried is written there, for whoever catches the refusal.
    """

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in _CONNECTS or (event in _STARTS and not _is_python(arguments)):
            descriptor = os.open(mark, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(descriptor, f"{event} {arguments}\n".encode("utf-8", "replace"))
            os.close(descriptor)
            raise PermissionError(f"{event} is forbidden here")

    sys.addaudithook(hook)


def _is_python(arguments: tuple[Any, ...]) -> bool:
    return bool(arguments) and os.fsdecode(arguments[0] or b"") == sys.executable


class Server:
    """Listens on this machine and counts who comes."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.came = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                self._socket.accept()[0].close()
            except OSError:
                return
            self.came += 1

    def close(self) -> None:
        """Stop."""
        self._socket.close()
