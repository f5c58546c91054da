-- A town that is being deleted keeps its entry until nothing of it is left: nobody finds it here any more, but the watchdog.
ALTER TABLE towns ADD COLUMN deleted_at_ms INTEGER;
