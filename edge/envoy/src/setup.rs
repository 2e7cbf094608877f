//! The plugin configuration: Verge's document, and what Envoy alone needs to know.
//!
//! ```json
//! {
//!   "verge": "…the text of verge.toml…",
//!   "table": {"Items": []},
//!   "tables": {"bills": {"Items": []}},
//!   "fetch": {"cluster": "verge_table", "path": "/table", "host": "verge", "token": "…"},
//!   "origins": {"field": "x-verge-cluster", "cluster": "origins", "insecure": "origins_in_the_clear",
//!               "clusters": {"v1.example.com": "stage_v1"}}
//! }
//! ```
//!
//! `verge` may be an object too, the same document in JSON. A configuration that does not begin with `{` is the text of
//! `verge.toml` itself. Envoy passes on what it is given, so problems are told in its log, all at once.

use crate::document::{to_json, to_toml};
use http::{HeaderName, HeaderValue};
use std::time::Duration;
use verge_config::Config;
use verge_mappings::{Members, Value};
use verge_router::origin::Domain;

/// The field a route picks its cluster by, where none is named.
const FIELD: &str = "x-verge-cluster";
/// The cluster of origins, where none is named.
const CLUSTER: &str = "origins";
/// Where Verge's admin listener has the table.
const PATH: &str = "/table";
/// What the table's server is called to, where no host is named.
const HOST: &str = "verge";
/// Envoy's timers are not made for less.
const SHORTEST_TICK: Duration = Duration::from_secs(1);

/// A plugin configuration, read.
#[derive(Debug)]
pub struct Setup {
    /// Verge's own.
    pub config: Config,
    /// The tables written in the configuration: of this API, or of all others; as JSON.
    pub tables: Vec<(Option<String>, Vec<u8>)>,
    /// Where tables are fetched from.
    pub fetch: Option<Fetch>,
    /// Which cluster dials what.
    pub clusters: Clusters,
}

/// An HTTP server that has the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// Envoy's cluster for it.
    pub cluster: String,
    /// Its authority.
    pub host: String,
    /// The path; of an API's own table, with `?api=` and its name after it.
    pub path: String,
    /// The admin token, where the listener wants one.
    pub token: Option<String>,
    /// How often it is asked.
    pub every: Duration,
}

/// Which of Envoy's clusters dials an origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clusters {
    /// The field that tells the route.
    pub field: HeaderName,
    /// For what has no cluster of its own.
    pub all: HeaderValue,
    /// The same for what is spoken to in the clear; `None`: no row may be.
    pub insecure: Option<HeaderValue>,
    /// By domain, in order.
    pub named: Vec<(String, HeaderValue)>,
}

impl Clusters {
    /// The cluster of a domain's own.
    #[must_use]
    pub fn named_for(&self, domain: &str) -> Option<&HeaderValue> {
        let place = self.named.binary_search_by(|(name, _)| name.as_str().cmp(domain)).ok()?;
        self.named.get(place).map(|(_, cluster)| cluster)
    }
}

impl Setup {
    /// Reads a plugin configuration.
    ///
    /// # Errors
    /// What is wrong with it, a line for each problem.
    pub fn read(text: &str) -> Result<Self, String> {
        if !text.trim_start().starts_with('{') {
            return Self::new(text, &mut Unread(Members::new()));
        }
        let json = Value::read_json(text.as_bytes()).map_err(|error| format!("this is no JSON: {error}"))?;
        let Value::M(members) = json else { return Err("this is no object of JSON".to_owned()) };
        let mut members = Unread(members);
        let document = match members.take("verge") {
            Some(Value::S(toml)) => toml,
            Some(Value::M(document)) => to_toml(&document),
            _ => return Err("`verge` is missing: it is the configuration document, as text or object".to_owned()),
        };
        Self::new(&document, &mut members)
    }

    fn new(document: &str, members: &mut Unread) -> Result<Self, String> {
        let config = Config::parse_hosted(document).map_err(|problems| problems.to_string())?;
        let mut tables = Vec::new();
        if let Some(table) = members.take("table") {
            tables.push((None, to_json(&table).into_bytes()));
        }
        for (api, table) in members.object("tables")?.0 {
            if !config.apis.iter().any(|one| one.name == api && one.table.is_some()) {
                return Err(format!("`tables.{api}`: no such API has a table of its own (`[api.table]`)"));
            }
            tables.push((Some(api), to_json(&table).into_bytes()));
        }
        let fetch = read_fetch(members.object("fetch")?, &config)?;
        let clusters = read_clusters(members.object("origins")?)?;
        if config.origins.rules.insecure && clusters.insecure.is_none() {
            // The cluster of all others speaks TLS to whatever it dials.
            return Err("`origins.insecure` is missing: Envoy's cluster for rows with `scheme = \"http\"`".to_owned());
        }
        members.close("")?;
        Ok(Self { config, tables, fetch, clusters })
    }
}

fn read_fetch(mut members: Unread, config: &Config) -> Result<Option<Fetch>, String> {
    if members.0.is_empty() {
        return Ok(None);
    }
    let tables = config.table.iter().chain(config.apis.iter().filter_map(|api| api.table.as_ref()));
    let often = tables.map(|table| if table.poll.is_zero() { table.refresh } else { table.poll }).min();
    let fetch = Fetch {
        cluster: members.text("cluster")?.ok_or("`fetch.cluster` is missing: Envoy's cluster that has the table")?,
        host: members.text("host")?.unwrap_or_else(|| HOST.to_owned()),
        path: members.text("path")?.unwrap_or_else(|| PATH.to_owned()),
        token: members.text("token")?,
        every: often.unwrap_or(SHORTEST_TICK).max(SHORTEST_TICK),
    };
    members.close("fetch.")?;
    Ok(Some(fetch))
}

