"""The command line: parse, call the library, show. Exit 0 done, 1 some work failed, 2 bad usage or input."""

from mediadask.cli.main import main

__all__ = ["main"]
