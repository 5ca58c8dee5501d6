"""The settings a process is run by: an activity, so that its history holds what it was told."""

from temporalio import activity

from ticketing.policies import ProcessTerms


class TermsActivities:
    def __init__(self, terms: ProcessTerms) -> None:
        self._terms = terms

    @activity.defn
    async def process_terms(self) -> ProcessTerms:
        return self._terms
