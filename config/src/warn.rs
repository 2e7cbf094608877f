//! What is allowed but unwise.

use crate::{Config, Problem};
use verge_router::{
    api::{HostPattern, HostVersion},
    origin::DEFAULT_ALLOW,
    version::{Source, host::version},
};

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
        let read = draft.read.as_deref().unwrap_or(&[Source::Accept, Source::Header]);
        for (key, written, source) in [
            ("header", draft.header.is_some(), Source::Header),
            ("vendor", draft.vendor.is_some(), Source::Accept),
            ("query", draft.query.is_some(), Source::Query),
            ("host", draft.host.is_some(), Source::Host),
        ] {
            // What is read by default may be otherwise in the `#api` item.
            let settled = draft.read.is_some() || matches!(source, Source::Query | Source::Host);
            if written && settled && !read.contains(&source) {
                let source = source.as_str();
                warn(
                    format!("api[{i}].version.{key}"),
                    format!("it is never looked at, for `read` does not name `{source}`"),
                );
            }
        }
        if let (Some(hosts), Some(pattern)) = (&draft.hosts, &draft.host)
            && !hosts.iter().any(|host| fits(host, pattern))
        {
            warn(
                format!("api[{i}].version.host"),
                "no host of this API fits it: `hosts` says which requests the API takes, this only where they say a version"
                    .to_owned(),
            );
        }
    }
    warnings
}

/// Whether a host that an API answers under can carry a version by this pattern.
fn fits(host: &HostPattern, pattern: &HostVersion) -> bool {
    match host {
        HostPattern::Any => true,
        HostPattern::Exact(host) => version(host, pattern).is_some(),
        HostPattern::Wildcard(suffix) => {
            let example = format!("{}1{}", pattern.before(), pattern.after());
            let label = example.split('.').next().unwrap_or_default();
            version(&format!("{label}.{suffix}"), pattern).is_some()
        }
    }
}
