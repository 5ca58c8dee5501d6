-- The mail that was received: a copy for each recipient.

CREATE TABLE IF NOT EXISTS messages (
    position  INTEGER PRIMARY KEY AUTOINCREMENT,
    recipient TEXT NOT NULL,
    booking   TEXT,  -- the sender's own header
    content   BLOB NOT NULL
) STRICT;
