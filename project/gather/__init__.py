"""The outputs that an evaluation needs: the required ones, from endpoints or local models, and additional probes."""
