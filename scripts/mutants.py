"""Mutation testing of the modules whose conditions matter most.

    python -m scripts.mutants                  all modules of MODULES
    python -m scripts.mutants ledger summary   those whose name holds one of these words

Each mutant is a module with one change of cosmic-ray's operators, or of the two below. It is loaded in a process of its
own, in which the module's tests run until one fails; no file is changed. Annotations, decorators and log lines are left
alone. The run fails where fewer than 90 % of a module's mutants are killed, or where one survives that is not in
scripts/surviving_mutants.txt, with the reason why it may.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.abc
import importlib.util
import io
import multiprocessing
import os
import sys
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import grimp
import parso
import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator
from cosmic_ray.plugins import get_operator
from hypothesis import Phase, settings

PACKAGE = "airflow_provider_sessions"
ROOT = Path(__file__).resolve().parents[1]
SURVIVORS = ROOT / "scripts" / "surviving_mutants.txt"
ENOUGH = 0.9

MODULES: dict[str, Sequence[str]] = {
    "polling/wait_conditions": ("polling/test_wait_conditions.py",),
    "polling/poll_schedule": (
        "polling/test_poll_schedule.py",
        "polling/test_poll_interval.py",
        "polling/test_deadline.py",
    ),
    "rate_limit/headers": ("rate_limit/test_headers.py",),
    "rate_limit/limit": ("rate_limit/test_state.py", "rate_limit/test_limiter.py"),
    "rate_limit/state": ("rate_limit/test_state.py",),
    "export/ledger": ("export/test_ledger.py",),
    "export/summary": ("export/test_summary.py",),
    "export/redaction": ("export/test_redaction.py",),
    "platforms/prevail/mapping": ("platforms/prevail/test_mapping.py",),
    "platforms/vidinfra/mapping": ("platforms/vidinfra/test_mapping.py",),
    "platforms/vidinfra/artifacts": ("platforms/vidinfra/test_mapping.py",),
    "platforms/sessions_us/mapping": ("platforms/sessions_us/test_mapping.py",),
    "platforms/sessions_us/artifacts": ("platforms/sessions_us/test_artifacts.py",),
    "operators/_record_stores": ("operators/test_send_record.py", "operators/test_session_id_store.py"),
    "operators/_send_record": ("operators/test_send_record.py",),
    "operators/_create": ("operators/test_create_decisions.py",),
}
"""Modules, and the tests below tests/unit that are to kill their mutants."""

WARM = (
    "hypothesis httpx msgspec pydantic sqlalchemy starlette.applications uvicorn airflow.providers.common.compat.sdk "
    "_hypothesis_pytestplugin anyio.pytest_plugin pytest_asyncio.plugin pytest_mock xml.etree.ElementTree"
).split()
"""Libraries that tests import: loaded once, before the processes of the mutants are forked off."""


class SwapWords(Operator):  # type: ignore[misc]  # cosmic-ray ships no types
    """Take the largest for the smallest, any for all, and the other way round."""

    words = {"min": "max", "max": "min", "any": "all", "all": "any"}  # noqa: RUF012

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """The calls of these functions."""
        if node.type == "name" and node.value in self.words and node.get_next_leaf().value == "(":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Replace the name."""
        node.value = self.words[node.value]
        return node

    @classmethod
    def examples(cls) -> tuple[()]:
        """None: cosmic-ray's own tests use them."""
        return ()


class DropArgument(Operator):  # type: ignore[misc]
    """Call without one of the arguments that are given by name."""

    def mutation_positions(self, node: Any) -> Iterator[Any]:
        """The arguments that are given by name."""
        if node.type == "argument" and node.children[0].type == "name":
            yield node.start_pos, node.end_pos

    def mutate(self, node: Any, index: int) -> Any:
        """Give nothing instead."""
        call = parso.parse(f"_({node.get_first_leaf().prefix}**{{}})").children[0]
        return call.children[1].children[1]

    @classmethod
    def examples(cls) -> tuple[()]:
        """None: cosmic-ray's own tests use them."""
        return ()


