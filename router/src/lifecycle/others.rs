//! The other versions of an API, told beside the one that answers: links to those that come after it (RFC 5829), and the
//! lists of all of them.

use super::{Here, Lifecycle};
use crate::rewrite::Edits;
use alloc::{boxed::Box, format, vec::Vec};
use http::{HeaderName, HeaderValue, header};

/// `api-supported-versions`: versions that are served and not deprecated.
pub const API_SUPPORTED_VERSIONS: HeaderName = HeaderName::from_static("api-supported-versions");
/// `api-deprecated-versions`: versions that are served and deprecated.
pub const API_DEPRECATED_VERSIONS: HeaderName = HeaderName::from_static("api-deprecated-versions");

/// What the table tells of an API's other versions at the time of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Others {
    /// The newest version that is shown and served.
    pub(crate) latest: Option<Box<str>>,
    /// What [`API_SUPPORTED_VERSIONS`] says, where the API says it.
    pub(crate) supported: Option<HeaderValue>,
    /// What [`API_DEPRECATED_VERSIONS`] says, likewise.
    pub(crate) deprecated: Option<HeaderValue>,
}

impl Others {
    /// The lists, as fields.
    pub(crate) fn lists(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let supported = self.supported.clone().map(|list| (API_SUPPORTED_VERSIONS, list));
        let deprecated = self.deprecated.clone().map(|list| (API_DEPRECATED_VERSIONS, list));
        supported.into_iter().chain(deprecated)
    }

    /// Adds the lists, and links to what comes after a version of this life.
    pub(crate) fn tell(&self, life: Option<(&Lifecycle, &str)>, here: &Here<'_>, edits: &mut impl Edits) {
        for (name, list) in self.lists() {
            edits.set(name, list);
        }
        if let Some((life, version)) = life {
            for link in self.links(life, version, here) {
                edits.append(header::LINK, link);
            }
        }
    }

    /// Links to what comes after a version, as `Link` values.
    pub(crate) fn links(&self, life: &Lifecycle, version: &str, here: &Here<'_>) -> Vec<HeaderValue> {
        let latest = self.latest.as_deref().filter(|latest| *latest != version);
        let relations = [("successor-version", life.successor()), ("latest-version", latest)];
        relations.into_iter().filter_map(|(relation, to)| link(relation, to?, here)).collect()
    }
}

/// A link to this resource in another version. `api-version`, a target attribute (RFC 8288 §2.2), says which one to ask for
/// where the URL does not.
fn link(relation: &str, version: &str, here: &Here<'_>) -> Option<HeaderValue> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+');
    if !version.bytes().all(plain) {
        return None;
    }
    let target = here.in_version(version)?;
    HeaderValue::try_from(format!("<{target}>; rel=\"{relation}\"; api-version=\"{version}\"")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        api::{ApiDraft, ApiPath, HostPattern, HostVersion},
        lifecycle::LifecycleSpec,
        request::Request,
        version::Source,
    };
    use alloc::string::String;
    use http::{HeaderMap, Method};

    /// The links of a version `v1` to `successor` and to the latest.
    fn links(read: &[Source], successor: Option<&str>, latest: Option<&str>, url: &str) -> Vec<String> {
        let draft = ApiDraft {
            hosts: Some([HostPattern::Any].into()),
            read: Some(read.into()),
            path: Some(ApiPath::parse(if url.contains("/own") { "/own" } else { "" }).unwrap()),
            host: Some(HostVersion::parse("api{version}.example.com").unwrap()),
            ..ApiDraft::default()
        };
        let api = draft.finish("orders").unwrap();
        let (host, target) = url.split_at(url.find('/').unwrap());
        let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
        let headers = HeaderMap::new();
        let request = Request { method: &Method::GET, host, path, query, headers: &headers };
        let life = Lifecycle::parse(LifecycleSpec { successor, ..LifecycleSpec::default() }).unwrap();
        let others = Others { latest: latest.map(Into::into), ..Others::default() };
        let links = others.links(&life, "v1", &Here::by_form(&api, &request));
        links.iter().map(|link| link.to_str().unwrap().into()).collect()
    }

    /// Where the successor `v2` of `v1` is found.
    fn check(read: &[Source], url: &str, expected: &str) {
        let found = links(read, Some("v2"), None, url);
        assert_eq!(found, [alloc::format!("<{expected}>; rel=\"successor-version\"; api-version=\"v2\"")], "{url}");
    }

    #[test]
    fn what_comes_after_a_version_is_linked() {
        assert_eq!(
            links(&[Source::Header], Some("v2"), Some("v3"), "a/orders/7?x=1"),
            [
                "</orders/7?x=1>; rel=\"successor-version\"; api-version=\"v2\"",
                "</orders/7?x=1>; rel=\"latest-version\"; api-version=\"v3\"",
            ]
        );
        assert_eq!(links(&[Source::Header], None, Some("v1"), "a/"), [""; 0]);
        assert_eq!(links(&[Source::Header], None, None, "a/"), [""; 0]);
    }

    #[test]
    fn a_url_that_says_the_version_says_the_other_one() {
        check(&[Source::Path], "a/v1/orders?x=1", "/v2/orders?x=1");
        check(&[Source::Path], "a/v1", "/v2");
        check(&[Source::Path], "a/own/v1/7", "/own/v2/7");
        check(&[Source::Path], "a/orders/v1", "/orders/v1");
        check(&[Source::Query], "a/orders?a=b&v=v1&vv=1", "/orders?a=b&v=v2&vv=1");
        check(&[Source::Query], "a/orders?vv=1", "/orders?vv=1");
        check(&[Source::Host], "apiv1.example.com:8080/a?b", "//apiv2.example.com:8080/a?b");
        check(&[Source::Host], "api.example.com/a", "/a");
        check(&[Source::Header], "apiv1.example.com/v1/a?v=v1", "/v1/a?v=v1");
        // Under an escaped name, or in a host that has no room for it, it cannot be said.
        assert_eq!(links(&[Source::Query], Some("v2"), None, "a/orders?%76=v1"), [""; 0]);
        assert_eq!(links(&[Source::Host], Some("1.2"), None, "api1.example.com/a"), [""; 0]);
    }

    #[test]
    fn what_would_not_read_back_is_not_linked() {
        for path in ["a//evil.example/a", "a/<a>", "a/a\"b", "a/\\evil.example", "a/a|b"] {
            assert_eq!(links(&[Source::Header], Some("v2"), None, path), [""; 0], "{path}");
        }
        let header = [Source::Header];
        assert_eq!(links(&header, Some("v2"), None, &alloc::format!("a{}", "/a".repeat(600))), [""; 0]);
        check(&header, &alloc::format!("a/a?{}", "x".repeat(2000)), "/a");
        check(&header, "a/a?b=<c>", "/a");
    }
}
