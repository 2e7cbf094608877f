//! No text makes the configuration's parser panic, and a refusal always says why, one line a problem.

#![no_main]

use libfuzzer_sys::fuzz_target;
use verge_config::Config;

fuzz_target!(|text: &str| {
    match Config::parse(text) {
        Ok(mut config) => {
            let _ = config.warnings();
            let _ = config.paths_mut();
        }
        Err(problems) => {
            assert!(!problems.as_slice().is_empty());
            assert_eq!(problems.to_string().lines().count(), problems.iter().count());
        }
    }
});