COSMIC_RAY = (
    "AddNot ReplaceTrueWithFalse ReplaceFalseWithTrue ReplaceAndWithOr ReplaceOrWithAnd ReplaceBreakWithContinue "
    "ReplaceContinueWithBreak NumberReplacer ZeroIterationForLoop ReplaceUnaryOperator_Delete_Not "
    "ReplaceUnaryOperator_USub_UAdd ReplaceBinaryOperator_Add_Sub ReplaceBinaryOperator_Sub_Add "
    "ReplaceBinaryOperator_Mul_Div ReplaceBinaryOperator_Div_Mul ReplaceBinaryOperator_FloorDiv_Mul "
    "ReplaceBinaryOperator_Mod_Mul ReplaceBinaryOperator_BitOr_BitAnd ReplaceBinaryOperator_BitAnd_BitOr "
    "ReplaceComparisonOperator_Eq_NotEq ReplaceComparisonOperator_NotEq_Eq ReplaceComparisonOperator_Is_IsNot "
    "ReplaceComparisonOperator_IsNot_Is ReplaceComparisonOperator_Lt_LtE ReplaceComparisonOperator_Lt_GtE "
    "ReplaceComparisonOperator_LtE_Lt ReplaceComparisonOperator_LtE_Gt ReplaceComparisonOperator_Gt_GtE "
    "ReplaceComparisonOperator_Gt_LtE ReplaceComparisonOperator_GtE_Gt ReplaceComparisonOperator_GtE_Lt"
)
OPERATORS: list[Operator] = [
    *(get_operator(f"core/{name}")() for name in COSMIC_RAY.split()),
    SwapWords(),
    DropArgument(),
]


@dataclass(frozen=True)
class Mutant:
    """A module with one change.

    :param before: the changed lines, as they were.
    :param after: as they are.
    """

    module: str
    line: int
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"{self.module} | {self.before} | {self.after}"


def mutants_of(module: str) -> list[Mutant]:
    """All mutants of a module, each once."""
    code = (ROOT / PACKAGE / f"{module}.py").read_text(encoding="utf-8")
    found: dict[str, Mutant] = {}
    for operator in OPERATORS:
        positions = [(node, at) for node in ast_nodes(get_ast(code)) for at in operator.mutation_positions(node)]
        for occurrence, (node, ((line, _), _)) in enumerate(positions):
            if not _is_spared(node):
                source = mutate_code(code, operator, occurrence)
                if source is not None and source != code and _is_code(source):
                    found[source] = Mutant(module, line, *_changed(code, source), source)
    return sorted(found.values(), key=lambda mutant: mutant.line)


def _is_code(source: str) -> bool:
    """Whether Python can read it: ``not key := value`` it cannot."""
    try:
        compile(source, "<mutant>", "exec")
    except SyntaxError:
        return False
    return True


def _is_spared(node: Any) -> bool:
    """Whether a node is in an annotation, a decorator, or a line for the log, or parts parameters (``*``)."""
    while node.parent is not None:
        parent = node.parent
        if parent.type == "tfpdef" or (parent.type == "annassign" and node is parent.children[1]):
            return True
        if parent.type in ("decorator", "parameters") or (parent.type == "funcdef" and node is parent.annotation):
            return True
        if parent.type == "atom_expr" and parent.get_first_leaf().value == "log":
            return True
        node = parent
    return False


def _changed(before: str, after: str) -> tuple[str, str]:
    lines = zip(before.splitlines(), after.splitlines(), strict=False)
    return next((old.strip(), new.strip()) for old, new in lines if old != new)


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads a mutant instead of its module."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant
        self._name = f"{PACKAGE}.{mutant.module.replace('/', '.')}"

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        """The mutant's spec, under its module's name."""
        origin = str(ROOT / PACKAGE / f"{self._mutant.module}.py")
        return importlib.util.spec_from_loader(name, self, origin=origin) if name == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the mutant's source."""
        exec(compile(self._mutant.source, f"<mutant of {self._name}>", "exec"), module.__dict__)


def _run_tests(mutant: Mutant | None, tests: Sequence[str]) -> None:
    """Run tests in this process until one fails, and end it with pytest's exit code."""
    if mutant is not None:
        sys.meta_path.insert(0, _Finder(mutant))
    # Whether there is a failure counts, not how small an example of it is.
    quick = settings(max_examples=30, phases=(Phase.explicit, Phase.generate), deadline=None, database=None)
    settings.register_profile("mutants", quick)
    settings.load_profile("mutants")
    options = ("-x", "-q", "-p", "no:cacheprovider", "--no-header", "--no-summary")
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        code = pytest.main([*options, *(str(ROOT / "tests" / "unit" / test) for test in tests)])
    os._exit(int(code))


