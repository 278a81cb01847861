"""Paint the figures given as JSON on standard input. Run by ``bench.plots``, in an environment that has Matplotlib."""

from __future__ import annotations

import json
import sys

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "authsvc"  # the same figures, the same file

import matplotlib.pyplot as plt  # noqa: E402 -- after the choice of a backend


def main() -> None:
    """Write the bars of every lane to the file named."""
    document = json.load(sys.stdin)
    lanes = [lane for lane in document["lanes"] if lane["state"] != "Keystone"]
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
    axes.set_title(document["machine"], fontsize=8)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(sys.argv[1], metadata={"Date": None})


if __name__ == "__main__":
    main()
