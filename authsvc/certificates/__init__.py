"""Adapters of ports.Certificates: who registered which certificate."""
