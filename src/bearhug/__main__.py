"""`python -m bearhug`: the `bearhug` command, where it is not on the path."""

from bearhug.cli.main import main

main()
