"""State backends for workers, and ``testing``: the suite that says whether a backend keeps the contract."""
