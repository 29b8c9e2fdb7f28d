"""The terminal: arguments, exit codes, progress."""
