-- How the tables are kept: docs/adr/0017 has the measurements. Nothing is rewritten; what is written from now on goes by it.
-- since: 0.2.0
-- compatible from: 3

-- With a tenth of a page free, each update found room beside the row it replaces, and no index changed.
ALTER TABLE task_instances SET (fillfactor = 90);
ALTER TABLE tries SET (fillfactor = 90);
ALTER TABLE task_entries SET (fillfactor = 90);
ALTER TABLE asset_entries SET (fillfactor = 90);

-- The default waits for a fifth of a table, which is 20 million rows of 10^8: a fiftieth instead. What is only added to
-- is vacuumed by the same measure, so that its pages are known to be visible to all before they are many.
ALTER TABLE task_instances SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
ALTER TABLE tries SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
ALTER TABLE task_entries SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
ALTER TABLE asset_entries SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
ALTER TABLE asset_history SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
ALTER TABLE request_log SET (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.02);
-- Each object leaves a dead entry in the index of what is not settled.
ALTER TABLE external_objects SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
