-- What a town has to know that was put back to an earlier state, and with it all that it knows: when that was asked for, and the
-- bookmark of the state that it left.
ALTER TABLE towns ADD COLUMN restore_at_ms INTEGER;
ALTER TABLE towns ADD COLUMN restore_undo TEXT;
