"""The outputs that an evaluation needs: which ones, from endpoints or models here, and probes beyond the test."""
