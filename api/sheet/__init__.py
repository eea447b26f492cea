"""What pages share that are one whole file, on a screen and on paper: the style sheet, and the drawing of a ranking."""
