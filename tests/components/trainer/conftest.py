"""That this file is here puts the folder's helpers on the path of the tests in its rooms."""
