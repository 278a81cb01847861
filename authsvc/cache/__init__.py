"""A directory in front of a directory: what is remembered, for how long, and where."""
