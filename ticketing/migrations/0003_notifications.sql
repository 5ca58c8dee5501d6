-- Who was told what. A mark is set before the message is sent: at most one of each kind.

CREATE SCHEMA notifications;

CREATE TABLE notifications.mark (
  kind text NOT NULL,
  about text COLLATE "C" NOT NULL,  -- the booking or payment
  marked_at timestamptz NOT NULL DEFAULT es.now(),
  CONSTRAINT mark_key PRIMARY KEY (kind, about)
);
