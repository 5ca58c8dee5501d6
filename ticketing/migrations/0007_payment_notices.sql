-- What the payment provider told us. A notice is stored together with its effect, and before the
-- provider is told that we have it.

CREATE SCHEMA payments;

CREATE TABLE payments.notice (
  notice_id text COLLATE "C" NOT NULL,  -- the provider's: a repeat has the same
  type text NOT NULL,
  payment_id text COLLATE "C" NOT NULL,
  received_at timestamptz NOT NULL DEFAULT es.now(),
  content jsonb NOT NULL,
  CONSTRAINT notice_key PRIMARY KEY (notice_id)
);
