"""Figures, not tests: whole processes over real sockets, compared interleaved in one run."""
