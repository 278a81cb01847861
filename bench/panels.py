"""Paint panels given as JSON on standard input, each where the dashboard has it. Run by ``bench.dashboard``."""

from __future__ import annotations

import json
import sys
from typing import Any

import matplotlib as mpl
from PIL import Image

mpl.use("agg")

import matplotlib.pyplot as plt

COLUMNS, ROW = 24, 0.27
WIDTH = 13.0
"""Inches, and those of one row of the dashboard's grid."""

COLOURS = {
    "blue": "#1f60c4",
    "dark-red": "#8f0b1e",
    "green": "#37872d",
    "orange": "#e0752d",
    "purple": "#8f3bb8",
    "red": "#c4162a",
    "yellow": "#cc9d00",
}


def main() -> None:
    """Write the picture to the file named."""
    panels = json.load(sys.stdin)
    rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    mpl.rcParams.update({"font.size": 6.5, "axes.linewidth": 0.4, "lines.linewidth": 0.9})
    figure = plt.figure(figsize=(WIDTH, rows * ROW), dpi=95, facecolor="#f4f5f5")
    for panel in panels:
        at = panel["gridPos"]
        left, width = at["x"] / COLUMNS, at["w"] / COLUMNS
        bottom, height = 1 - (at["y"] + at["h"]) / rows, at["h"] / rows
        if panel["type"] == "row":
            figure.text(left + 0.005, bottom + height * 0.3, panel["title"], fontsize=8.5, weight="bold")
            continue
        place = (left + 0.003, bottom + 0.002, width - 0.006, height - 0.004)
        figure.add_axes(place, facecolor="white", xticks=[], yticks=[])
        if panel["type"] == "stat":
            stat(figure, panel, place)
        else:
            lines(figure, panel, place)
    figure.canvas.draw()
    picture = Image.frombuffer("RGBA", figure.canvas.get_width_height(), figure.canvas.buffer_rgba())
    picture.convert("RGB").quantize(256).save(sys.argv[1], optimize=True)


def stat(figure: Any, panel: dict[str, Any], place: tuple[float, ...]) -> None:
    """Write the last value, in the colour of the step it has reached."""
    left, bottom, width, height = place
    figure.text(left + 0.005, bottom + height * 0.82, panel["title"], weight="bold")
    defaults = panel["fieldConfig"]["defaults"]
    steps = defaults["thresholds"]["steps"]
    for number, series in enumerate(panel["series"]):
        value = series["points"][-1][1]
        colour = [step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1]
        text = f"{series['legend']}  {written(value, defaults['unit'])}".strip()
        spot = bottom + height * (0.4 - 0.2 * number)
        figure.text(
            left + width / 2, spot, text, fontsize=16, color=COLOURS[colour], ha="center", va="center"
        )


def lines(figure: Any, panel: dict[str, Any], place: tuple[float, ...]) -> None:
    """Draw the series, one upon the other where the panel says so."""
    left, bottom, width, height = place
    figure.text(left + 0.005, bottom + height - 0.008, panel["title"], weight="bold", va="top")
    inner = (left + 0.042, bottom + height * 0.27, width - 0.052, height * 0.73 - 0.024)
    axes = figure.add_axes(inner)
    defaults = panel["fieldConfig"]["defaults"]
    series, paint = panel["series"], colours(panel)
    if defaults["custom"]["stacking"]["mode"] == "normal" and series:
        times = sorted({at for each in series for at, _ in each["points"]})
        values = [[dict(map(tuple, each["points"])).get(at, 0.0) for at in times] for each in series]
        names = [each["legend"] for each in series]
        fills = [paint.get(name, f"C{number}") for number, name in enumerate(names)]
        axes.stackplot(times, values, labels=names, colors=fills, alpha=0.75, linewidth=0)
    else:
        for each in series:
            axes.plot(*zip(*each["points"], strict=True), label=each["legend"] or "value")
    if not series:
        axes.text(0.5, 0.5, "no data", transform=axes.transAxes, ha="center", color="#777777")
    if defaults.get("min") == 0:
        axes.set_ylim(0, max(axes.dataLim.y1, defaults.get("max", 0)) * 1.1 or 1)
    axes.yaxis.set_major_formatter(lambda value, _: written(value, defaults["unit"]))
    axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(4, integer=defaults.get("decimals") == 0))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f} s")
    axes.grid(visible=True, linewidth=0.3)
    axes.tick_params(length=2, width=0.4)
    if series:
        columns = max(1, round(width * 260 / (12 + max(len(each["legend"]) for each in series))))
        where = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.14), "ncols": columns}
        axes.legend(fontsize=5.5, frameon=False, handlelength=1, **where)


def colours(panel: dict[str, Any]) -> dict[str, str]:
    """Return the colours that the panel gives series by their names."""
    return {
        override["matcher"]["options"]: COLOURS[each["value"]["fixedColor"]]
        for override in panel["fieldConfig"]["overrides"]
        for each in override["properties"]
    }


def written(value: float, unit: str) -> str:
    """Write a value as Grafana does, more or less."""
    if unit == "s" and abs(value) < 1 and value:
        return f"{value * 1000:.3g} ms"
    if unit == "bytes":
        return f"{value / 2**20:.3g} MiB"
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    ends = {"s": " s", "ops": "/s", "reqps": "/s"}
    return f"{value:.3g}{ends.get(unit, '')}"


if __name__ == "__main__":
    main()
