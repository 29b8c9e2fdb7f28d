"""The loss over a plane of the parameters, and descents on it: as a picture, and as a page to step through."""
