"""What a verdict depends on outside its cell: the files, the machine and the settings of the process that computed it.

`watch` notes in a worker what its backend reads, `manifest` keeps it beside the result, and compares it with what is
there when the result is to be used again.
"""
