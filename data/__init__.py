"""Makes or fetches faces: drawn ones (the default data set), Labeled Faces in the Wild."""
