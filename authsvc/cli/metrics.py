"""``authsvc metrics``: every metric, its type, its labels and its meaning."""

from __future__ import annotations

import click

from authsvc.ops.metrics import METRICS


@click.command()
def metrics() -> None:
    """Print every metric of the ops port as a Markdown table, the one in docs/metrics.md.

    \b
    Example:
      authsvc metrics
    """
    click.echo(metrics_table())


def metrics_table() -> str:
    """Return the table: name, type, labels, meaning."""
    rows = ["| metric | type | labels | meaning |", "|---|---|---|---|"]
    for metric in METRICS:
        labels = ", ".join(f"`{label}`" for label in metric.labels)
        rows.append(f"| `{metric.name}` | {metric.kind} | {labels} | {metric.about} |")
    return "\n".join(rows)
