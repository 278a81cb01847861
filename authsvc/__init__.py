"""Who does this API key belong to, and did that user sign this request?"""

__version__ = "0.1.0.dev0"
