"""Past one process: data-parallel ranks on the frameworks' own engines."""
