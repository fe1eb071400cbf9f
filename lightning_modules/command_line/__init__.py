"""The command line: what is typed becomes settings, and settings start a run."""
