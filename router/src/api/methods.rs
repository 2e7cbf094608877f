//! Which methods an API takes.

use super::InvalidApi;
use alloc::{string::String, vec::Vec};
use http::{HeaderValue, Method};

/// The methods an API takes, and the same as an `Allow` value (RFC 9110 §10.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Methods {
    all: Vec<Method>,
    allow: HeaderValue,
}

impl Methods {
    /// Of these methods; what takes `GET` takes `HEAD` (RFC 9110 §9.3.2).
    ///
    /// # Errors
    /// None at all.
    pub fn new(methods: &[Method]) -> Result<Self, InvalidApi> {
        let mut all: Vec<Method> = Vec::new();
        for method in methods {
            let with = (*method == Method::GET).then_some(Method::HEAD);
            for method in [Some(method.clone()), with].into_iter().flatten() {
                if !all.contains(&method) {
                    all.push(method);
                }
            }
        }
        let mut allow = String::new();
        for method in &all {
            allow.push_str(if allow.is_empty() { "" } else { ", " });
            allow.push_str(method.as_str());
        }
        let allow = HeaderValue::try_from(allow).map_err(|_| InvalidApi::NoMethod)?;
        if all.is_empty() { Err(InvalidApi::NoMethod) } else { Ok(Self { all, allow }) }
    }

    /// Whether it takes this method.
    #[must_use]
    pub fn take(&self, method: &Method) -> bool {
        self.all.contains(method)
    }

    /// The methods as a field value.
    #[must_use]
    pub fn allow(&self) -> &HeaderValue {
        &self.allow
    }
}

/// Reads a method's name; standard ones in any case, others as they stand (RFC 9110 §9.1).
///
/// # Errors
/// What is no token, and `CONNECT` and `TRACE`, which are never passed on.
pub fn parse_method(text: &str) -> Result<Method, InvalidApi> {
    let standard =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    let refuse = || InvalidApi::Method(text.into());
    match standard.into_iter().find(|method| method.as_str().eq_ignore_ascii_case(text)) {
        Some(method) => Ok(method),
        None if ["connect", "trace"].iter().any(|refused| refused.eq_ignore_ascii_case(text)) => Err(refuse()),
        None => Method::from_bytes(text.as_bytes()).map_err(|_| refuse()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_comes_with_get_and_nothing_is_said_twice() {
        let methods = Methods::new(&["get", "POST", "Get", "PURGE"].map(|text| parse_method(text).unwrap())).unwrap();
        assert_eq!(methods.allow(), "GET, HEAD, POST, PURGE");
        assert!(methods.take(&Method::HEAD) && !methods.take(&Method::PUT));
        for bad in ["", "TRACE", "connect", "A B"] {
            assert!(parse_method(bad).is_err(), "{bad}");
        }
        assert!(Methods::new(&[]).is_err());
    }
}
