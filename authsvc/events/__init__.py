"""Adapters of ports.EventSink: who hears of decisions."""
