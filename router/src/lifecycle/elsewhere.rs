//! The URL under which the resource of a request is found in another version.
//!
//! Where the URL says the version, by path, query or host, it says the other one there. Where header fields say it, the
//! same URL serves all versions.

use crate::{
    api::Api,
    request::Request,
    version::{Source, host, path, query},
};
use alloc::{format, string::String};

/// The longest reference that is written, in bytes.
const MAX_REFERENCE: usize = 1024;

/// A request, and what of its path is a version.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Here<'a> {
    pub(crate) api: &'a Api,
    pub(crate) request: &'a Request<'a>,
    /// The version's segment with its slash, `/v1`; empty where there is none.
    pub(crate) segment: &'a str,
}

impl<'a> Here<'a> {
    /// Of a request that was not forwarded, the segment by its form alone.
    pub(crate) fn by_form(api: &'a Api, request: &'a Request<'a>) -> Self {
        let own = own_path(api);
        let segment = path::segment(request.path, own)
            .filter(|segment| api.reads(Source::Path) && path::has_form(segment))
            .and_then(|segment| request.path.get(own.len()..own.len() + 1 + segment.len()));
        Self { api, request, segment: segment.unwrap_or_default() }
    }

    /// A reference to the same resource in another version; `None` where none can be written that would read back so.
    pub(crate) fn in_version(&self, version: &str) -> Option<String> {
        let Request { host, path, .. } = *self.request;
        // `//a` would be a host.
        if !path.starts_with('/') || path.starts_with("//") || !path.bytes().all(may_stand) {
            return None;
        }
        let own = own_path(self.api).len();
        let (before, after) = if self.segment.is_empty() {
            (path, "")
        } else {
            (path.get(..own)?, path.get(own + self.segment.len()..)?)
        };
        let mut reference = match self.other_host(host, version) {
            None => String::new(),
            Some(other) => format!("//{}", other?),
        };
        reference.push_str(before);
        if !self.segment.is_empty() {
            reference.push('/');
            reference.push_str(version);
            reference.push_str(after);
        }
        if let Some(query) = self.request.query {
            let sound = query.bytes().all(may_stand);
            // What a query says besides may be left out, but not the version.
            if self.api.reads(Source::Query) && query::values(query, self.api.query()).next().is_some() {
                let query = other_query(query, self.api.query(), version).filter(|_| sound)?;
                reference.push('?');
                reference.push_str(&query);
            } else if sound && reference.len() + query.len() < MAX_REFERENCE {
                reference.push('?');
                reference.push_str(query);
            }
        }
        (reference.len() <= MAX_REFERENCE).then_some(reference)
    }

    /// The host of another version, where this one's says the version: `Some(None)` where that cannot stand in a host.
    fn other_host(&self, host: &str, version: &str) -> Option<Option<String>> {
        let pattern = self.api.host().filter(|_| self.api.reads(Source::Host))?;
        host::version(host, pattern)?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        let port = host.rsplit_once(':').map_or("", |(_, port)| port);
        let colon = if port.is_empty() { "" } else { ":" };
        let fits = version.bytes().all(plain);
        Some(fits.then(|| format!("{}{version}{}{colon}{port}", pattern.before(), pattern.after())))
    }
}

fn own_path(api: &Api) -> &str {
    api.path().map_or("", |path| path.as_str())
}

/// The same query, with another value for a parameter; `None` where it does not stand there under its plain name.
fn other_query(query: &str, name: &str, version: &str) -> Option<String> {
    let mut out = String::with_capacity(query.len() + version.len());
    let mut said = false;
    for (place, parameter) in query.split('&').enumerate() {
        if place > 0 {
            out.push('&');
        }
        if parameter.split('=').next() == Some(name) {
            said = true;
            out.push_str(name);
            out.push('=');
            out.push_str(version);
        } else {
            out.push_str(parameter);
        }
    }
    said.then_some(out)
}

/// What may stand in a reference between angle brackets (RFC 3986 appendix C).
fn may_stand(b: u8) -> bool {
    b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
}
