"""Training at a provider: its file rules, the bill before anything is sent, one job per content, its adapter."""
