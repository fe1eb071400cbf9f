"""YAML files that the command line finds by name: base, data/*, logger/*, experiments/* (paper size), small/* (CPU)."""
