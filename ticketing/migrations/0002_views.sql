-- What people see. Follows the log; may be emptied and rebuilt at any time.

CREATE SCHEMA views;

CREATE TABLE views.booking (  -- columns named as the fields of BookingView
  booking_id text COLLATE "C" PRIMARY KEY,
  client_id text COLLATE "C" NOT NULL,
  concert_id text COLLATE "C" NOT NULL,
  seats jsonb NOT NULL,
  tickets jsonb NOT NULL,
  total jsonb,
  status text COLLATE "C" NOT NULL,
  reason text,
  placed_at timestamptz NOT NULL,
  confirmed_at timestamptz,
  expires_at timestamptz,
  settled_at timestamptz,
  ended_at timestamptz,
  payment_id text COLLATE "C",
  version bigint NOT NULL CHECK (version > 0)
);

CREATE INDEX booking_by_client
  ON views.booking (client_id, placed_at DESC, booking_id DESC);
CREATE INDEX booking_by_concert
  ON views.booking (concert_id, placed_at DESC, booking_id DESC);
CREATE INDEX booking_by_concert_and_status
  ON views.booking (concert_id, status, placed_at DESC, booking_id DESC);
CREATE INDEX booking_overdue
  ON views.booking (expires_at, booking_id) WHERE status = 'confirmed';
