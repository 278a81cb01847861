"""The figures as pictures, drawn by Matplotlib, which is installed below .cache where it is missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".cache/bench/plots"
REQUIREMENT = "matplotlib>=3.10,<4"
PAINTER = Path(__file__).with_name("paint.py")


def draw(document: dict[str, Any], folder: Path) -> None:
    """Write ``cpu.svg``, the server's CPU per request of every lane, and ``latency.svg``, that at a fixed rate."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([painting_python(), PAINTER, folder], input=json.dumps(document).encode(), check=True)


def painting_python() -> Path:
    """Return a Python that has Matplotlib."""
    python = VENV / "bin/python"
    if not python.exists():
        print(f"bench: installing {REQUIREMENT} below .cache", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run([VENV / "bin/pip", "install", "-qq", REQUIREMENT], check=True)
    return python
