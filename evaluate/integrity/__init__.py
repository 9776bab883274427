"""Whether outputs are what they claim to be: answers of their variant to their requests, whole and not learnt by heart."""
