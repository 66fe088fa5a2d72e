"""What the smoke test of the wheels is made of: mutilated trees, both routes, clean environments."""
