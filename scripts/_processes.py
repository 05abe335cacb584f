"""Child processes that are stopped with this process, together with all of their own children."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

import psutil

STOP_TIMEOUT = 3.0
"""Seconds from SIGTERM to SIGKILL. What a process would save is deleted anyway."""


class ChildProcessFailed(RuntimeError):
    """A child process ended, or did not start in time. The message contains the end of its output."""


class ChildProcess:
    """A command in a process group of its own, so that a Ctrl-C in the terminal does not reach it.

    :param name: its name in messages.
    :param command: program and arguments.
    :param environment: all of its environment variables.
    :param log: the file for its output.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self.process = psutil.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def check_running(self) -> None:
        """Check that the process is running.

        :raises ChildProcessFailed: it has ended.
        """
        code = self.process.poll()
        if code is not None:
            raise ChildProcessFailed(
                f"{self.name} ended with exit code {code}. The end of its output:\n{self.read_log_tail()}"
            )

    def read_log_tail(self, lines: int = 40) -> str:
        """Return the last lines of its output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def request_stop(self) -> None:
        """Send SIGTERM to the process and its children."""
        _signal_group(self.process.pid, signal.SIGTERM)

    def stop(self) -> None:
        """Stop the process and its children, with SIGTERM, then SIGKILL."""
        members = list_process_tree(self.process)
        self.request_stop()
        _, stubborn = psutil.wait_procs(members, timeout=STOP_TIMEOUT)
        # Some may have left the group, or have started since.
        kill([member for process in stubborn for member in list_process_tree(process)])
        _signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait()


def kill(processes: Iterable[psutil.Process]) -> None:
    """Kill processes with SIGKILL, and wait until they have ended."""
    killed = list(processes)
    for process in killed:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(killed, timeout=10)


def list_process_tree(process: psutil.Process) -> list[psutil.Process]:
    """Return a process and all its descendants."""
    return [process, *_list_descendants(process)]


def _list_descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return found


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # no process is left in the group
        os.killpg(group, number)


def find_free_ports(count: int) -> list[int]:
    """Return distinct loopback ports that are free."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def interrupt_on_signals() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGTERM and SIGHUP, too, and ignore further signals during the clean-up."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        for handled in signals:
            signal.signal(handled, signal.SIG_IGN)
        raise KeyboardInterrupt

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = {number: signal.signal(number, interrupt) for number in signals}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
