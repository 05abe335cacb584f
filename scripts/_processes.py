"""Child processes that never outlive us: each has a process group, and all that it started is stopped with it."""

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
"""Seconds that a process has for an orderly end before it is killed. All that it would save is thrown away."""


class ChildProcessFailed(RuntimeError):
    """A process that we started ended by itself, or did not get ready in time. Its last words are in the text."""


class ChildProcess:
    """A command running in a process group of its own, so that a Ctrl-C in the terminal reaches only us.

    :param name: what to call it in messages.
    :param command: program and arguments.
    :param environment: its whole environment.
    :param log: the file that takes its output.
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
        """Check that it has not ended.

        :raises ChildProcessFailed: it has; with the end of its output.
        """
        code = self.process.poll()
        if code is not None:
            raise ChildProcessFailed(
                f"{self.name} ended with exit code {code}. Its last words:\n{self.read_log_tail()}"
            )

    def read_log_tail(self, lines: int = 40) -> str:
        """The end of its output."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self) -> None:
        """End it and all that it started: politely first, then for certain."""
        members = list_process_tree(self.process)
        _signal_group(self.process.pid, signal.SIGTERM)
        _, stubborn = psutil.wait_procs(members, timeout=STOP_TIMEOUT)
        # Some of them may have left the group, or been born since.
        kill([late for process in stubborn for late in list_process_tree(process)])
        _signal_group(self.process.pid, signal.SIGKILL)
        self.process.wait()


def kill(processes: Iterable[psutil.Process]) -> None:
    """End processes at once, as a crash would, and wait until they are gone."""
    doomed = list(processes)
    for process in doomed:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(doomed, timeout=10)


def list_process_tree(process: psutil.Process) -> list[psutil.Process]:
    """A process and all its descendants."""
    return [process, *_list_descendants(process)]


def _list_descendants(process: psutil.Process) -> list[psutil.Process]:
    try:
        found: list[psutil.Process] = process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []
    return found


def _signal_group(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):  # nobody is left in it
        os.killpg(group, number)


def find_free_ports(count: int) -> list[int]:
    """Distinct loopback ports that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def interrupt_on_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into the interrupt that Ctrl-C is, and once only: nobody can cut the clean-up short."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in watched:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    watched = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in watched}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
