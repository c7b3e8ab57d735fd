"""Whether a part is ready, by what its /readyz says."""

import httpx

ANSWER_SECONDS_MAX = 5.0


def unready(url: str) -> str | None:
    """Why the part behind this door is not ready; None: it is."""
    try:
        answer = httpx.get(f"{url}/readyz", timeout=ANSWER_SECONDS_MAX, trust_env=False)
    except httpx.HTTPError:
        return "does not answer"
    if answer.status_code == httpx.codes.OK:
        return None
    return f"is not ready: {answer.text}"
