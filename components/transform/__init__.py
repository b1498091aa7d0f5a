"""Transform: the one graph that turns image files into pixels, at training and at serving time."""
