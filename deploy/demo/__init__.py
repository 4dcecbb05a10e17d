"""What the demo and the benchmark play: a generated company, a real community, and Segment-shaped traffic."""
