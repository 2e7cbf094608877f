//! Every answer Verge authors, as pingora writes it; what it says is `verge_carry`'s part, for all edges alike.

use http::header;
use pingora_http::ResponseHeader;
pub(crate) use verge_carry::Reply;
use verge_router::lifecycle::imf_fixdate;

/// The head as pingora writes it.
pub(crate) fn head(reply: &Reply) -> pingora_error::Result<ResponseHeader> {
    let mut head = ResponseHeader::build(reply.status, Some(reply.fields.len() + 1))?;
    for (name, value) in &reply.fields {
        head.append_header(name.clone(), value.clone())?;
    }
    if !reply.body.is_empty() {
        head.insert_header(header::CONTENT_LENGTH, reply.body.len())?;
    }
    Ok(head)
}

/// The whole answer as HTTP/1.1, after which the connection closes.
pub(crate) fn into_http1(reply: &Reply) -> Vec<u8> {
    let reason = reply.status.canonical_reason().unwrap_or("");
    let mut out = format!("HTTP/1.1 {} {reason}\r\n", reply.status.as_u16()).into_bytes();
    let mut field = |name: &str, value: &[u8]| {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    };
    for (name, value) in &reply.fields {
        field(name.as_str(), value.as_bytes());
    }
    field("date", imf_fixdate(crate::clock::unix_now()).as_bytes());
    field("content-length", reply.body.len().to_string().as_bytes());
    field("connection", b"close");
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&reply.body);
    out
}
