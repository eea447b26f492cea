"""The consumer portal: server-rendered pages that work without scripts, by keyboard, in English and Chinese."""
