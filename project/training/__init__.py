"""Training in a project, its learning curve, and what a run says about its trained model."""
