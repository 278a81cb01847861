"""Adapters of ports.EventSink and ports.Audit: who hears of decisions, after they are told or before."""
