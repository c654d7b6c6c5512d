"""The `tfx-retrieval` command.

`main` holds the command group and the exit codes, `commands` one module per group of commands.
TensorFlow, TFX and pandas are imported inside the functions that need them, so that the other
commands answer at once.
"""
