"""Putting it together: the only chooser of backends."""
