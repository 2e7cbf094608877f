//! The body of `/.well-known/api-versions`.

use crate::json::write_json_string;
use verge_router::{lifecycle::rfc3339, table::Good, well_known::Listed};

/// Writes `{"apis":[{"api":"orders","path":"/orders","versions":[{"version":"v2","status":"active"}]}]}`.
pub(super) fn write(listed: &[Listed]) -> String {
    let mut out = String::with_capacity(1024);
    out.push_str("{\"apis\":[");
    for (place, Listed { api, versions }) in listed.iter().enumerate() {
        out.push_str(if place == 0 { "{" } else { ",{" });
        member(&mut out, "api", api.name());
        out.push(',');
        member(&mut out, "path", api.path().map_or("/", |path| path.as_str()));
        out.push_str(",\"versions\":[");
        for (place, (good, deprecated)) in versions.iter().enumerate() {
            out.push_str(if place == 0 { "{" } else { ",{" });
            write_version(&mut out, good, *deprecated);
            out.push('}');
        }
        out.push_str("]}");
    }
    out.push_str("]}\n");
    out
}

fn write_version(out: &mut String, good: &Good, deprecated: bool) {
    member(out, "version", good.version_str());
    out.push(',');
    member(out, "status", if deprecated { "deprecated" } else { "active" });
    let Some(life) = good.lifecycle() else { return };
    let at = [("deprecated_at", life.deprecated_at()), ("sunset_at", life.sunset_at())];
    let at = at.into_iter().filter_map(|(name, at)| Some((name, rfc3339(at?))));
    let text = [("successor", life.successor()), ("docs", life.docs())];
    let text = text.into_iter().filter_map(|(name, text)| Some((name, text?.to_owned())));
    for (name, value) in at.chain(text) {
        out.push(',');
        member(out, name, &value);
    }
}

fn member(out: &mut String, name: &str, value: &str) {
    write_json_string(out, name);
    out.push(':');
    write_json_string(out, value);
}