def _start(mutant: Mutant | None, tests: Sequence[str]) -> Any:
    process = multiprocessing.get_context("fork").Process(target=_run_tests, args=(mutant, tests))
    process.start()
    return process


@contextmanager
def _warm(module: str) -> Iterator[None]:
    """Have the whole package loaded for the mutants of a module, but for the module and what imports it."""
    before = set(sys.modules)
    name = f"{PACKAGE}.{module.replace('/', '.')}"
    graph = grimp.build_graph(PACKAGE, cache_dir=None)
    stale = {name, *graph.find_downstream_modules(name)}
    for one in sorted(graph.modules - stale):
        with suppress(ImportError):  # of a library that is not installed
            importlib.import_module(one)
    for one in stale:
        package, _, attribute = one.rpartition(".")
        if sys.modules.pop(one, None) is not None and package in sys.modules:
            # Else "from package import module" finds it there, unchanged.
            vars(sys.modules[package]).pop(attribute, None)
    gc.freeze()  # so that pytest's full collections, in each process, pass over all this
    try:
        yield
    finally:
        for loaded in set(sys.modules) - before:
            if loaded.startswith(PACKAGE):
                del sys.modules[loaded]


def survivors_of(module: str, tests: Sequence[str], known: Collection[str], jobs: int) -> tuple[list[Mutant], int]:
    """Return the mutants that no test kills, and how many there are in all. Print those that are not known at once."""
    began = time.monotonic()
    _require_success(module, tests)
    patience = 10 * (time.monotonic() - began) + 20
    waiting, survivors = mutants_of(module), []
    count, running = len(waiting), list[tuple[Any, Mutant, float]]()
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop(0)
            running.append((_start(mutant, tests), mutant, time.monotonic() + patience))
        for one in running[:]:
            process, mutant, ends = one
            process.join(0.02)
            if process.is_alive() and time.monotonic() < ends:
                continue
            if process.is_alive():  # a loop without end is a change that somebody notices
                print(f"  {mutant.line}: timed out: {mutant}", flush=True)
                process.kill()
                process.join()
            running.remove(one)
            if process.exitcode == 0:
                survivors.append(mutant)
                if str(mutant) not in known:
                    print(f"  {mutant.line}: {mutant}", flush=True)
    _require_success(module, tests)  # somebody may have edited files meanwhile: then tests failed for that
    return survivors, count


def _require_success(module: str, tests: Sequence[str]) -> None:
    """Run tests without a mutant.

    :raises SystemExit: one fails.
    """
    process = _start(None, tests)
    process.join()
    if process.exitcode != 0:
        raise SystemExit(f"{module}: its tests fail without a change, or there are none: {' '.join(tests)}")


def known_survivors() -> dict[str, str]:
    """Mutants that may survive, and why."""
    lines = SURVIVORS.read_text(encoding="utf-8").splitlines() if SURVIVORS.exists() else []
    entries = [line.rpartition(" | ") for line in lines if line and not line.startswith("#")]
    return {mutant: reason for mutant, _, reason in entries}


def main() -> int:
    """Test the requested modules and report the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="parts of modules' names")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    os.chdir(ROOT)
    home = TemporaryDirectory()  # of Airflow, which writes there
    os.environ["AIRFLOW_HOME"] = home.name
    for name in WARM:
        importlib.import_module(name)
    known, failed = known_survivors(), False
    for module, tests in MODULES.items():
        if given.words and not any(word in module for word in given.words):
            continue
        with _warm(module):
            survivors, count = survivors_of(module, tests, known, given.jobs)
        new = [mutant for mutant in survivors if str(mutant) not in known]
        score = 1 - len(survivors) / max(count, 1)
        failed = failed or bool(new) or score < ENOUGH
        listed = {mutant for mutant in known if mutant.startswith(f"{module} | ")}
        for mutant in sorted(listed - {str(mutant) for mutant in survivors}):
            print(f"  listed, but killed or not made: {mutant}")
        print(f"{module}: {count - len(survivors)} of {count} killed, {100 * score:.1f} %", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
