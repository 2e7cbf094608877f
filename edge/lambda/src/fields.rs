//! What CloudFront keeps to itself: fields that a function may not set, change or remove. One that does has its whole answer
//! refused, with 502.
//!
//! These are the exceptions of this edge, all of them; the router's edits of such fields are left out, and nothing else is.
//! From AWS's "Restrictions on edge functions" (Amazon CloudFront Developer Guide), read in November 2026.

/// The event a function is called for, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// Before the cache.
    ViewerRequest,
    /// On the way to an origin.
    OriginRequest,
    /// On the way back from it.
    OriginResponse,
}

/// Never shown to a function, and never to be added by one. `X-Real-IP` too, whatever spelling.
pub const HIDDEN: [&str; 24] = [
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "trailer",
    "upgrade",
    "x-accel-buffering",
    "x-accel-charset",
    "x-accel-limit-rate",
    "x-accel-redirect",
    "x-amzn-auth",
    "x-amzn-cf-billing",
    "x-amzn-cf-id",
    "x-amzn-cf-xff",
    "x-amzn-errortype",
    "x-amzn-fle-profile",
    "x-amzn-header-count",
    "x-amzn-header-order",
    "x-amzn-lambda-integration-tag",
    "x-amzn-requestid",
    "x-cache",
    "x-forwarded-proto",
];

/// How names of more such fields begin.
pub const HIDDEN_BEGINNINGS: [&str; 3] = ["x-amz-cf-", "x-edge-", "x-real-ip"];

impl Trigger {
    /// Fields that may be read in this event, and not changed.
    #[must_use]
    pub const fn read_only(self) -> &'static [&'static str] {
        match self {
            Self::ViewerRequest => &["content-length", "host", "transfer-encoding", "via"],
            Self::OriginRequest => &[
                "accept-encoding",
                "content-length",
                "if-modified-since",
                "if-none-match",
                "if-range",
                "if-unmodified-since",
                "transfer-encoding",
                "via",
            ],
            Self::OriginResponse => &["transfer-encoding", "via"],
        }
    }

    /// Whether a function may edit the field of this name, in lower case.
    #[must_use]
    pub fn may_edit(self, name: &str) -> bool {
        !HIDDEN.contains(&name)
            && !HIDDEN_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
            && !self.read_only().contains(&name)
    }
}
