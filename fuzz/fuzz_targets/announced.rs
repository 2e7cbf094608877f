//! What a balancer sends first: a header is found within its bounds, and alike however it comes in pieces.

#![no_main]

use libfuzzer_sys::fuzz_target;
use verge::announced::{Announced, announced};

fuzz_target!(|bytes: &[u8]| {
    let whole = announced(bytes);
    if let Announced::Client(length, _) = whole {
        assert!(length <= bytes.len() && length <= 4096);
        assert_eq!(announced(&bytes[..length]), whole, "what follows changes nothing");
        for end in 0..length {
            assert_eq!(announced(&bytes[..end]), Announced::Partial, "it ends once");
        }
    }
    if whole == Announced::Partial {
        assert!(bytes.len() < 4096, "it ends");
    }
});
