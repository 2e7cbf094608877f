//! Where an arm leads, as the command line names it. Pure; whether it may be dialled is for the code that serves to say.

use std::str::FromStr;
use verge_mappings::{Members, Value};

/// `https://domain[:port][/base]`, or the same without its scheme.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OriginArg {
    clear: bool,
    domain: String,
    port: Option<u16>,
    base_path: String,
}

impl OriginArg {
    /// As attributes of an arm, defaults left out.
    pub(super) fn attributes(&self) -> Members {
        let text = |text: &str| Value::S(text.to_owned());
        let mut all = Members::from([("domain".to_owned(), text(&self.domain))]);
        if !self.base_path.is_empty() {
            all.insert("base_path".to_owned(), text(&self.base_path));
        }
        if self.clear {
            all.insert("scheme".to_owned(), text("http"));
        }
        if let Some(port) = self.port {
            all.insert("port".to_owned(), Value::N(port.to_string()));
        }
        all
    }
}

impl FromStr for OriginArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("{why}; an origin is written https://domain[:port][/base]");
        let (clear, rest) = match text.split_once("://") {
            Some(("https", rest)) => (false, rest),
            Some(("http", rest)) => (true, rest),
            Some(_) => return Err(wrong("its scheme is neither https nor http")),
            None => (false, text),
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if rest.contains(['?', '#', '@']) || rest.contains(char::is_whitespace) {
            return Err(wrong("it has more than a domain, a port and a base path"));
        }
        let (domain, port) = match authority.split_once(':') {
            Some((domain, port)) => (domain, Some(port.parse().map_err(|_| wrong("its port is no port"))?)),
            None => (authority, None),
        };
        if domain.is_empty() {
            return Err(wrong("it has no domain"));
        }
        Ok(Self { clear, domain: domain.to_owned(), port, base_path: path.trim_end_matches('/').to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, json};
    use verge_mappings::Item;

    #[track_caller]
    fn check(text: &str, expected: Json) {
        let origin: OriginArg = text.parse().unwrap();
        assert_eq!(Item::from(origin.attributes()).to_plain_json(), expected);
    }

    #[test]
    fn an_origin_is_a_url_or_the_end_of_one() {
        check("https://c.example.com/prod", json!({"domain": "c.example.com", "base_path": "/prod"}));
        check("c.example.com/prod/", json!({"domain": "c.example.com", "base_path": "/prod"}));
        check("c.example.com", json!({"domain": "c.example.com"}));
        check("https://c.example.com/", json!({"domain": "c.example.com"}));
        check("https://c.example.com:8443/a/b", json!({"domain": "c.example.com", "port": 8443, "base_path": "/a/b"}));
        check("http://c.example.com", json!({"domain": "c.example.com", "scheme": "http"}));
    }

    #[test]
    fn what_is_more_than_an_origin_is_refused() {
        for text in ["", "/prod", "https://", "ftp://c.example.com", "c.example.com:x", "c.example.com:99999"] {
            assert!(text.parse::<OriginArg>().is_err(), "{text}");
        }
        for text in ["https://u:p@c.example.com", "c.example.com/prod?x=1", "c.example.com/#a", "c.example.com /prod"] {
            assert!(text.parse::<OriginArg>().unwrap_err().contains("more than a domain"), "{text}");
        }
    }
}
