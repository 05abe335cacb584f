"""`make release`: build the distributions of a tag into dist/, check them, and list their dependencies.

The sources are those of the tag, whatever is in the checkout. They are built twice, in different folders;
SOURCE_DATE_EPOCH is the time of the tag's commit, so everyone can build the same bytes from the same tag. What the
wheel holds is compared with ``scripts/wheel_contents.txt``, in which ``*.py`` stands for the modules of a package.
Nothing is uploaded.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent
CONTENTS = Path(__file__).with_name("wheel_contents.txt")
PACKAGE = "airflow_provider_sessions"
CONSTRAINTS = "constraints/airflow-3.3.txt"


class ReleaseError(RuntimeError):
    """The release must not be published."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the release and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tag", help="for example v0.1.0")
    parser.add_argument("--output", type=Path, default=ROOT / "dist", help="folder of the files (default: %(default)s)")
    parser.add_argument("--no-audit", action="store_true", help="do not look for known faults of dependencies")
    options = parser.parse_args(arguments)
    try:
        with tempfile.TemporaryDirectory(prefix="airflow-sessions-release-") as folder:
            files = make_release(options.tag, Path(folder))
            if not options.no_audit:
                run_step("Dependencies without known faults", [str(ROOT / "scripts/audit.sh")])
            publish_files(files, options.output)
    except (ReleaseError, subprocess.CalledProcessError) as failure:
        print(f"The release failed: {failure}", file=sys.stderr)
        return 1
    return 0


def make_release(tag: str, folder: Path) -> list[Path]:
    """Build and check the distributions of a tag, and return the files of the release.

    :param folder: where sources and files are put.
    :raises ReleaseError: something is not as it must be.
    """
    epoch = run("git", "-C", str(ROOT), "log", "-1", "--format=%ct", f"refs/tags/{tag}^{{commit}}").strip()
    builds = [build(tag, epoch, folder / name) for name in ("first", "second")]
    first, second = ({file.name: hash_file(file) for file in files} for files in builds)
    if first != second:
        raise ReleaseError(f"two builds of the same sources differ: {first} and {second}")
    print("Two builds have the same bytes")
    wheel = next(file for file in builds[0] if file.suffix == ".whl")
    check_contents(list_contents(wheel), CONTENTS.read_text(encoding="utf-8").splitlines())
    run_step("Twine's check", [sys.executable, "-m", "twine", "check", "--strict", *map(str, builds[0])])
    return [*builds[0], make_sbom(folder / "first", folder / f"{wheel.name.partition('-py3')[0]}.cdx.json")]


def build(tag: str, epoch: str, folder: Path) -> list[Path]:
    """Build the wheel and the source distribution of a tag, and return them.

    :param epoch: the time that their files get, in seconds.
    """
    folder.mkdir()
    archive = folder.with_suffix(".tar")
    run("git", "-C", str(ROOT), "archive", "--output", str(archive), f"refs/tags/{tag}")
    shutil.unpack_archive(archive, folder, filter="data")
    check_version(tag, folder)
    command = [sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--target", "wheel"]
    subprocess.run(command, cwd=folder, env={**os.environ, "SOURCE_DATE_EPOCH": epoch}, check=True)
    return sorted((folder / "dist").iterdir())


def check_version(tag: str, sources: Path) -> None:
    """Check that the tag, the package and the changelog name the same version, and the changelog its day.

    :raises ReleaseError: they do not.
    """
    text = (sources / PACKAGE / "__init__.py").read_text(encoding="utf-8")
    version = re.findall(r'^__version__ = "(.+)"$', text, flags=re.MULTILINE)
    if version != [tag.removeprefix("v")]:
        raise ReleaseError(f"the tag is {tag}, and the package's version {version}")
    changelog = (sources / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## {re.escape(version[0])} \(\d{{4}}-\d\d-\d\d\)$", changelog, flags=re.MULTILINE):
        raise ReleaseError(f"CHANGELOG.md has no heading '## {version[0]} (year-month-day)'")


def list_contents(wheel: Path) -> list[str]:
    """Return what a wheel holds: each file, and ``*.py`` for the modules of a package."""
    names = (PurePosixPath(name) for name in zipfile.ZipFile(wheel).namelist())
    shown = (str(name.with_name("*.py") if name.suffix == ".py" else name) for name in names)
    return sorted({re.sub(r"-[^/]+(?=\.dist-info/)", "", name) for name in shown})


def check_contents(found: Sequence[str], listed: Sequence[str]) -> None:
    """Compare what a wheel holds with the list.

    :raises ReleaseError: they differ.
    """
    more, less = sorted(set(found) - set(listed)), sorted(set(listed) - set(found))
    if more or less:
        raise ReleaseError(f"the wheel holds, but the list does not: {more}; the list, but not the wheel: {less}")
    print("The wheel holds what is listed")


def make_sbom(sources: Path, file: Path) -> Path:
    """List what is installed with the wheel and all of its extras, at the versions of the constraints, as CycloneDX."""
    pins = file.with_name("pins.txt")
    quiet = ["--quiet", "--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-find-links"]
    chosen = ["--all-extras", "--python-version", "3.11", "--constraint", CONSTRAINTS, "--output-file", str(pins)]
    subprocess.run(["uv", "pip", "compile", *quiet, *chosen, "pyproject.toml"], cwd=sources, check=True)
    described = ["--pyproject", str(sources / "pyproject.toml"), "--mc-type", "library"]
    written = ["--output-reproducible", "--output-format", "JSON", "--output-file", str(file)]
    run_step("SBOM", [sys.executable, "-m", "cyclonedx_py", "requirements", *described, *written, str(pins)])
    return file


def publish_files(files: Sequence[Path], output: Path) -> None:
    """Copy the files to a folder that holds nothing else, with their checksums."""
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    sums = [f"{hash_file(file)}  {file.name}" for file in files]
    for file in files:
        shutil.copy(file, output)
    (output / "SHA256SUMS").write_text("\n".join(sums) + "\n", encoding="utf-8")
    print("\n".join(["", f"In {output}:", *sums]))


def hash_file(file: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def run(*command: str) -> str:
    """Run a command and return what it prints."""
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def run_step(title: str, command: Sequence[str]) -> None:
    """Run a command whose output is shown.

    :raises ReleaseError: it fails.
    """
    print(f"{title}:", flush=True)
    if subprocess.run(command, check=False).returncode:
        raise ReleaseError(f"{title}: failed, see above")


if __name__ == "__main__":
    sys.exit(main())
