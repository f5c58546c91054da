-- API keys, by which programs call for a person. Of a key only its digest is stored; a revoked one stays for people to see.
CREATE TABLE api_keys (
  id TEXT PRIMARY KEY,
  person TEXT NOT NULL,
  name TEXT NOT NULL,
  scope TEXT NOT NULL,
  digest TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  revoked_at_ms INTEGER
) STRICT;
CREATE INDEX api_keys_by_person ON api_keys (person, id);
