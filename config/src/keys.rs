//! Every key, for the reference's test, for hints, and for tools.

use crate::units::shown;

/// A key of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its path; a list is written `[]`, a key of the user's own `*`. `api[].table` holds the keys of `table`.
    pub path: &'static str,
    /// What its value is.
    pub kind: &'static str,
    /// Its default as it would be written, or `none`, `required`, or words.
    pub default: &'static str,
    /// What it does, in a few words.
    pub help: &'static str,
}

const fn key(path: &'static str, kind: &'static str, default: &'static str, help: &'static str) -> Key {
    Key { path, kind, default, help }
}

/// Every key, in the order of the reference.
pub const KEYS: &[Key] = &[
    key("listen", "table", "required", "where clients connect"),
    key("listen.http", "address, or list", "none", "clear-text listeners"),
    key("listen.https", "list of tables", "none", "TLS listeners"),
    key("listen.https[].address", "address", "required", "where the TLS listener listens"),
    key("listen.https[].certificate", "path", "required", "certificate chain, PEM"),
    key("listen.https[].key", "path", "required", "private key, PEM"),
    key("listen.https[].certificates", "list of tables", "none", "more certificates, chosen by the name asked for"),
    key("listen.https[].certificates[].certificate", "path", "required", "certificate chain, PEM"),
    key("listen.https[].certificates[].key", "path", "required", "private key, PEM"),
    key("listen.https[].client_ca", "path", "none", "who signs clients' certificates, PEM; clients are asked for one"),
    key("listen.https[].client_certificates", "`required` or `optional`", "required", "clients without a certificate"),
    key("listen.https[].client_subject", "boolean", "false", "whether origins get `verge-client-subject`"),
    key("listen.trusted", "list of CIDR blocks", "none", "proxies whose forwarding fields are believed"),
    key("listen.proxy_protocol", "boolean, or list of CIDR blocks", "false", "balancers that send a PROXY header"),
    key(
        "listen.upgrade",
        "path",
        "the one in the temporary directory",
        "socket where a successor asks for the listeners",
    ),
    key("listen.threads", "integer", "the machine's cores", "worker threads"),
    key("listen.drain_wait", "duration", "0s", "from readiness red to the listeners' closing"),
    key("listen.drain", "duration", "15s", "time for requests in flight at shutdown"),
    key("admin", "table", "none", "metrics, what was seen of arms, and who uses which version"),
    key("admin.address", "address", "required", "where the admin listener listens"),
    key("admin.token", "secret", "none", "bearer token; this or `client_ca` is required off loopback"),
    key("admin.certificate", "path", "none", "certificate chain of the admin listener, PEM: it then speaks TLS"),
    key("admin.key", "path", "required with `certificate`", "its private key, PEM"),
    key("admin.client_ca", "path", "none", "authorities of operators' certificates, PEM: nobody else is let in"),
    key("health", "table", "none", "a listener for probes alone"),
    key("health.address", "address", "required", "where `/healthz` and `/readyz` are served"),
    key("log", "table", "the defaults", "logs"),
    key("log.access", "`stdout`, `off` or path", "stdout", "where a line for each request goes"),
    key("log.level", "`error`, `warn`, `info` or `debug`", "info", "how much the program's own log says"),
    key("log.format", "`text` or `json`", "text", "how the program's own log is written"),
    key("limits", "table", "the defaults", "what a client may send, and how slowly"),
    key("limits.head", "size", "16KiB", "request head"),
    key("limits.fields", "integer", "100", "fields in a request head"),
    key("limits.target", "size", "8KiB", "request target"),
    key("limits.body", "size", "10MiB", "request body"),
    key("limits.head_timeout", "duration", "10s", "a whole request head"),
    key("limits.body_timeout", "duration", "30s", "between two reads of a request body, or writes of an answer"),
    key("limits.body_rate", "size", "500B", "bytes a second of a body or an answer, once the wait is used up"),
    key("limits.handshake_timeout", "duration", "5s", "a client's TLS handshake"),
    key("limits.tunnel_timeout", "duration", "10m", "a silent WebSocket"),
    key("limits.idle_timeout", "duration", "60s", "an idle client connection"),
    key("limits.request_timeout", "duration", "30m", "a whole request with its answer, but for streams"),
    key("limits.in_flight", "integer", "10000", "requests under way at a time"),
    key(
        "limits.memory",
        "size",
        "nine tenths of the control group's",
        "what the process may take before it sheds load",
    ),
    key("limits.connections", "integer", "10000", "open client connections"),
    key("limits.connections_per_address", "integer", "1000", "open connections of one client address"),
    key("limits.handshakes", "integer", "1000", "client TLS handshakes under way"),
    key("table", "table", "none", "where mappings come from"),
    key("table.source", "`dynamodb`, `embedded` or `file`", "required", "kind of store"),
    key("table.name", "string", "required for `dynamodb`; `verge-mappings` for `embedded`", "the table's name"),
    key("table.path", "path", "required for `embedded` and `file`", "the engine's directory, or the file"),
    key("table.region", "string", "the AWS environment's", "AWS region"),
    key("table.endpoint", "URL", "AWS's own", "a DynamoDB-protocol endpoint"),
    key("table.profile", "string", "the AWS environment's", "profile of the AWS configuration files"),
    key("table.refresh", "duration", "60s", "how often the whole table is read"),
    key("table.poll", "duration", "1s", "how often a change is looked for"),
    key("table.snapshot", "path", "none", "last good table on disk"),
    key("table.bootstrap", "path", "none", "JSON file to start from where there is no snapshot"),
    key("table.load", "`whole` or `on_demand`", "whole", "all APIs at once, or each when it is asked for"),
    key("table.memory", "size", "`64MiB` with `on_demand`", "what the APIs that are loaded on demand may take"),
    key("table.shrink_hold", "duration", "10m", "how long a shrunken table is held back"),
    key("origins", "table", "the defaults", "what may be dialled, and how"),
    key("origins.allow", "list of domain patterns", "*.execute-api.*.amazonaws.com", "domains a row may name"),
    key("origins.dial", "list of domain patterns and CIDR blocks", "none", "what a row's `connect` may name"),
    key("origins.ca", "path", "none", "trust roots besides the built-in ones, PEM"),
    key("origins.insecure", "boolean", "false", "rows may say `scheme = http`"),
    key("origins.loopback", "boolean", "false", "loopback addresses may be dialled"),
    key("origins.connect_timeout", "duration", "2s", "TCP and TLS handshakes together"),
    key("origins.read_timeout", "duration", "35s", "between two reads, the wait for the head included"),
    key("origins.write_timeout", "duration", "35s", "between two writes"),
    key("origins.idle_timeout", "duration", "60s", "an idle origin connection"),
    key("origins.total_timeout", "duration", "15m", "a whole exchange with an origin, but for streams"),
    key("origins.in_flight", "integer", "1000", "requests at one origin at a time"),
    key("origins.queue", "duration", "1s", "how long a request waits for a place at its origin"),
    key("origins.dns", "address, or list", "the system's", "name servers to ask"),
    key("origins.identity", "list of tables", "none", "client certificates for origins that ask for one"),
    key("origins.identity[].domains", "list of domain patterns", "required", "which origins"),
    key("origins.identity[].certificate", "path", "required", "certificate chain, PEM"),
    key("origins.identity[].key", "path", "required", "private key, PEM"),
    key("origins.lock", "list of tables", "none", "secret fields by which origins know Verge"),
    key("origins.lock[].domains", "list of domain patterns", "none", "which origins; all of them without it"),
    key("origins.lock[].header", "string", "required", "the field's name"),
    key("origins.lock[].value", "secret", "required", "the field's value"),
    key("origins.sign", "list of tables", "none", "origins whose requests are signed for AWS IAM"),
    key("origins.sign[].domains", "list of domain patterns", "required", "which origins"),
    key("origins.sign[].service", "string", "execute-api", "the service's name in the signature"),
    key("origins.sign[].region", "string", "the domain's", "the region in the signature"),
    key("origins.sign[].profile", "string", "the AWS environment's", "profile of the AWS configuration files"),
    key("origins.connect", "table", "none", "the operator's own dial overrides"),
    key("origins.connect.*", "`host[:port]`", "none", "what to dial instead of this domain"),
    key("canary", "table", "the defaults", "who may choose an arm, and when a breaker takes one out"),
    key("canary.key", "secret", "none", "signs overrides and sticky cookies; the same on all nodes"),
    key("canary.testers", "list of CIDR blocks", "none", "where testers come from, who need no signature"),
    key("canary.breaker", "boolean", "true", "whether arms are watched, and taken out"),
    key("canary.window", "duration", "30s", "what the breaker looks at"),
    key("canary.sample", "integer", "50", "requests an arm must have had in a window to be judged"),
    key("canary.errors", "integer", "5", "percentage points its failures may exceed stable's by"),
    key("canary.latency", "integer", "300", "per cent of stable's 95th percentile its own may be"),
    key("canary.share", "boolean", "true", "whether a trip is written to the table, for all nodes"),
    key("usage", "table", "the defaults", "who uses which version"),
    key(
        "usage.consumer",
        "list of `header:…`, `claim:…`, `cookie:…`, `query:…`, `network`",
        "none",
        "how consumers are told apart",
    ),
    key("lambda", "table", "none", "what a Lambda@Edge function needs besides"),
    key("lambda.regions", "list of strings", "the table's own", "regions with a replica of the table"),
    key("api", "list of tables", "none", "the APIs"),
    key("api[].name", "string", "required", "the API's name, the table's partition key"),
    key("api[].hosts", "list of host patterns", "the `#api` item's", "hosts it answers under"),
    key("api[].path", "string", "/", "path it lives under"),
    key("api[].strip", "boolean", "false", "whether `path` is cut before forwarding"),
    key("api[].allow", "list of domain patterns", "none", "further limit on its origins"),
    key("api[].methods", "list of methods", "none", "methods it takes; others are answered 405"),
    key("api[].supported", "boolean", "true", "whether rejections list the supported versions"),
    key("api[].advertise", "list of `fields`, `well_known`", "none", "where else its versions are listed"),
    key("api[].version", "table", "the defaults", "where the version is read, and how it is compared"),
    key("api[].version.scheme", "`label`, `semver` or `date`", "label", "how versions are compared"),
    key("api[].version.read", "list of sources", "[\"accept\", \"header\"]", "where the version is read"),
    key("api[].version.vendor", "string, or list", "none", "vendors in media types"),
    key("api[].version.header", "string", "APIVER", "the version header's name"),
    key("api[].version.query", "string", "v", "the query parameter's name"),
    key(
        "api[].version.host",
        "host with `{version}`",
        "required to read `host`",
        "where in the host the version stands",
    ),
    key("api[].version.missing", "`reject`, a version, an alias or `pin`", "reject", "what no version stands for"),
    key("api[].version.unknown", "`reject`, `forward` or `back`", "reject", "what an unknown version falls to"),
    key("api[].version.neutral", "list of paths", "none", "paths that need no version"),
    key("api[].version.neutral_version", "a version or an alias", "`missing`'s", "which version answers there"),
    key("api[].version.preflight", "`reject`, a version or an alias", "reject", "where a CORS preflight goes instead"),
    key("api[].pin", "table", "none", "which version a consumer gets that asks for none"),
    key("api[].pin.subject", "list of `claim:…`, `header:…`, `cookie:…`, `query:…`", "required", "who a consumer is"),
    key("api[].pin.unpinned", "`reject`, a version or an alias", "`reject`", "what consumers without a pin get"),
    key("api[].pin.until_known", "`put_off` or `unpinned`", "`put_off`", "what a consumer gets while its pin is read"),
    key("api[].cors", "table", "none", "which web origins may read answers"),
    key("api[].cors.origins", "list of web origins", "required", "who may read answers in a browser"),
    key("api[].cors.methods", "list of methods, or `*`", "the usual ones", "methods a page may use"),
    key("api[].cors.headers", "list of field names, or `*`", "the usual ones", "fields a page may send"),
    key("api[].cors.expose", "list of field names, or `*`", "Verge's own", "fields a page may read"),
    key("api[].cors.credentials", "boolean", "false", "whether cookies may come along"),
    key("api[].cors.max_age", "duration", "10m", "how long a browser may remember a preflight"),
    key("api[].cors.existing", "`replace` or `keep`", "replace", "what becomes of the stage's own CORS fields"),
    key("api[].status", "table", "the defaults", "statuses of its own"),
    key("api[].status.*", "integer", "the code's own", "the status this rejection is answered with"),
    key("api[].table", "table", "`[table]`", "a table of its own"),
];

