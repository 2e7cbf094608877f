//! What a client is recognised by, as the command line names it. Pure.

use verge_mappings::{Item, Value};

/// By what a client is recognised.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Sticky {
    /// Keep a client on its arm by this; may be repeated, the first one that a request has counts. `header:NAME`,
    /// `cookie:NAME`, `query:NAME`, `claim:NAME` (of a bearer token), `ip`, or `cookie`, which is one that Verge sets.
    #[arg(long, value_name = "SUBJECT", value_parser = subject)]
    sticky: Vec<String>,
}

impl Sticky {
    pub(super) fn is_empty(&self) -> bool {
        self.sticky.is_empty()
    }

    /// Puts it into an item, where anything is named.
    pub(super) fn write(&self, item: &mut Item) {
        if !self.is_empty() {
            item.insert("sticky", Value::L(self.sticky.iter().cloned().map(Value::S).collect()));
        }
    }
}

fn subject(text: &str) -> Result<String, String> {
    let named = |name: &str| {
        ["header:", "cookie:", "query:", "claim:"]
            .into_iter()
            .any(|kind| name.strip_prefix(kind).is_some_and(|name| !name.is_empty()))
    };
    if ["ip", "cookie"].contains(&text) || named(text) {
        Ok(text.to_owned())
    } else {
        Err("it is none of header:NAME, cookie:NAME, query:NAME, claim:NAME, ip and cookie".to_owned())
    }
}

/// Whether a row recognises clients by the cookie that Verge signs.
pub(super) fn has_own_cookie(item: &Item) -> bool {
    let is = |value: &Value| *value == Value::S("cookie".to_owned());
    match item.get("sticky") {
        Some(Value::L(list)) => list.iter().any(is),
        Some(Value::Ss(set)) => set.iter().any(|text| text == "cookie"),
        Some(value) => is(value),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn subjects_are_of_known_kinds() {
        for text in ["header:x-user", "cookie:session", "query:user", "claim:sub", "ip", "cookie"] {
            assert_eq!(subject(text).as_deref(), Ok(text));
        }
        for text in ["", "header", "header:", "ip:", "jwt:sub", "Cookie"] {
            assert!(subject(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_named_cookie_is_not_the_own_one() {
        let has = |json| has_own_cookie(&Item::from_json(&json!({"sticky": json})).unwrap());
        assert!(has(json!(["header:x-user", "cookie"])) && has(json!("cookie")));
        assert!(!has(json!(["cookie:session", "ip"])));
    }
}
