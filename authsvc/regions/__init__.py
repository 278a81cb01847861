"""Adapters of ports.Regions: the registry of regions."""
