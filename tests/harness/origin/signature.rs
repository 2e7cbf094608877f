//! AWS Signature Version 4, as API Gateway checks it, written anew: nothing here signs.

use super::Seen;
use ring::{digest, hmac};

/// Who may call: an access key, its secret, and the session token that must come with it.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The access key's id.
    pub key: &'static str,
    /// Its secret.
    pub secret: &'static str,
    /// The session token of temporary credentials.
    pub token: Option<&'static str>,
    /// The region it is asked in.
    pub region: &'static str,
}

impl Caller {
    /// What is wrong with a request's signature.
    pub(super) fn objection(&self, seen: &Seen) -> Option<String> {
        self.check(seen).err()
    }

    fn check(&self, seen: &Seen) -> Result<(), String> {
        let field = |name: &str| seen.field(name).ok_or_else(|| format!("no {name}"));
        let authorization = field("authorization")?;
        let rest = authorization.strip_prefix("AWS4-HMAC-SHA256 ").ok_or("not SigV4")?;
        let part = |name: &str| {
            let found = rest.split(',').find_map(|part| part.trim().strip_prefix(name));
            found.ok_or_else(|| format!("no {name} in {authorization}"))
        };
        let (credential, names, signature) = (part("Credential=")?, part("SignedHeaders=")?, part("Signature=")?);
        let date = field("x-amz-date")?;
        let day = date.get(..8).ok_or("no date")?;
        let scope = format!("{day}/{}/execute-api/aws4_request", self.region);
        if credential != format!("{}/{scope}", self.key) {
            return Err(format!("the credential is {credential}"));
        }
        if seen.field("x-amz-security-token") != self.token {
            return Err("another token".to_owned());
        }
        for needed in ["host", "x-amz-date"] {
            if !names.split(';').any(|name| name == needed) {
                return Err(format!("{needed} is not signed"));
            }
        }
        let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
        let mut parameters: Vec<String> = query.split('&').filter(|part| !part.is_empty()).map(parameter).collect();
        parameters.sort();
        let mut canonical = format!("{}\n{}\n{}\n", seen.method, encode(path, true), parameters.join("&"));
        for name in names.split(';') {
            let value = if name == "host" { seen.host.as_str() } else { field(name)? };
            canonical.push_str(&format!("{name}:{}\n", value.trim()));
        }
        canonical.push_str(&format!("\n{names}\n{}", hex(digest::digest(&digest::SHA256, &seen.body).as_ref())));
        let digest = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{digest}");
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [day, self.region, "execute-api", "aws4_request"] {
            key = mac(&key, part);
        }
        let expected = hex(&mac(&key, &text));
        if expected == signature { Ok(()) } else { Err(format!("the signature does not fit:\n{canonical}")) }
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `name=value`, both encoded as they came; `=` where there is none.
fn parameter(text: &str) -> String {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    format!("{name}={value}")
}

/// Encodes all but the unreserved characters (RFC 3986 §2.3), `%` among them.
fn encode(text: &str, slash: bool) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b) || (slash && b == b'/');
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}
