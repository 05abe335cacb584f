"""Nothing that the demo starts is left over, however it ends."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from scripts._processes import Child, ChildFailed, family, free_ports, orderly_end

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
def stubborn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Child]:
    monkeypatch.setattr("scripts._processes.STOP_PATIENCE", 0.2)
    program = tmp_path / "stubborn.py"
    program.write_text(STUBBORN)
    child = Child("stubborn", [sys.executable, str(program), "parent"], os.environ, tmp_path / "log")
    try:
        while child.last_words().count("ready") < 2:
            child.must_run()
        yield child
    finally:
        child.stop()


def test_stopping_ends_the_whole_family_even_against_its_will(stubborn: Child) -> None:
    members = family(stubborn.process)
    assert len(members) == 2

    stubborn.stop()

    assert not [member for member in members if member.is_running() and member.status() != psutil.STATUS_ZOMBIE]


def test_a_child_that_ended_is_reported_with_its_last_words(tmp_path: Path) -> None:
    failing = [sys.executable, "-c", "raise SystemExit('no such database')"]
    with Child("the database", failing, os.environ, tmp_path / "log") as child:
        child.process.wait()
        with pytest.raises(ChildFailed, match=r"the database ended with exit code 1[\s\S]*no such database"):
            child.must_run()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_cannot_cut_the_clean_up_short(number: signal.Signals) -> None:
    cleaned = False
    try:
        with pytest.raises(KeyboardInterrupt), orderly_end():
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
    assert len(set(free_ports(5))) == 5
