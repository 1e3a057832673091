"""Estimates of tokens, and the price of tokens."""

BYTES_PER_TOKEN = 3.5
"""Of UTF-8. Tokenizers of current models give 3.5 to 4.5 for Portuguese, Spanish and English. The pages estimate the same."""
MILLION = 1_000_000


def estimate_tokens(text: str) -> int:
    """Returns about how many tokens a text has. Models count differently, so only the endpoint knows."""
    return -(-int(len(text.encode(errors="replace")) * 10) // int(BYTES_PER_TOKEN * 10))


def cost_micros(input_price: int, output_price: int, input_tokens: int, output_tokens: int) -> int:
    """Returns what tokens cost, in millionths of the currency's unit, rounded up. Prices are for a million tokens, also in
    millionths."""
    return -(-(input_price * input_tokens + output_price * output_tokens) // MILLION)
