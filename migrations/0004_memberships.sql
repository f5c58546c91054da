-- Who is a member of which town, for lists and for refusing strangers before an object is touched. The Town decides, and writes its
-- whole list here under a revision that only grows: an older list that comes late changes nothing.
CREATE TABLE memberships (
  town TEXT NOT NULL,
  person TEXT NOT NULL,
  role TEXT NOT NULL,
  PRIMARY KEY (town, person)
) STRICT;
CREATE INDEX memberships_by_person ON memberships (person, town);
ALTER TABLE towns ADD COLUMN members_revision INTEGER NOT NULL DEFAULT 0;
INSERT INTO memberships (town, person, role) SELECT id, owner, 'owner' FROM towns;
-- A town has its first owner from its first moment, and its members go with it: also where the release before this one writes.
CREATE TRIGGER memberships_begin AFTER INSERT ON towns BEGIN
  INSERT INTO memberships (town, person, role) VALUES (NEW.id, NEW.owner, 'owner');
END;
CREATE TRIGGER memberships_end AFTER DELETE ON towns BEGIN
  DELETE FROM memberships WHERE town = OLD.id;
END;
