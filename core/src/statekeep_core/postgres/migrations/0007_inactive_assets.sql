-- A name or uri that no active asset has is looked for among those out of use: by it, and not through all of them.
-- since: 0.2.0
-- compatible from: 3
CREATE INDEX inactive_assets_by_name ON assets USING hash (name)
    WHERE deactivated_at IS NOT NULL AND swept_at IS NULL AND name IS NOT NULL;
CREATE INDEX inactive_assets_by_uri ON assets USING hash (uri)
    WHERE deactivated_at IS NOT NULL AND swept_at IS NULL AND uri IS NOT NULL;
