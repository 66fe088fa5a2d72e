-- Below which number the sendings of a try have no effect any more: it has given them up and asked again.
-- since: 0.2.0
ALTER TABLE tries ADD COLUMN sending_floor INTEGER NOT NULL DEFAULT 0;
-- SHA-256 of the secret that stands in the lock's file of the try's supervisor: who finds it there takes over.
ALTER TABLE tries ADD COLUMN holder_digest BLOB;
