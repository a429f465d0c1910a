"""`python -m tfmlflow` is `tfmlflow`."""

from tfmlflow.cli import main

main(prog_name="tfmlflow")
