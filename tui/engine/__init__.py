"""Everything that talks to a server or decides. Knows neither Textual nor Rich; usable headless."""
