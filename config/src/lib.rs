//! Text -> [`Config`]. Pure: no files, no environment, no network.
//!
//! [`Config::parse`] reads a whole TOML document and either gives a configuration in which every value has been checked,
//! or [`Problems`]: everything that is wrong with the document, each with its key path and line, in the order of the
//! document. Paths stay as written ([`Config::paths_mut`] is for the caller who knows the file's place), and a secret
//! stays the name of an environment variable ([`Secret`]).
//!
//! There is a module for each part of the document; [`keys`] lists every key.

pub mod api;
pub mod canary;
pub mod keys;
pub mod lambda;
pub mod limits;
pub mod listen;
pub mod log;
pub mod origins;
pub mod problem;
pub mod secret;
pub mod table;
pub mod units;
pub mod usage;

mod claims;
mod cors;
mod document;
mod entry;
mod report;
mod section;
mod warn;

#[cfg(test)]
mod tests;

pub use crate::{
    api::ApiConfig,
    canary::{Breaker, Canary},
    lambda::Lambda,
    limits::Limits,
    listen::{Admin, AdminTls, CertificateFiles, ClientCertificates, Health, Https, Listen},
    log::{AccessLog, Format, Level, Log},
    origins::{OriginTimeouts, Origins},
    problem::{Problem, Problems},
    secret::Secret,
    table::{Table, TableSource},
    usage::{ConsumerBy, Usage},
};

use crate::{claims::Claims, report::Report, section::Section};

/// A configuration in which every value has been checked. [`Config::parse`] is its only maker.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// `[listen]`: where clients connect.
    pub listen: Listen,
    /// `[admin]`: metrics, and what was seen of arms.
    pub admin: Option<Admin>,
    /// `[health]`: a listener for probes alone.
    pub health: Option<Health>,
    /// `[log]`.
    pub log: Log,
    /// `[limits]`: what a client may send, and how slowly.
    pub limits: Limits,
    /// `[table]`: where mappings come from, for every API without a table of its own.
    pub table: Option<Table>,
    /// `[origins]`: what may be dialled, and how.
    pub origins: Origins,
    /// `[canary]`: who may choose an arm, and when a breaker takes one out.
    pub canary: Canary,
    /// `[usage]`: how consumers are told apart.
    pub usage: Usage,
    /// `[lambda]`: what a Lambda@Edge function needs besides.
    pub lambda: Lambda,
    /// `[[api]]`, in the order of the document. Names are distinct; each has a table, its own or `table`.
    pub apis: Vec<ApiConfig>,
}

impl Config {
    /// Reads a whole document.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the document. A text that is not TOML gives the first place
    /// where it stops being so, and nothing else.
    pub fn parse(text: &str) -> Result<Self, Problems> {
        Self::read::<false>(text, true)
    }

    /// The same for a program that serves nothing, and reads the document of one that does: of an edge in another program,
    /// perhaps, so `[listen]` may be missing.
    ///
    /// # Errors
    /// As above.
    pub fn parse_unserved(text: &str) -> Result<Self, Problems> {
        Self::read::<false>(text, false)
    }

    /// The same for an edge in another program. What is that program's business may be missing, is not looked into, and
    /// is here as by default: `[listen]`, `[admin]`, `[health]`, `[log]`, `[limits]`, and of `[origins]` how they are
    /// dialled.
    ///
    /// # Errors
    /// As above; and what is to be proven to origins, for such an edge proves nothing.
    pub fn parse_hosted(text: &str) -> Result<Self, Problems> {
        Self::read::<true>(text, false)
    }

    /// A parameter of the type, so that what a hosted edge passes over is not even in its program.
    fn read<const HOSTED: bool>(text: &str, listens: bool) -> Result<Self, Problems> {
        let report = Report::new(text);
        let document = document::Table::parse(text).map_err(|fault| report.syntax(text, fault))?;
        let mut root = Section::root(&report, &document);
        let mut claims = Claims::default();
        let mut config = Self {
            listen: Listen::default(),
            admin: None,
            health: None,
            log: Log::default(),
            limits: Limits::default(),
            table: None,
            origins: Origins::default(),
            canary: Canary::default(),
            usage: Usage::default(),
            lambda: Lambda::default(),
            apis: Vec::new(),
        };
        if HOSTED {
            root.pass_over(&["listen", "admin", "health", "log", "limits"]);
        } else {
            config.listen = listen::read_listen(&mut root, listens, &mut claims);
            config.admin = listen::read_admin(&mut root, &mut claims);
            config.health = listen::read_health(&mut root, &mut claims);
            config.log = log::read(&mut root);
            config.limits = limits::read(&mut root);
        }
        config.table = root.section("table").and_then(|section| table::read(section, false, &mut claims));
        config.origins = origins::read::<HOSTED>(&mut root, &mut claims);
        config.canary = canary::read(&mut root);
        config.usage = usage::read(&mut root);
        config.lambda = lambda::read(&mut root);
        config.apis = api::read_all(&mut root, &mut claims);
        root.close();
        report.finish(config)
    }

    /// What is allowed but unwise, for a log line at start and for `verge check`. No lines: only key paths.
    #[must_use]
    pub fn warnings(&self) -> Vec<Problem> {
        warn::warnings(self)
    }

    /// Every path to a file or directory, as written, for the caller to make absolute: relative ones are relative to
    /// the configuration file.
    pub fn paths_mut(&mut self) -> Vec<&mut String> {
        let mut paths = Vec::new();
        for https in &mut self.listen.https {
            for files in &mut https.certificates {
                paths.push(&mut files.certificate);
                paths.push(&mut files.key);
            }
            paths.extend(https.clients.iter_mut().map(|clients| &mut clients.ca));
        }
        paths.extend(&mut self.listen.upgrade);
        if let Some(AdminTls { files, client_ca }) = self.admin.as_mut().and_then(|admin| admin.tls.as_mut()) {
            paths.push(&mut files.certificate);
            paths.push(&mut files.key);
            paths.extend(client_ca);
        }
        if let AccessLog::Path(path) = &mut self.log.access {
            paths.push(path);
        }
        paths.extend(&mut self.origins.ca);
        for identity in &mut self.origins.proofs.identities {
            paths.push(&mut identity.files.certificate);
            paths.push(&mut identity.files.key);
        }
        for table in self.table.iter_mut().chain(self.apis.iter_mut().filter_map(|api| api.table.as_mut())) {
            match &mut table.source {
                TableSource::Embedded { path, .. } | TableSource::File { path } => paths.push(path),
                TableSource::Dynamodb { .. } => {}
            }
            paths.extend(&mut table.snapshot);
            paths.extend(&mut table.bootstrap);
        }
        paths
    }
}
