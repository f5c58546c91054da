-- What each town says of itself in numbers, for those who scrape /metrics: read without waking a town. It goes with the town.
CREATE TABLE town_figures (
  town TEXT PRIMARY KEY REFERENCES towns (id) ON DELETE CASCADE,
  at_ms INTEGER NOT NULL,
  figures TEXT NOT NULL
) STRICT;
