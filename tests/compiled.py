"""A tree like this one with the hot path compiled, as the image has it: ``python -m tests.compiled FOLDER``.

Compiling leaves extension modules beside their sources, where Python prefers them: it is never done in the tree one works in.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
SHARED = (".venv", ".cache")
"""What a tree has and did not come with it; the other one uses this one's."""
LEFT_OUT = (*SHARED, ".git", "dist")
SOURCES = ("authsvc", "migrations", "docs", "pyproject.toml", "README.md", "LICENSE")
"""What a wheel is made of."""
KEPT = ROOT / ".cache" / "compiled"
"""The tree that `./tests/run --compiled` runs in; what is compiled there is there for whoever else needs it."""
COMPILED = ("authsvc", "dist", "*.so")
"""Where compiling leaves something."""
_MADE_HERE = shutil.ignore_patterns("__pycache__")
SWITCH = "HATCH_BUILD_HOOK_ENABLE_MYPYC"


class NotCompiled(Exception):
    """The compiler ended with an error."""


def modules() -> frozenset[str]:
    """Name every module that is to be compiled, as pyproject.toml lists their files."""
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    hook = tools["hatch"]["build"]["targets"]["wheel"]["hooks"]["mypyc"]
    files = {path for pattern in hook["include"] for path in ROOT.glob(pattern.removeprefix("/"))}
    files -= {path for pattern in hook["exclude"] for path in ROOT.glob(pattern.removeprefix("/"))}
    return frozenset(
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in files
    )


def build(folder: Path) -> Path:
    """Make the tree, its wheel in ``dist``; return the folder. What was compiled there from the same sources stays.

    Raises:
        NotCompiled: It says why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    stamp = folder / "dist" / "compiled-from"
    sources = _fingerprint()
    kept = COMPILED if stamp.exists() and stamp.read_text(encoding="utf-8") == sources else ()
    _copy(folder, kept)
    if not kept:
        _compile(folder)
        stamp.write_text(sources, encoding="utf-8")
    return folder


def _fingerprint() -> str:
    """Tell apart what would not compile to the same."""
    read = hashlib.sha256(sys.version.encode())
    for path in sorted(
        path
        for name in (*SOURCES, "requirements-dev.txt")
        for path in (ROOT / name, *(ROOT / name).rglob("*"))
    ):
        if path.is_dir() or path.parent.name == "__pycache__":
            continue
        content = path.read_bytes()
        read.update(f"{path.relative_to(ROOT)} {len(content)} ".encode() + content)
    return read.hexdigest()


def _copy(folder: Path, kept: tuple[str, ...]) -> None:
    """Make `folder` what the tree is, all but what is kept."""
    for path in folder.iterdir():
        if not any(path.match(name) for name in kept):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for path in ROOT.iterdir():
        if path.name in LEFT_OUT or path.name in kept:
            continue
        if path.is_dir():
            shutil.copytree(path, folder / path.name, ignore=_MADE_HERE, symlinks=True)
        else:
            shutil.copy2(path, folder)
    for name in SHARED:
        (folder / name).symlink_to(ROOT / name)


def _compile(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", "dist"],
        cwd=folder,
        env={**os.environ, SWITCH: "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotCompiled(f"it takes a C compiler and Python's headers; it said:\n{done.stdout[-4000:]}")


if __name__ == "__main__":
    try:
        build(Path(sys.argv[1]).absolute())
    except NotCompiled as error:
        sys.exit(str(error))
