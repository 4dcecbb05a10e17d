"""The small journey: one that every stream processor can be asked to follow, and what the bench needs to compare them by it."""
