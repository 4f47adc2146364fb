"""What `gscli.watch` and the training monitor share: checkpoints, measures of disagreement, event files."""
