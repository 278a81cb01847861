"""How the service is spoken to: callers, dialects of refusal, and one room per face."""