/// A path of [`KEYS`] for a path of a document: without list positions, with `[api.table]` read as `[table]`, and a
/// single TLS listener as a list of one.
pub(crate) fn general(path: &str) -> String {
    let mut out = String::new();
    let mut parts = path.split('[');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        out.push('[');
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    match out.strip_prefix("api[].table.") {
        Some(key) => format!("table.{key}"),
        None => out.replace("listen.https.", "listen.https[]."),
    }
}

/// What to say of a key that nobody knows.
pub(crate) fn unknown(key: &str, known: &[&'static str]) -> String {
    let elsewhere = elsewhere(key);
    let hint =
        if elsewhere.is_empty() { suggest(key, known) } else { format!(", it belongs in {}", elsewhere.join(" or ")) };
    format!("unknown key `{}`{hint}", shown(key))
}

/// `, did you mean …?`, or the words there are.
pub(crate) fn suggest(word: &str, known: &[&'static str]) -> String {
    match nearest(word, known) {
        Some(near) => format!(", did you mean `{near}`?"),
        None => format!(", there are `{}`", known.join("`, `")),
    }
}

/// The word that differs in at most a third of its letters, two swapped ones counting as one.
fn nearest(word: &str, known: &[&'static str]) -> Option<&'static str> {
    let close = |known: &'static str| {
        let most = known.len().div_ceil(3);
        if word.len().abs_diff(known.len()) > most {
            return None;
        }
        let distance = strsim::osa_distance(word, known);
        (distance <= most).then_some((distance, known))
    };
    known.iter().copied().filter_map(close).min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

/// The paths alone, for hints: an edge that shows no reference does without the rest.
const PATHS: [&str; KEYS.len()] = {
    let mut paths = [""; KEYS.len()];
    let (mut keys, mut places): (&[Key], &mut [&str]) = (KEYS, &mut paths);
    while let ([key, more_keys @ ..], [path, more_places @ ..]) = (keys, places) {
        *path = key.path;
        (keys, places) = (more_keys, more_places);
    }
    paths
};

/// The sections that know this key.
fn elsewhere(key: &str) -> Vec<String> {
    let section = |path: &&'static str| match path.rsplit_once('.') {
        Some((section, last)) if last == key => Some(format!("`{}`", header(section))),
        None if *path == key => Some("the top level".to_owned()),
        _ => None,
    };
    PATHS.iter().filter_map(section).collect()
}

/// `api[].version` is written `[api.version]`, `api[]` is written `[[api]]`.
pub(crate) fn header(section: &str) -> String {
    match section.strip_suffix("[]") {
        Some(list) => format!("[[{}]]", list.replace("[]", "")),
        None => format!("[{}]", section.replace("[]", "")),
    }
}
