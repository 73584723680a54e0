"""What schemathesis is told beyond the OpenAPI document, so that it gets past the first check of every operation.

A random text is never a time, a dimension or an event. So part of the parameters and bodies are exchanged for believable ones,
each by itself: what remains random meets a request that is otherwise right.
"""

import json
import os

import schemathesis
from hypothesis import strategies as st

RANDOM_TEXT = st.text(max_size=40)

REPORT = {
    "from": st.sampled_from(["2026-11-01", "2026-10-25T00:00:00Z", "2026-11-01T05:45:00+05:45", "1970-01-01"]),
    "to": st.sampled_from(["2026-11-08", "2026-11-30T00:15:00Z", "2027-01-01", "1970-01-02"]),
    "by": st.lists(st.sampled_from(["subject", "sender_domain", "campaign", "field:payer"]), min_size=1, max_size=3),
    "interval": st.sampled_from(["15m", "hour", "day", "week", "month"]),
    "tz": st.sampled_from(["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Australia/Lord_Howe"]),
    "basis": st.sampled_from(["sent", "event"]),
    "sort": st.sampled_from(["-queued", "ctr", "-spam_rate", "subject"]),
    "limit": st.sampled_from(["1", "2", "50"]),
    "min_volume": st.sampled_from(["0", "1", "50"]),
    # A random one is always wrong: without it the rest is looked at.
    "cursor": st.none(),
    "measures": st.lists(st.sampled_from(["queued", "delivered", "opened"]), max_size=3),
    "rates": st.lists(st.sampled_from(["ctr", "spam_rate", "ctor"]), max_size=3),
    "format": st.sampled_from(["json", "csv", "png"]),
    "filter": st.lists(
        st.builds(
            "{}:{}:{}".format,
            st.sampled_from(["subject", "recipient_domain", "mailbox_provider", "field:payer"]),
            st.sampled_from(["is", "is_not", "in", "contains", "starts_with"]),
            RANDOM_TEXT,
        ),
        max_size=3,
    ),
    "kind": st.sampled_from(["hard_bounced", "complained", "unsubscribed", "unengaged"]),
    "since": st.sampled_from(["2026-11-01", "1970-01-01"]),
    "width": st.sampled_from(["320", "800"]),
    "height": st.sampled_from(["240", "600"]),
    "theme": st.sampled_from(["light", "dark"]),
}

EVENT = st.fixed_dictionaries(
    {
        "event": st.sampled_from(["queued", "delivered", "failed", "opened", "clicked", "complained"]),
        "time": st.one_of(st.just("2026-11-01T10:00:00.5Z"), st.just(1793500000.25), st.integers(), st.floats(allow_nan=False, allow_infinity=False), RANDOM_TEXT),
        "message_id": st.one_of(st.just("<m@sender.example>"), RANDOM_TEXT),
        "recipient": st.one_of(st.just("pat@example.com"), st.emails(), RANDOM_TEXT),
    },
    optional={
        "event_id": RANDOM_TEXT,
        "sender": RANDOM_TEXT,
        "subject": RANDOM_TEXT,
        "campaign": RANDOM_TEXT,
        "fields": st.dictionaries(st.sampled_from(["payer", "clinic", "a b"]), RANDOM_TEXT),
        "machine": st.booleans(),
        "class": st.sampled_from(["hard", "soft", "none"]),
        "url": RANDOM_TEXT,
        "surprise": RANDOM_TEXT,
    },
)


def is_report(context):
    return "/reports/" in context.operation.path or context.operation.path.endswith(("/messages", "/hygiene"))


def exchange(given, names, required):
    """The given members, each of these names exchanged with even odds; the required ones nearly always."""
    replaced = {name: st.one_of(REPORT[name], REPORT[name], REPORT[name], st.just(given.get(name))) for name in required}
    optional = {name: REPORT[name] for name in names if name in REPORT and name not in required}

    def merge(chosen):
        return {name: value for name, value in {**given, **chosen}.items() if value is not None}

    return st.one_of(st.fixed_dictionaries(replaced, optional=optional).map(merge), st.just(given))


def required_of(context):
    path = context.operation.path
    if path.endswith("/hygiene"):
        return ["kind"]
    return ["from", "to"] + (["by"] if path.endswith("split") else []) + (["interval"] if path.endswith("series") else [])


@schemathesis.hook
def flatmap_query(context, query):
    if not is_report(context) or not isinstance(query, dict) or context.operation.method.lower() != "get":
        return st.just(query)

    def joined(chosen):
        return {name: ",".join(value) if name in ("by", "measures", "rates") and isinstance(value, list) else value for name, value in chosen.items()}

    return exchange(query, list(query), required_of(context)).map(joined)


@schemathesis.hook
def flatmap_body(context, body):
    if is_report(context) and isinstance(body, dict):
        return exchange(body, list(body), required_of(context))
    if context.operation.path.endswith("/events"):
        return st.one_of(st.just(body), EVENT, st.lists(EVENT, max_size=5))
    return st.just(body)


@schemathesis.serializer("application/x-ndjson")
def ndjson(context, value):
    """Events one a line; whatever else was generated, as it is."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    lines = value if isinstance(value, list) else [value]
    return "\n".join(json.dumps(line) for line in lines).encode()


@schemathesis.serializer("message/rfc822", "application/mbox")
def mail(context, value):
    """Mail is bytes; whatever else was generated, as JSON."""
    return value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "surrogatepass")


@schemathesis.hook
def before_call(context, case, kwargs):
    """The search learns ids from answers and would revoke the key that it asks with: everything after that is refused."""
    own = os.environ["POSTLENS_SEARCH_KEY"]
    if case.method.lower() == "delete" and case.path == "/v1/keys/{id}" and own.startswith(f"pl_{case.path_parameters.get('id')}_"):
        case.path_parameters["id"] = "of-no-key"
