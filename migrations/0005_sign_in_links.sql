-- Links by which a person signs in at the console. Of a link's code only its digest is stored; a link goes with its use, or when it is over.
CREATE TABLE sign_in_links (
  digest TEXT PRIMARY KEY,
  person TEXT NOT NULL,
  scope TEXT NOT NULL,
  parent TEXT,
  ends_at_ms INTEGER,
  expires_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX sign_in_links_by_person ON sign_in_links (person, expires_at_ms);
CREATE INDEX sign_in_links_by_expiry ON sign_in_links (expires_at_ms);
-- The key with whose link a key was got: it is revoked with that one.
ALTER TABLE api_keys ADD COLUMN parent TEXT;
CREATE INDEX api_keys_by_parent ON api_keys (parent);
