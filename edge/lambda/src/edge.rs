//! One configuration with its tables: what an environment of the function holds.

use crate::{
    answer::Answer,
    decide,
    event::Question,
    settings::{self, Settings},
};
use serde_json::json;
use verge_carry::{
    Tables,
    tables::{Judged, Published},
};
use verge_config::Config;

/// An edge, configured.
#[derive(Debug)]
pub struct Edge {
    settings: Settings,
    told: Box<str>,
    tables: Tables,
}

impl Edge {
    /// The edge of a `verge.toml`.
    ///
    /// # Errors
    /// What is wrong with it, a line for each problem.
    pub fn configured(toml: &str) -> Result<Self, String> {
        let config = Config::parse_hosted(toml).map_err(|problems| problems.to_string())?;
        Ok(Self::new(&config, Tables::new(&config)))
    }

    /// The edge that stands in for the function of the AWS sample: one API over a table in its layout, in `us-east-1`, whose
    /// versions are read from this field.
    ///
    /// # Errors
    /// What is wrong with the names.
    pub fn standing_in(table: &str, header: &str) -> Result<Self, String> {
        let read = if header.eq_ignore_ascii_case("accept") { "accept" } else { "header" };
        let text = |text: &str| toml_string(text);
        let (table, name) = (text(table), text(if read == "accept" { "APIVER" } else { header }));
        let toml = format!(
            "[table]\nsource = \"dynamodb\"\nname = {table}\nregion = \"us-east-1\"\n\
             [[api]]\nname = \"sample\"\nhosts = [\"*\"]\n[api.version]\nread = [\"{read}\"]\nheader = {name}\n",
        );
        let config = Config::parse_hosted(&toml).map_err(|problems| problems.to_string())?;
        Ok(Self::new(&config, Tables::new(&config).allowing_what_rows_name()))
    }

    fn new(config: &Config, tables: Tables) -> Self {
        Self { settings: Settings::of(config), told: settings::told(config).to_string().into(), tables }
    }

    /// Writes what the caller must know, in JSON: `refresh` in seconds, and `tables` in the order they are named by.
    pub fn tell_settings(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.told.as_bytes());
    }

    /// Whether this table is held.
    #[must_use]
    pub fn holds(&self, place: usize) -> bool {
        self.tables.holds(place)
    }

    /// Takes a page of a table.
    pub fn page(&mut self, place: usize, json: &[u8]) {
        self.tables.page(place, json);
    }

    /// Forgets the pages since the last reading.
    pub fn drop_pages(&mut self, place: usize) {
        self.tables.drop_pages(place);
    }

    /// The pages since the last reading are a whole one. Writes what became of it, in JSON.
    pub fn publish(&mut self, place: usize, now: u64, out: &mut Vec<u8>) {
        let told = match self.tables.publish(place, Judged::Here, now) {
            Ok(Published { held, changed, doubt, invalid }) => json!({
                "held": held,
                "changed": changed,
                "doubt": doubt.map(|doubt| doubt.to_string()),
                "invalid": invalid.iter().map(|item| json!({
                    "api": item.api, "key": item.key, "reason": item.reason, "kept": item.kept,
                })).collect::<Vec<_>>(),
            }),
            Err(error) => json!({"error": error.0}),
        };
        out.extend_from_slice(told.to_string().as_bytes());
    }

    /// Decides about an event ([`event`](crate::event)), and writes what is to be done ([`answer`](crate::answer)).
    pub fn decide(&self, question: &Question<'_>, out: &mut Answer) {
        decide::decide(question, &self.settings, self.tables.loaded(), out);
    }
}

/// A basic string of TOML. What may not be in one, no name has.
fn toml_string(text: &str) -> String {
    let mut out = String::new();
    verge_carry::write_json_string(&mut out, text);
    out
}
