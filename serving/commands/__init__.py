"""The commands of ``faceauth`` that work on an exported or a served model.

A function for each says what the command takes; what does it is imported when it is run, so that
``--help`` answers at once.
"""
