"""Paint the figures given as JSON on standard input. Run by ``bench.plots``, in an environment that has Matplotlib."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "authsvc"  # the same figures, the same file

import matplotlib.pyplot as plt  # noqa: E402 -- after the choice of a backend


def main() -> None:
    """Draw into the folder named."""
    folder = Path(sys.argv[1])
    document = json.load(sys.stdin)
    _cpu(document, folder / "cpu.svg")
    _latency(document, folder / "latency.svg")


def _cpu(document: dict[str, Any], path: Path) -> None:
    """Draw a bar for every lane, the states of a case side by side."""
    lanes = document["lanes"]
    cases = list(dict.fromkeys(lane["case"] for lane in lanes))
    states = list(dict.fromkeys(lane["state"] for lane in lanes))
    figure, axes = plt.subplots(figsize=(9, 4.5))
    width = 0.8 / len(states)
    for place, state in enumerate(states):
        values = {lane["case"]: lane["cpu_us"] for lane in lanes if lane["state"] == state}
        spots = [number + place * width for number in range(len(cases))]
        axes.bar(spots, [values.get(case, 0) for case in cases], width, label=state)
    axes.set_yscale("log")
    axes.set_xticks([number + 0.4 - width / 2 for number in range(len(cases))], cases)
    axes.set_ylabel("server CPU per request or verification, µs")
    _write(figure, axes, document, path)


def _latency(document: dict[str, Any], path: Path) -> None:
    """Draw the median and the 99th percentile of each case."""
    steady = document["steady"]
    figure, axes = plt.subplots(figsize=(9, 3))
    for place, (name, label) in enumerate((("p50_ms", "median"), ("p99_ms", "99th percentile"))):
        spots = [number + place * 0.4 for number in range(len(steady))]
        axes.bar(spots, [each[name] for each in steady], 0.4, label=label)
    axes.set_xticks([number + 0.2 for number in range(len(steady))], [each["case"] for each in steady])
    axes.set_ylabel("ms from when it was due")
    _write(figure, axes, document, path)


def _write(figure: Any, axes: Any, document: dict[str, Any], path: Path) -> None:
    axes.set_title(document["machine"], fontsize=8)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
