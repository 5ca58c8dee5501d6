-- The provider's ledger. `effects` says where money moved; nothing is ever changed or removed there.

CREATE TABLE IF NOT EXISTS payments (
    payment_id   TEXT PRIMARY KEY,
    booking_id   TEXT NOT NULL,
    payer        TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor >= 0),
    currency     TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS effects (
    position   INTEGER PRIMARY KEY AUTOINCREMENT,
    payment_id TEXT NOT NULL REFERENCES payments,
    kind       TEXT NOT NULL CHECK (kind IN ('capture', 'refund', 'chargeback')),
    ref        TEXT NOT NULL UNIQUE,
    at         TEXT NOT NULL
) STRICT;

-- Money comes in once and goes back once, whoever asks, under whatever key.
CREATE UNIQUE INDEX IF NOT EXISTS one_capture ON effects (payment_id) WHERE kind = 'capture';
CREATE UNIQUE INDEX IF NOT EXISTS one_return ON effects (payment_id) WHERE kind <> 'capture';

CREATE VIEW IF NOT EXISTS captured_payments AS
SELECT payments.payment_id, payments.booking_id, payments.payer,
       payments.amount_minor, payments.currency,
       capture.position, capture.ref AS provider_ref, capture.at AS captured_at,
       return.ref AS refund_ref
FROM payments
JOIN effects AS capture ON capture.payment_id = payments.payment_id AND capture.kind = 'capture'
LEFT JOIN effects AS return ON return.payment_id = payments.payment_id AND return.kind <> 'capture';

-- The first answer to each idempotency key.
CREATE TABLE IF NOT EXISTS answers (
    operation TEXT NOT NULL,
    key       TEXT NOT NULL,
    digest    TEXT NOT NULL,  -- of the request that was answered
    status    INTEGER NOT NULL,
    body      TEXT NOT NULL,
    PRIMARY KEY (operation, key)
) STRICT;

-- The outbox: written in the transaction of the effect, delivered afterwards.
CREATE TABLE IF NOT EXISTS notices (
    position   INTEGER PRIMARY KEY AUTOINCREMENT,
    notice_id  TEXT NOT NULL UNIQUE,
    type       TEXT NOT NULL,
    payment_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    body       TEXT NOT NULL,
    fault      TEXT CHECK (fault IN ('duplicate', 'reorder', 'late', 'lost')),
    copies_due INTEGER NOT NULL,
    due_at     REAL NOT NULL,  -- seconds since 1970
    attempts   INTEGER NOT NULL DEFAULT 0,
    deliveries INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX IF NOT EXISTS notices_due ON notices (position) WHERE copies_due > 0;
CREATE INDEX IF NOT EXISTS notices_due_of_payment ON notices (payment_id) WHERE copies_due > 0;

-- What is to go wrong. A fault leaves when its times are used up; NULL stays.
CREATE TABLE IF NOT EXISTS faults (
    position   INTEGER PRIMARY KEY,
    operation  TEXT NOT NULL,
    payment_id TEXT,
    fault      TEXT NOT NULL,
    times      INTEGER,
    seconds    REAL NOT NULL
) STRICT;
