"""The terms of a process. An activity reads them, so that the history keeps them."""

from temporalio import activity

from ticketing.policies import ProcessTerms


class TermsActivities:
    def __init__(self, terms: ProcessTerms) -> None:
        self._terms = terms

    @activity.defn
    async def process_terms(self) -> ProcessTerms:
        return self._terms
