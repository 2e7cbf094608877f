//! What is allowed but unwise.

use crate::{Config, Problem};
use verge_router::{origin::DEFAULT_ALLOW, version::Source};

pub(crate) fn warnings(config: &Config) -> Vec<Problem> {
    let mut warnings = Vec::new();
    let mut warn = |path: String, message: String| warnings.push(Problem { path, line: None, message });

    let rules = &config.origins.rules;
    if rules.allow.iter().any(|pattern| pattern.as_str() == DEFAULT_ALLOW) {
        warn(
            "origins.allow".to_owned(),
            format!(
                "`{DEFAULT_ALLOW}` lets a row name any AWS customer's API: \
                 name your own, such as `abc123.execute-api.eu-central-1.amazonaws.com`"
            ),
        );
    }
    if rules.insecure {
        warn(
            "origins.insecure".to_owned(),
            "rows may ask for clear text: requests to such origins can be read and changed on their way".to_owned(),
        );
    }
    if rules.loopback {
        warn(
            "origins.loopback".to_owned(),
            "rows may lead to this machine's own services: meant for tests and sidecars".to_owned(),
        );
    }
    for (i, api) in config.apis.iter().enumerate() {
        let draft = &api.draft;
        let Some(read) = &draft.read else { continue };
        for (key, written, source) in
            [("header", draft.header.is_some(), Source::Header), ("vendor", draft.vendor.is_some(), Source::Accept)]
        {
            if written && !read.contains(&source) {
                let source = source.as_str();
                warn(
                    format!("api[{i}].version.{key}"),
                    format!("it is never looked at, for `read` does not name `{source}`"),
                );
            }
        }
    }
    warnings
}
