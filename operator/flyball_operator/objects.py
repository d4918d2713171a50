"""Objects of the Kubernetes API, as JSON has them."""

from typing import Any

Object = dict[str, Any]
"""One object; nobody changes one that was handed out."""
