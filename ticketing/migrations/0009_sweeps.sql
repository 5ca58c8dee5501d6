-- What the choreography looks for on a clock: small indexes of what is not over yet.

CREATE INDEX booking_unconfirmed
  ON views.booking (placed_at) WHERE status = 'awaiting_confirmation';
