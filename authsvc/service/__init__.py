"""What authsvc does, one use case a file. Holds the clock, knows no adapter."""
