"""Our payments are compared with the ledger of the company that holds the money."""

from collections import Counter
from collections.abc import Iterator, Sequence

from ticketing.payment_provider.api import Ledger, ProviderPayment
from ticketing.verification.api import Finding, OurPayment


def reconcile(ours: Sequence[OurPayment], ledger: Ledger) -> tuple[Finding, ...]:
    """Return where the two differ about a payment; the caller adds the events."""
    captured = {payment.payment_id: payment for payment in ledger.payments}
    known = {payment.payment_id: payment for payment in ours}
    times = Counter(payment.payment_id for payment in ledger.payments)
    differences = (
        _finding(captured.get(payment_id) or known[payment_id], what)
        for payment_id in sorted(captured.keys() | known.keys())
        for what in _differences(known.get(payment_id), captured.get(payment_id), times[payment_id])
    )
    unreadable = (Finding(check="provider_unreadable", what=what) for what in ledger.unreadable)
    return *differences, *unreadable


def _differences(
    our: OurPayment | None, theirs: ProviderPayment | None, captures: int
) -> Iterator[str]:
    if captures > 1:
        yield f"captured {captures} times"
    if theirs is None:
        if our and our.amount and not our.refusal:
            yield "received here, and unknown to the provider"
    elif our is None or our.refusal:
        if theirs.refund_ref is None:  # else it owes nobody anything: our log was restored
            yield f"{theirs.amount} captured, and not received here"
    elif our.amount:  # else it is reported, and the provider is still to be asked
        if (our.booking_id, our.amount) != (theirs.booking_id, theirs.amount):
            yield (
                f"{our.amount} for {our.booking_id} here, "
                f"{theirs.amount} for {theirs.booking_id} there"
            )
        if our.refunded and theirs.refund_ref is None:
            yield "refunded here, and not by the provider"
        if theirs.refund_ref is not None and not our.refunded:
            yield f"returned by the provider ({theirs.refund_ref}), and not refunded here"


def _finding(payment: OurPayment | ProviderPayment, what: str) -> Finding:
    return Finding(
        check="provider_differs",
        booking_ids=(payment.booking_id,),
        payment_ids=(payment.payment_id,),
        what=what,
    )
