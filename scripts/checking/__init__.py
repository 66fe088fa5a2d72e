"""What every check of this repository needs: faults, their report, and Python source read as a tree."""
