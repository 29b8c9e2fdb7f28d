"""Backends: the protocol, finding them, and the process that runs each."""
