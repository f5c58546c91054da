-- The directory: which towns there are and whose. The Town object is the authority for everything else.
CREATE TABLE towns (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  owner TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  next_due_at_ms INTEGER
) STRICT;
CREATE INDEX towns_by_owner ON towns (owner, id);
