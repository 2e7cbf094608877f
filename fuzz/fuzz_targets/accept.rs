//! Any lines of `Accept`: within bounds, without panic, and with a decision.

#![no_main]

use http::{HeaderMap, HeaderValue, Method, header::ACCEPT};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use verge_fuzz::table;
use verge_router::{
    MappingTable, Moment, Reason, Request, route,
    version::accept::{MAX_RANGES, MAX_WHOLE, ranges},
};

static TABLE: LazyLock<MappingTable> = LazyLock::new(table);

fuzz_target!(|bytes: &[u8]| {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|&b| b == b'\n').filter_map(|line| HeaderValue::from_bytes(line).ok()) {
        let _ = headers.try_append(ACCEPT, line);
    }
    let part = TABLE.api("orders").expect("the API that was built");
    let mut seen = 0;
    for range in ranges(&headers) {
        seen += 1;
        assert!(range.q <= 1000);
        let _ = range.named(part.api().vendors());
        let mut buffer = [0; MAX_WHOLE];
        let whole = range.whole(&mut buffer);
        assert!(whole.is_none_or(|whole| whole.len() <= range.element.len()));
    }
    assert!(seen <= MAX_RANGES);

    let request = Request { method: &Method::GET, host: "api.example.com", path: "/", query: None, headers: &headers };
    let decision = route(&request, &TABLE, &Moment::at(0), &mut ());
    let reason = decision.as_ref().err().map(|rejection| rejection.reason);
    assert!(!matches!(reason, Some(Reason::UnknownHost | Reason::LoopDetected | Reason::BadRequest)));
    // The same arguments always give the same answer.
    let again = route(&request, &TABLE, &Moment::at(0), &mut ());
    assert_eq!(reason, again.err().map(|rejection| rejection.reason));
});
