"""Keeps secrets out of what is stored, printed and sent: by the names that they have, and by their forms."""

from tfmlflow.masking.keys import is_secret
from tfmlflow.masking.settings import masked, masked_overrides, secrets_in
from tfmlflow.masking.text import MASK, masked_text

__all__ = ["MASK", "is_secret", "masked", "masked_overrides", "masked_text", "secrets_in"]
