"""The command `badak`, a file a command. Each imports what it needs when it runs, so that `badak --help` is quick."""

from badak.cli.app import app as app
from badak.cli.app import main as main
