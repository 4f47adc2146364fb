"""What `gscli.watch` and the training monitor share: checkpoints, measures of disagreement, event files."""

MATCHED_WITHIN = 0.3  # scene units, as forks of CoR-GS log it
