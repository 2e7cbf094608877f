//! Why a request is not forwarded: a closed list of reasons, and one of them with what an answer needs to be helpful.

mod reason;

pub use reason::Reason;

use crate::{
    api::Api,
    cors::PREFLIGHT_VARY,
    lifecycle::{Here, Others},
    request::Request,
    rewrite::API_VERSION,
    table::Good,
    well_known::Listed,
};
use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use http::{HeaderName, HeaderValue, StatusCode, header};

/// The longest piece of client input a rejection repeats, in bytes.
pub const MAX_REQUESTED: usize = 64;

/// At most this many versions are listed to a client.
pub const MAX_SUPPORTED: usize = 20;

/// The router's no, with what an answer needs to be helpful.
///
/// Owned, so that an edge may answer after it let go of the table. Client input in it is truncated to
/// [`MAX_REQUESTED`] bytes of printable ASCII; escaping it for a format remains the writer's part.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// Why.
    pub reason: Reason,
    /// The API whose policy decided, where the request got as far as one.
    pub api: Option<Arc<Api>>,
    /// What the client asked for, as far as it can be repeated.
    pub requested: Option<Box<str>>,
    /// The row that answered, where there is one (`retired_version`, `invalid_mapping`).
    pub version: Option<Box<str>>,
    /// What `api-version` says of it.
    pub api_version: Option<HeaderValue>,
    /// The same row where it is good: a retired one, whose lifecycle the answer repeats.
    pub row: Option<Box<Good>>,
    /// Versions that would have been served, newest first, at most [`MAX_SUPPORTED`]; empty where policy hides them.
    pub supported: Box<[Box<str>]>,
    /// What the API's policies say to this request besides.
    pub(crate) said: Option<Box<Said>>,
}

/// What policies and table say besides, to just this request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    fields: Vec<(HeaderName, HeaderValue)>,
    listed: Vec<Listed>,
}

impl Rejection {
    pub(crate) fn new(reason: Reason) -> Self {
        Self {
            reason,
            api: None,
            requested: None,
            version: None,
            api_version: None,
            row: None,
            supported: Box::default(),
            said: None,
        }
    }

    /// The list of versions that was asked for, of APIs of which there is one at least.
    pub(crate) fn to_list(listed: Vec<Listed>) -> Self {
        let api = listed.first().map(|first| first.api.clone());
        Self { api, said: Some(Said { fields: Vec::new(), listed }.into()), ..Self::new(Reason::ApiVersions) }
    }

    /// The same, with what the API's policies say to this request: browsers must see the fields of a CORS policy, or their
    /// pages could not read why; and of a row that has a life, clients must see what comes after it.
    pub(crate) fn to(mut self, request: &Request<'_>, others: Option<&Others>) -> Self {
        let cors = self.api.as_ref().and_then(|api| api.cors());
        if cors.is_none() && others.is_none() {
            return self;
        }
        let mut said = self.said.take().unwrap_or_default();
        if let Some(cors) = cors {
            if self.reason == Reason::Preflight {
                said.fields.extend(cors.preflight_fields(request.headers));
            } else {
                said.fields.extend(cors.answer_fields(request.headers));
            }
        }
        if let Some(others) = others {
            said.fields.extend(others.lists());
            if let Some((row, life)) = self.row.as_ref().and_then(|row| Some((row, row.lifecycle()?))) {
                let links = others.links(life, row.version_str(), &Here::by_form(row.api(), request));
                said.fields.extend(links.into_iter().map(|link| (header::LINK, link)));
            }
        }
        self.said = Some(said);
        self
    }

    /// With [`Reason::ApiVersions`]: what is listed.
    #[must_use]
    pub fn listed(&self) -> &[Listed] {
        self.said.as_ref().map_or(&[], |said| &said.listed)
    }

    /// The status to answer with: the API's own choice, or the reason's default.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.api.as_ref().and_then(|api| api.status(self.reason)).unwrap_or_else(|| self.reason.default_status())
    }

    /// The fields to answer with: the reason's, `Vary`, and what is to be said of the row.
    #[must_use]
    pub fn fields(&self) -> Vec<(HeaderName, HeaderValue)> {
        let mut fields = self.reason.fields();
        if self.reason == Reason::MethodNotAllowed
            && let Some(methods) = self.api.as_ref().and_then(|api| api.methods())
        {
            fields.retain(|(name, _)| *name != header::ALLOW);
            fields.push((header::ALLOW, methods.allow().clone()));
        }
        let vary = match &self.api {
            // Without an API nothing is known about what the choice could depend on.
            None => Some(HeaderValue::from_static("*")),
            Some(api) if self.reason == Reason::Preflight && api.cors().is_some() => Some(PREFLIGHT_VARY),
            // Whatever version is asked for, the list is the same.
            Some(api) if self.reason == Reason::ApiVersions => {
                let varies = api.cors().is_some_and(|cors| cors.varies());
                varies.then(|| HeaderValue::from_static("Origin"))
            }
            Some(api) => api.vary_value().cloned(),
        };
        fields.extend(vary.map(|vary| (header::VARY, vary)));
        fields.extend(self.api_version.clone().map(|version| (API_VERSION, version)));
        if let Some(life) = self.row.as_ref().and_then(|row| row.lifecycle()) {
            fields.extend(life.fields().iter().cloned());
        }
        fields.extend(self.said.iter().flat_map(|said| said.fields.iter().cloned()));
        fields
    }
}

/// What may be repeated of client input: printable ASCII, at most [`MAX_REQUESTED`] bytes; the rest becomes `?`.
#[must_use]
pub fn repeatable(input: &[u8]) -> Box<str> {
    input
        .iter()
        .take(MAX_REQUESTED)
        .map(|&b| if (0x20..0x7f).contains(&b) { char::from(b) } else { '?' })
        .collect::<String>()
        .into_boxed_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_input_is_truncated_and_made_printable() {
        assert_eq!(&*repeatable(b"v\x00\xff1"), "v??1");
        assert_eq!(repeatable(&[b'x'; 500]).len(), MAX_REQUESTED);
    }
}
