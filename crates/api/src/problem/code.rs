//! Every `code` of a problem: its status, what it means, and what a caller does about it. The API's description says
//! the same, and `docs/api.md` is checked against it.

use axum::http::StatusCode;

/// A kind of problem.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Code {
    pub status: StatusCode,
    pub name: &'static str,
    /// What has happened.
    pub means: &'static str,
    /// What to do.
    pub remedy: &'static str,
}

macro_rules! codes {
    ($($constant:ident = $status:ident $name:literal, $means:literal, $remedy:literal;)*) => {
        $(pub(crate) const $constant: Code =
            Code { status: StatusCode::$status, name: $name, means: $means, remedy: $remedy };)*

        /// All of them, by status.
        pub(crate) const ALL: &[Code] = &[$($constant),*];
    };
}

codes! {
    BODY_INCOMPLETE = BAD_REQUEST "body_incomplete", "The body ended before it was complete, or its chunks are none.",
        "Send it again, whole.";
    INVALID_JSON = BAD_REQUEST "invalid_json", "The body is no JSON in UTF-8.", "Mend it; `detail` names line and column.";
    MALFORMED_REQUEST = BAD_REQUEST "malformed_request", "The request is no HTTP/1.1, or has not one `Host`.",
        "Use another HTTP library, or look at what stands between.";
    TLS_REQUIRED = BAD_REQUEST "tls_required", "Plain HTTP came to a port that speaks TLS.",
        "Use `https://`. Replace the key if one was sent.";
    UNAUTHENTICATED = UNAUTHORIZED "unauthenticated", "No key, or one that is unknown, revoked or expired.",
        "Give a key that is good: `postledger key list`.";
    NOT_THE_PROXY = FORBIDDEN "not_the_proxy", "The connection comes from outside of `server.trusted_proxies`.",
        "Go through the proxy, or add its network.";
    SCOPE_MISSING = FORBIDDEN "scope_missing", "The key has not the scope that the call needs.",
        "Use a key that has; `detail` names the scope.";
    TENANT_FORBIDDEN = FORBIDDEN "tenant_forbidden", "A key may issue keys of its own tenant only.",
        "Issue it on the service's machine: `postledger key create --tenant`.";
    NOT_FOUND = NOT_FOUND "not_found", "There is no such path or thing, or it is another tenant's.",
        "Look at the id and at the key's tenant.";
    METHOD_NOT_ALLOWED = METHOD_NOT_ALLOWED "method_not_allowed", "The path has other methods.", "Use one of `Allow`.";
    BODY_TIMEOUT = REQUEST_TIMEOUT "body_timeout", "The body took too long to arrive.",
        "Send it again; raise `server.limits.body_timeout` for slow lines.";
    NOT_ATTEMPTED = CONFLICT "not_attempted", "A delivery's bytes are fixed by its first attempt; there was none.",
        "Read the message's content, or wait.";
    REFUSED_BY_STATE = CONFLICT "refused_by_state", "No delivery's state allows the command.",
        "Read the message; `errors` says why, delivery by delivery.";
    CONTENT_GONE = GONE "content_gone", "The content was removed: its retention has passed, or it was erased. 409 from `redrive`.",
        "Submit the message anew.";
    BODY_TOO_LARGE = PAYLOAD_TOO_LARGE "body_too_large", "The body is over `server.limits.body`.",
        "Send less, or raise the limit.";
    URI_TOO_LONG = URI_TOO_LONG "uri_too_long", "The path is too long.", "Shorten it.";
    UNSUPPORTED_ENCODING = UNSUPPORTED_MEDIA_TYPE "unsupported_encoding", "The body is compressed.", "Send it as it is.";
    UNSUPPORTED_MEDIA_TYPE = UNSUPPORTED_MEDIA_TYPE "unsupported_media_type", "The body does not say that it is JSON in UTF-8.",
        "Say `Content-Type: application/json`, once.";
    IDEMPOTENCY_KEY_REUSED = UNPROCESSABLE_ENTITY "idempotency_key_reused", "The key was used before for another request.",
        "Use a new key for a new message.";
    INVALID_REQUEST = UNPROCESSABLE_ENTITY "invalid_request", "Fields, parameters or header fields are not acceptable.",
        "Mend what `errors` names.";
    MESSAGE_TOO_LARGE = UNPROCESSABLE_ENTITY "message_too_large", "Rendered, the message is over `server.limits.message`.",
        "Send less, or raise the limit. Base64 makes files a third larger.";
    HEADER_TOO_LARGE = REQUEST_HEADER_FIELDS_TOO_LARGE "header_too_large", "The line and header fields are over `server.limits.header`, or over 100.",
        "Send fewer or shorter ones.";
    CORRUPT_RECORD = INTERNAL_SERVER_ERROR "corrupt_record", "A record of the ledger cannot be read.",
        "Tell the operator: `postledger audit verify`.";
    INTERNAL = INTERNAL_SERVER_ERROR "internal", "A defect of the service.", "Tell the operator the `request_id`: the log has it.";
    LEDGER_UNREADABLE = INTERNAL_SERVER_ERROR "ledger_unreadable", "The ledger cannot be read.",
        "Tell the operator: the disk, `postledger audit verify`.";
    UNDECIDED = INTERNAL_SERVER_ERROR "undecided", "A write failed, and whether the request took effect is not known yet.",
        "Repeat it with the same `Idempotency-Key` when the service is back.";
    BUSY = SERVICE_UNAVAILABLE "busy", "Too much at once. Nothing was stored.", "Repeat after `Retry-After`.";
    CONTENDED = SERVICE_UNAVAILABLE "contended", "Others keep changing the same message. Nothing was done.",
        "Repeat after `Retry-After`.";
    LEDGER_STOPPED = SERVICE_UNAVAILABLE "ledger_stopped", "The service is stopping, or a write failed. Nothing was stored.",
        "Repeat after `Retry-After`.";
    UNAVAILABLE = SERVICE_UNAVAILABLE "unavailable", "`/readyz`: the ledger accepts no writes.", "Look at the log.";
    VIEWS_REBUILDING = SERVICE_UNAVAILABLE "views_rebuilding", "Lists are being rebuilt; single messages can be read.",
        "Repeat after `Retry-After`.";
    VIEWS_UNREADABLE = SERVICE_UNAVAILABLE "views_unreadable", "Lists cannot be read; single messages can.",
        "Tell the operator: the log says why.";
    DISK_FULL = INSUFFICIENT_STORAGE "disk_full", "The disk is full. Nothing was stored.",
        "Repeat after `Retry-After`; make room.";
}