fn read_clusters(mut members: Unread) -> Result<Clusters, String> {
    let field = members.text("field")?.unwrap_or_else(|| FIELD.to_owned());
    let mut clusters = Vec::new();
    for (domain, cluster) in members.object("clusters")?.0 {
        let parsed = Domain::parse(&domain).map_err(|error| format!("`origins.clusters`: `{domain}`: {error}"))?;
        clusters.push((parsed.to_string(), cluster));
    }
    let mut named = Vec::new();
    for (domain, cluster) in Members::of(clusters) {
        let Value::S(cluster) = cluster else {
            return Err(format!("`origins.clusters`: `{domain}` names no cluster"));
        };
        let cluster = read_cluster(&cluster, &format!("origins.clusters.{domain}"))?;
        named.push((domain, cluster));
    }
    let all = members.text("cluster")?.unwrap_or_else(|| CLUSTER.to_owned());
    let insecure = members.text("insecure")?;
    let clusters = Clusters {
        field: field.parse().map_err(|_| format!("`origins.field`: `{field}` can be no field's name"))?,
        all: read_cluster(&all, "origins.cluster")?,
        insecure: insecure.map(|cluster| read_cluster(&cluster, "origins.insecure")).transpose()?,
        named,
    };
    members.close("origins.")?;
    Ok(clusters)
}

/// A cluster's name, which goes to the route as a field's value.
fn read_cluster(name: &str, place: &str) -> Result<HeaderValue, String> {
    let value = HeaderValue::from_str(name).ok().filter(|value| !value.is_empty());
    value.ok_or_else(|| format!("`{place}`: {name:?} can be no field's value, and the route picks by one"))
}

/// An object whose members are taken out one by one; what is left is not known.
struct Unread(Members);

impl Unread {
    fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| *value != Value::Null)
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::S(text)) => Ok(Some(text)),
            Some(_) => Err(format!("`{name}` is a text")),
        }
    }

    fn object(&mut self, name: &str) -> Result<Self, String> {
        match self.take(name) {
            None => Ok(Self(Members::new())),
            Some(Value::M(members)) => Ok(Self(members)),
            Some(_) => Err(format!("`{name}` is an object")),
        }
    }

    fn close(&self, place: &str) -> Result<(), String> {
        match self.0.keys().next() {
            None => Ok(()),
            Some(name) => Err(format!("`{place}{name}` is unknown")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, json};

    const DOCUMENT: &str =
        "[table]\nsource = \"dynamodb\"\nname = \"versions\"\n[[api]]\nname = \"orders\"\nhosts = [\"*\"]\n";

    #[test]
    fn a_text_is_the_document_and_nothing_else_need_be_said() {
        let setup = Setup::read(DOCUMENT).unwrap();
        assert!(setup.tables.is_empty() && setup.fetch.is_none());
        assert_eq!((setup.clusters.field.as_str(), &setup.clusters.all), (FIELD, &HeaderValue::from_static(CLUSTER)));
    }

    #[test]
    fn everything_can_be_said() {
        let text = json!({
            "verge": DOCUMENT,
            "table": {"Items": []},
            "fetch": {"cluster": "verge", "token": "t"},
            "origins": {"field": "X-C", "clusters": {"A.example": "a"}, "insecure": "clear"},
        });
        let setup = Setup::read(&text.to_string()).unwrap();
        assert_eq!(setup.tables, [(None, b"{\"Items\":[]}".to_vec())]);
        let fetch = setup.fetch.unwrap();
        assert_eq!((&*fetch.path, fetch.token.as_deref(), fetch.every), ("/table", Some("t"), SHORTEST_TICK));
        assert_eq!(setup.clusters.named_for("a.example").unwrap(), "a");
    }

    #[test]
    fn what_is_wrong_is_said_by_its_name() {
        let refused = |more: Json| {
            let mut text = json!({"verge": DOCUMENT});
            text.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            Setup::read(&text.to_string()).unwrap_err()
        };
        assert_eq!(refused(json!({"tabel": {}})), "`tabel` is unknown");
        assert_eq!(
            refused(json!({"fetch": {"path": "/"}})),
            "`fetch.cluster` is missing: Envoy's cluster that has the table"
        );
        assert_eq!(refused(json!({"fetch": {"cluster": "a", "b": 1}})), "`fetch.b` is unknown");
        assert_eq!(refused(json!({"origins": {"field": "a b"}})), "`origins.field`: `a b` can be no field's name");
        for (place, origins) in [
            ("origins.cluster", json!({"cluster": "a\nb"})),
            ("origins.insecure", json!({"insecure": ""})),
            ("origins.clusters.a.example", json!({"clusters": {"a.example": "a\u{0}"}})),
        ] {
            let told = refused(json!({"origins": origins}));
            assert!(told.contains(&format!("`{place}`")) && told.contains("can be no field's value"), "{told}");
        }
        let clear = json!({"verge": format!("[origins]\ninsecure = true\n{DOCUMENT}")});
        assert!(refused(clear).starts_with("`origins.insecure` is missing"));
        assert!(refused(json!({"tables": {"bills": []}})).contains("no such API"));
        assert!(Setup::read("{}").unwrap_err().contains("`verge` is missing"));
        assert!(Setup::read("[[api]]\nnaem = 1").unwrap_err().contains("naem"));
    }
}
