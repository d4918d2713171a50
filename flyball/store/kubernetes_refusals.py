"""What an API server's refusal means to somebody who asked a record store."""

from flyball.errors import ClusterError, Code, FlyballError, InputError, StoreError

_CODES = {
    Code.API_FORBIDDEN: Code.STORE_REFUSES,
    Code.API_UNKNOWN_KIND: Code.STORE_REFUSES,
    Code.NO_CLUSTER: Code.STORE_AWAY,
}
"""Everything else is a store that cannot answer now; a write may have landed."""


def meaning(error: ClusterError) -> FlyballError:
    """The error in the store's terms. Conflicts and missing objects are told before it comes to this."""
    if error.code is Code.API_INVALID:
        return InputError(Code.INVALID_RECORD, error.message, error.next_step)
    return StoreError(_CODES.get(error.code, Code.STORE_AWAY), error.message, error.next_step)
