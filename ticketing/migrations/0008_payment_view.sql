-- What people see of the money. Follows the log; may be emptied and rebuilt at any time.

CREATE TABLE views.payment (  -- columns named as the fields of PaymentView
  payment_id text COLLATE "C" PRIMARY KEY,
  booking_id text COLLATE "C" NOT NULL,
  payer text NOT NULL,
  amount jsonb NOT NULL,
  status text COLLATE "C" NOT NULL,
  refund_reason text,
  refund_ref text,
  received_at timestamptz NOT NULL,
  ended_at timestamptz,
  version bigint NOT NULL CHECK (version > 0)
);

CREATE INDEX payment_by_booking ON views.payment (booking_id, received_at);
CREATE INDEX payment_under_way ON views.payment (received_at) WHERE ended_at IS NULL;
