-- A mark says that we tried once; now also whether it went out.

ALTER TABLE notifications.mark
  ADD COLUMN sent_at timestamptz;  -- NULL: not handed over, or nobody lived to say so

UPDATE notifications.mark SET sent_at = marked_at;  -- until now nothing left the machine

CREATE INDEX mark_unsent ON notifications.mark (marked_at) WHERE sent_at IS NULL;
