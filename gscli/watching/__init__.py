"""What `gscli.watch` and the training monitor share: checkpoints, measures of disagreement, event files."""

DEFAULT_THRESHOLD = 0.3  # scene units, as forks of CoR-GS log it
