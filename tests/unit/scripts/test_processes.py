"""Nothing that the demo starts is left over, however it ends."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scripts._processes import (
    ChildProcess,
    ChildProcessFailed,
    find_free_ports,
    interrupt_on_signals,
    list_process_tree,
)

# A parent with a child that has left the process group; neither heeds a polite request to end.
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if sys.argv[1:] == ["parent"]:
    subprocess.Popen([sys.executable, __file__], start_new_session=True)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def stubborn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChildProcess]:
    monkeypatch.setattr("scripts._processes.STOP_TIMEOUT", 0.2)
    program = tmp_path / "stubborn.py"
    program.write_text(STUBBORN)
    child = ChildProcess("stubborn", [sys.executable, str(program), "parent"], os.environ, tmp_path / "log")
    try:
        while child.read_log_tail().count("ready") < 2:
            child.check_running()
        yield child
    finally:
        child.stop()


def test_stopping_ends_the_whole_family_even_against_its_will(stubborn: ChildProcess) -> None:
    members = list_process_tree(stubborn.process)
    assert len(members) == 2

    stubborn.stop()

    assert not [member for member in members if member.is_running() and member.status() != psutil.STATUS_ZOMBIE]


def test_a_child_that_ended_is_reported_with_its_last_words(tmp_path: Path) -> None:
    failing = [sys.executable, "-c", "raise SystemExit('no such database')"]
    with ChildProcess("the database", failing, os.environ, tmp_path / "log") as child:
        child.process.wait()
        with pytest.raises(ChildProcessFailed, match=r"the database ended with exit code 1[\s\S]*no such database"):
            child.check_running()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_cannot_cut_the_clean_up_short(number: signal.Signals) -> None:
    cleaned = False
    try:
        with pytest.raises(KeyboardInterrupt), interrupt_on_signals():
            try:
                os.kill(os.getpid(), number)
                signal.pause()
            finally:
                os.kill(os.getpid(), number)
                cleaned = True
    finally:
        assert cleaned
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_free_ports_are_distinct() -> None:
    assert len(set(find_free_ports(5))) == 5
