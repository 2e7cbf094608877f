//! Any head: target, host, then one field a line. Whatever the client writes, it does not choose where it goes.

#![no_main]

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use verge_fuzz::{BASE_PATH, table};
use verge_router::{Hop, MappingTable, Moment, Request, rejection::MAX_REQUESTED, route};

static TABLE: LazyLock<MappingTable> = LazyLock::new(table);

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let (target, host) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value.trim())) else { continue };
        let _ = headers.try_append(name, value);
    }
    let request = Request { method: &Method::GET, host, path, query, headers: &headers };
    match route(&request, &TABLE, &Moment::at(0), &mut ()) {
        Err(rejection) => {
            let requested = rejection.requested.unwrap_or_default();
            assert!(requested.len() <= MAX_REQUESTED && requested.bytes().all(|b| (0x20..0x7f).contains(&b)));
        }
        Ok(forward) => {
            let path = if path.is_empty() { "/" } else { path };
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            assert_eq!(forward.target(), format!("{BASE_PATH}{path}{query}"));

            let id = HeaderValue::from_static("id");
            let mut head = headers.clone();
            forward.edit_request(
                &request,
                &Hop { client: None, tls: true, request_id: &id, traceparent: None },
                &mut head,
            );
            let hosts: Vec<_> = head.get_all(header::HOST).iter().collect();
            assert_eq!(hosts, [forward.origin().domain().as_str()]);
            let ours = |name: &HeaderName| name.as_str().starts_with("verge-") && name != "verge-version";
            assert!(!head.keys().any(ours), "a client's verge-* field went on");
            assert!(!head.contains_key(header::FORWARDED) && !head.contains_key("x-apigw-api-id"));
        }
    }
});
