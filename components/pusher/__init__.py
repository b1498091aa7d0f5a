"""Pusher: TFX's, with a push that is whole or not there, and knows what is served."""
