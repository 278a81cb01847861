"""How it is watched: logs, metrics, health."""
