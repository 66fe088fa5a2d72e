"""What a task does with its state: operations and flows without I/O, two drivers, and the accessors."""
