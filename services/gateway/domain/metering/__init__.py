"""What a call used, read from bodies and streams: OpenAI's and Anthropic's formats, and `X-Usage-Units`.

Pure. An upstream's word is not trusted blindly: what is missing or senseless is left out and flagged, what is said
twice differently counts as the larger and is flagged; a hold bounds the rest.
"""
