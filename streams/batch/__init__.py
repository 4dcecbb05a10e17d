"""Whole batches through Faust: every override of a private method of faust-streaming and aiokafka, and nothing else."""
