"""What the smoke test of the wheels is made of: mutilated trees, builds by both routes, clean environments."""
