//! The other versions of an API, told beside the one that answers: links to those that come after it (RFC 5829), and the
//! lists of all of them.

use super::Lifecycle;
use crate::{request::Request, rewrite::Edits};
use alloc::{boxed::Box, format, string::String, vec::Vec};
use http::{HeaderName, HeaderValue, header};

/// `api-supported-versions`: versions that are served and not deprecated.
pub const API_SUPPORTED_VERSIONS: HeaderName = HeaderName::from_static("api-supported-versions");
/// `api-deprecated-versions`: versions that are served and deprecated.
pub const API_DEPRECATED_VERSIONS: HeaderName = HeaderName::from_static("api-deprecated-versions");

/// The longest path and query that is repeated in a link, in bytes.
const MAX_REPEATED: usize = 1024;

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
    pub(crate) fn tell(&self, life: Option<(&Lifecycle, &str)>, request: &Request<'_>, edits: &mut impl Edits) {
        for (name, list) in self.lists() {
            edits.set(name, list);
        }
        if let Some((life, version)) = life {
            for link in self.links(life, version, request) {
                edits.append(header::LINK, link);
            }
        }
    }

    /// Links to what comes after a version, as `Link` values.
    pub(crate) fn links(&self, life: &Lifecycle, version: &str, request: &Request<'_>) -> Vec<HeaderValue> {
        let latest = self.latest.as_deref().filter(|latest| *latest != version);
        let relations = [("successor-version", life.successor()), ("latest-version", latest)];
        relations.into_iter().filter_map(|(relation, to)| link(relation, to?, request)).collect()
    }
}

/// A link to the resource of this request in another version: the same URL, and `api-version`, a target attribute
/// (RFC 8288 §2.2), says which version to ask it for.
fn link(relation: &str, version: &str, request: &Request<'_>) -> Option<HeaderValue> {
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\');
    if !version.bytes().all(plain) {
        return None;
    }
    let target = reference(request)?;
    HeaderValue::try_from(format!("<{target}>; rel=\"{relation}\"; api-version=\"{version}\"")).ok()
}

/// The URL of this request, as a path with its query. `None` where it would not read back as that.
fn reference(request: &Request<'_>) -> Option<String> {
    let plain =
        |b: u8| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}');
    // `//a` would be a host.
    let sound = request.path.starts_with('/') && !request.path.starts_with("//") && request.path.bytes().all(plain);
    if !sound || request.path.len() > MAX_REPEATED {
        return None;
    }
    Some(match request.query {
        Some(query) if request.path.len() + query.len() < MAX_REPEATED && query.bytes().all(plain) => {
            format!("{}?{query}", request.path)
        }
        _ => request.path.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::LifecycleSpec;
    use http::{HeaderMap, Method};

    fn links(successor: Option<&str>, latest: Option<&str>, path: &str, query: Option<&str>) -> Vec<String> {
        let life = Lifecycle::parse(LifecycleSpec { successor, ..LifecycleSpec::default() }).unwrap();
        let others = Others { latest: latest.map(Into::into), ..Others::default() };
        let headers = HeaderMap::new();
        let request = Request { method: &Method::GET, host: "api.example.com", path, query, headers: &headers };
        others.links(&life, "v1", &request).iter().map(|link| link.to_str().unwrap().into()).collect()
    }

    #[test]
    fn what_comes_after_a_version_is_linked() {
        assert_eq!(
            links(Some("v2"), Some("v3"), "/orders/7", Some("x=1")),
            [
                "</orders/7?x=1>; rel=\"successor-version\"; api-version=\"v2\"",
                "</orders/7?x=1>; rel=\"latest-version\"; api-version=\"v3\"",
            ]
        );
        assert_eq!(links(None, Some("v1"), "/", None), [""; 0]);
        assert_eq!(links(None, None, "/", None), [""; 0]);
    }

    #[test]
    fn what_would_not_read_back_is_not_linked() {
        for path in ["//evil.example/a", "*", "/<a>", "/a\"b", "/\\evil.example", "/a|b"] {
            assert_eq!(links(Some("v2"), None, path, None), [""; 0], "{path}");
        }
        assert_eq!(links(Some("v2"), None, &"/a".repeat(600), None), [""; 0]);
        let long = links(Some("v2"), None, "/a", Some(&"x".repeat(2000)));
        assert_eq!(long, ["</a>; rel=\"successor-version\"; api-version=\"v2\""]);
        let odd = links(Some("v2"), None, "/a", Some("b=<c>"));
        assert_eq!(odd, ["</a>; rel=\"successor-version\"; api-version=\"v2\""]);
    }
}
