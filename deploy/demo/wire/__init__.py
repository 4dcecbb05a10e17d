"""Wire: the generated company's events as the vendors of a real company would send them, each in its own format and ids."""
