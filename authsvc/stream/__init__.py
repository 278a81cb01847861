"""What changes in the directory, told as it happens."""