/// An error answer that no handler wrote; its status is its own.
pub(crate) const HTTP_ERROR: Code = Code {
    status: StatusCode::BAD_REQUEST,
    name: "http_error",
    means: "Another error; see the status.",
    remedy: "Tell the operator.",
};

/// Every `code` in `errors`, with what it means.
pub(crate) const OF_FIELDS: &[(&str, &str)] = &[
    ("control_character", "A CR, LF, NUL or other control character stands where a line of text is wanted."),
    ("duplicate_field", "It is given twice."),
    ("duplicate_parameter", "It is given twice."),
    ("invalid_address", "It is no mail address; quoted local parts and address literals are not taken."),
    ("invalid_content_id", "It is no content id."),
    ("invalid_cursor", "It is no `next_cursor` of an earlier page."),
    ("invalid_duration", "It is no whole number with `s`, `m`, `h` or `d`."),
    ("invalid_header_name", "It is no name of a header field."),
    ("invalid_host", "It is no host with a port."),
    ("invalid_idempotency_key", "It is not 1 to 255 visible ASCII characters."),
    ("invalid_json", "The JSON ends or breaks in it."),
    ("invalid_media_type", "It is no media type."),
    ("invalid_name", "It is not 1 to 64 of `a-z`, `0-9` and `_`."),
    ("invalid_time", "It is no RFC 3339 date and time with a zone."),
    ("invalid_type", "It is JSON of another type; `detail` names the one that is wanted."),
    ("length", "It is too short or too long."),
    ("not_allowed", "This header field is the service's own, or on no list."),
    ("not_base64", "It is no base64 with padding and without line ends (RFC 4648 4)."),
    ("not_supported", "It is not supported, here or yet."),
    ("out_of_range", "It is too small or too large; `detail` says the range."),
    ("required", "It is missing."),
    ("too_large", "The attachments are over `server.limits.attachments` together."),
    ("too_long", "It has a word that does not fit on a line of a mail (RFC 5322 2.1.1)."),
    ("too_many", "The list is too long."),
    ("unknown_field", "There is no such field; `detail` says which there are."),
    ("unknown_parameter", "There is no such parameter."),
    ("unknown_route", "No such route is configured."),
    ("unknown_value", "It is none of the words that may stand here; `detail` says which."),
    // Of deliveries, where a command is refused.
    ("committed", "A delivery: its application has committed it."),
    ("content_gone", "A delivery: its content was removed or erased."),
    ("expired", "A delivery: its lifetime has passed."),
    ("final", "A delivery: it has ended; `detail` says as what."),
    ("held", "A delivery: it is held; release it first."),
    ("in_flight", "A delivery: an attempt is in flight; its outcome comes first."),
    ("missing", "A delivery: there is none of that number."),
    ("not_due", "A delivery: its time has not come."),
    ("not_open", "A delivery: that attempt is not the open one."),
    ("not_unknown", "A delivery: none of its attempts is unresolved."),
    ("prepared", "A delivery: its application has not committed it."),
];

/// All codes as a table in Markdown.
pub(crate) fn table() -> String {
    let mut table = "| code | status | what has happened | what to do |\n|---|---|---|---|\n".to_owned();
    for Code { status, name, means, remedy } in ALL {
        table.push_str(&format!("| `{name}` | {} | {means} | {remedy} |\n", status.as_u16()));
    }
    table
}

/// All codes of fields as a table in Markdown.
pub(crate) fn table_of_fields() -> String {
    let mut table = "| code of a field | what is wrong with it |\n|---|---|\n".to_owned();
    for (code, means) in OF_FIELDS {
        table.push_str(&format!("| `{code}` | {means} |\n"));
    }
    table
}
