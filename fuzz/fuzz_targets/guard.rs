//! A client's bytes: whatever the guard of the ingress lets through, the parser behind it reads the same way.

#![no_main]

use libfuzzer_sys::fuzz_target;
use verge::second_opinion::compare;

fuzz_target!(|bytes: &[u8]| {
    if let Err(difference) = compare(bytes) {
        panic!("{difference}");
    }
});
