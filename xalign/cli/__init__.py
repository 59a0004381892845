"""The command line: every command is options, one call, print."""
