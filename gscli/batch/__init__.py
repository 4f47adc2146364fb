"""Many inputs, one command: plan, run on any engine, resume after any kill.

A `Task` is what one input costs: an operation, its files and its parameters. `execute` turns a task into a
record. Engines (`local`, `dask`) only decide which process calls it, and when; everything that must
outlive a process is a file (`records`).
"""
