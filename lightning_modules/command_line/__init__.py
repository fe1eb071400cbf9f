"""The command line: it turns arguments into settings, and runs commands with them."""
