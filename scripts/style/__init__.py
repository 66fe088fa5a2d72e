"""The rules of style that no linter knows: one file per kind of rule, from a file's text to its faults."""
